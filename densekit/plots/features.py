"""What a network has learned to see: its first filters, and its feature maps from the input to the end."""

from collections.abc import Mapping

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from densekit.errors import DataError
from densekit.plots.described import describe, new_figure
from densekit.plots.style import styled
from densekit.words import counted

_ACROSS = 8
_BORDER = 1


def filter_grid(panels: Mapping[str, Tensor], title: str) -> Figure:
    """Draw filters of first convolutions as small pictures, eight in a row, a panel for each network.

    Each filter is scaled so that its lowest weight is black and its highest is full.

    Args:
        panels: filters by what they are called, each (N, 3, height, width).
        title: what is shown.

    Raises:
        DataError: filters that don't read three colours.
    """
    for name, filters in panels.items():
        if filters.dim() != 4 or filters.shape[1] != 3:
            raise DataError(
                f"the filters of '{name}' have the shape {tuple(filters.shape)}: expected three colours"
            )
    rows = max(-(-len(filters) // _ACROSS) for filters in panels.values())
    with styled():
        figure = new_figure(4.4 * len(panels), 0.8 + 0.53 * rows)
        for axes, (name, filters) in zip(
            figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True
        ):
            axes.imshow(_mosaic(filters.detach().float().cpu()), interpolation="nearest")
            axes.set_title(name)
            axes.set_axis_off()
        figure.suptitle(title)
    each = "; ".join(f"{name}: {counted(len(filters), 'filter')}" for name, filters in panels.items())
    return describe(figure, f"{title}. Small colour pictures of weights. {each}.")


def _mosaic(filters: Tensor) -> NDArray[np.float32]:
    """Return filters, (N, 3, h, w), as one picture, (H, W, 3), with white between them."""
    low, high = (extreme(filters, dim=(1, 2, 3), keepdim=True) for extreme in (torch.amin, torch.amax))
    scaled = (filters - low) / (high - low).clamp(min=1e-12)
    framed = torch.nn.functional.pad(scaled, (0, _BORDER, 0, _BORDER), value=1.0)
    missing = -len(framed) % min(_ACROSS, len(framed))
    framed = torch.cat([framed, framed.new_ones(missing, *framed.shape[1:])])
    n, c, h, w = framed.shape
    across = min(_ACROSS, n)
    tiles = framed.view(n // across, across, c, h, w).permute(0, 3, 1, 4, 2)  # (rows, h, across, w, 3)
    return np.asarray(tiles.reshape(n // across * h, across * w, c).numpy())


def feature_map_ladder(
    picture: Image.Image, maps: Mapping[str, Tensor], title: str, channels: int = 6
) -> Figure:
    """Draw some feature maps of one picture, a row for each depth, beside the picture.

    At each depth the channels are shown that differ most from place to place, bright where they are high.

    Args:
        picture: as the network saw it.
        maps: feature maps by the name of the depth, each (C, H, W), from the input to the end.
        title: what is shown.
        channels: maps in a row.

    Raises:
        DataError: a map without three dimensions.
    """
    for name, each in maps.items():
        if each.dim() != 3:
            raise DataError(f"the maps of '{name}' have the shape {tuple(each.shape)}: expected (C, H, W)")
    with styled():
        figure = new_figure(1.35 * (channels + 1) + 0.4, 1.35 * len(maps) + 0.5, photographic=True)
        grid = figure.subplots(len(maps), channels + 1, squeeze=False)
        for row, (name, each) in zip(grid, maps.items(), strict=True):
            c, h, w = each.shape
            row[0].set_title(f"{name}\n{c} maps, {h} × {w}", fontsize=8)
            row[0].imshow(
                picture.resize((w, h), Image.Resampling.BOX).resize((96, 96), Image.Resampling.NEAREST)
            )
            for axes, index in zip(row[1:], _liveliest(each, channels), strict=False):
                axes.imshow(
                    each[index].detach().float().cpu().numpy(), cmap="viridis", interpolation="nearest"
                )
                axes.set_title(f"channel {index}", fontsize=7, fontweight="normal")
            for axes in row:
                axes.set_axis_off()
        figure.suptitle(title)
    each_depth = "; ".join(
        f"{name}: {m.shape[0]} maps of {m.shape[1]} × {m.shape[2]}" for name, m in maps.items()
    )
    return describe(
        figure,
        f"{title}. One row for each depth: the picture in as many squares as the maps have places, and "
        f"{channels} of the maps. {each_depth}.",
    )


def _liveliest(maps: Tensor, count: int) -> list[int]:
    """Return the channels that differ most from place to place, relative to how large they are."""
    flat = maps.detach().float().flatten(1)  # (C, H·W)
    liveliness = flat.std(dim=1) / flat.abs().mean(dim=1).clamp(min=1e-6)
    liveliness = liveliness.masked_fill(
        (flat != 0).float().mean(dim=1) < 0.25, 0
    )  # one lit place tells little
    return liveliness.topk(min(count, len(flat))).indices.tolist()
