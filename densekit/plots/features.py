"""What a network sees, and what it makes of it: pictures as it gets them, filters, maps, weights."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib import colormaps
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray
from PIL import Image
from torch import Tensor

from densekit.data.transforms import Preprocessing
from densekit.errors import DataError
from densekit.plots.described import describe, new_figure
from densekit.plots.parts import write_within
from densekit.plots.pictures import image_grid
from densekit.plots.style import LIGHT, readable_on, styled
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
        f"{title}. One row for each depth: the picture in as many squares as the maps have positions, and "
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


def as_network_sees(images: Tensor, preprocessing: Preprocessing, title: str) -> Figure:
    """Draw normalised pictures as colours again: what a network that expects this preprocessing takes them for.

    Pictures that were prepared in another way come out pale, dark or burnt: so they look to the network.

    Args:
        images: what goes into the network, (N, 3, H, W).
        preprocessing: what its weights expect.
        title: how the pictures were prepared.
    """
    mean, std = (torch.tensor(each).view(3, 1, 1) for each in (preprocessing.mean, preprocessing.std))
    colours = images.detach().cpu() * std + mean  # (N, 3, H, W), outside of 0 to 1 where it is wrong
    spreads = [f"{one.min():.1f} to {one.max():.1f}" for one in images]
    figure = image_grid(
        list(colours.clamp(0, 1)), spreads, f"As the network sees them: {title}", columns=len(images)
    )
    beyond = ((colours - 0.5).abs() > 0.51).float().mean().item()
    return describe(
        figure,
        f"{len(images)} pictures as the network sees them: {title}. Above each, its lowest and highest number. "
        f"{beyond:.0%} of the numbers lie outside of what any colour gives.",
    )


_COLOURS = colormaps["Blues"]


def weight_by_source(sizes: Sequence[ArrayLike], title: str) -> Figure:
    """Draw how large the weights are that each layer of a dense block gives to each place it reads from.

    A cell says how large a weight is on average, where 1.00 is the mean over all that the layer reads. A row is a
    layer, a column where it reads from: the input of the block (x₀), then the layers before.

    Args:
        sizes: for each layer, one number for each place it reads from: 1 for layer 1, 2 for layer 2, and so on.
        title: what is shown.

    Raises:
        DataError: a layer has not as many numbers as places it reads from.
    """
    rows = [np.asarray(row, dtype=np.float64) for row in sizes]
    for number, row in enumerate(rows, start=1):
        if row.shape != (number,):
            raise DataError(f"layer {number} has {row.size} numbers: expected {number}, one for each source")
    layers = len(rows)
    table = np.full((layers, layers), np.nan)
    for number, row in enumerate(rows):
        table[number, : number + 1] = row / row.mean()
    with styled():
        figure = new_figure(1.6 + 0.56 * layers, 1.5 + 0.36 * layers)
        axes = figure.add_subplot()
        image = axes.imshow(
            table, cmap=_COLOURS.with_extremes(bad="white"), vmin=0.6, vmax=1.4, aspect="auto"
        )
        for (layer, source), value in np.ndenumerate(table):
            if not np.isnan(value):
                colour = readable_on(tuple(image.to_rgba(value)))
                write_within(axes, (source, layer), f"{value:.2f}", colour, size=8)
        axes.set_xticks(range(layers), ["x₀", *map(str, range(1, layers))])
        axes.set_yticks(range(layers), [str(number) for number in range(1, layers + 1)])
        axes.set(xlabel="reads from: the input of the block, or layer …", ylabel="layer that reads")
        axes.tick_params(length=0, color=LIGHT)
        axes.spines[:].set_visible(False)
        figure.suptitle(title)
    lowest = np.nanmin(table)
    last = ", ".join(f"{value:.2f}" for value in table[-1])
    return describe(
        figure,
        f"{title}. Heat map of {counted(layers, 'layer')}: a layer's mean weight is 1. No source gets less "
        f"than {lowest:.2f} of it, none more than {np.nanmax(table):.2f}. The last layer reads from the "
        f"input and each layer before with {last}.",
    )
