"""Which earlier features a dense layer reads, told from its weights."""

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from densekit.errors import DataError
from densekit.plots.described import describe, new_figure
from densekit.plots.style import LIGHT, readable_on, styled
from densekit.words import counted

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
                axes.text(source, layer, f"{value:.2f}", ha="center", va="center", color=colour, fontsize=8)
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
