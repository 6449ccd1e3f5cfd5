"""Measured accuracies of several ways, with intervals over seeds and the level of chance."""

from collections.abc import Mapping, Sequence
from statistics import fmean

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from densekit.errors import DataError
from densekit.intervals import half_interval
from densekit.plots.described import describe, new_figure
from densekit.plots.style import BLACK, BLUE, GREEN, GREY, LIGHT, PURPLE, VERMILLION, styled
from densekit.words import counted, percent

_LOOKS = ((BLUE, "o", "-"), (VERMILLION, "s", "--"), (GREEN, "^", "-"), (PURPLE, "D", "--"))


def accuracy_lines(
    panels: Mapping[str, Mapping[str, ArrayLike]],
    points: Sequence[object],
    chance: Mapping[str, float],
    xlabel: str,
    title: str,
    ylabel: str = "accuracy, % right",
) -> Figure:
    """Draw accuracy over some setting, a line for each way, with 95 % intervals over the seeds.

    Args:
        panels: by the name of the panel, accuracies by the name of the way, each (seeds, points), 0 to 1.
        points: the setting's values, in order; they are drawn at equal distances.
        chance: by the name of the panel, what blind guessing gets, 0 to 1.
        xlabel: what the setting is.
        title: what is shown.
        ylabel: what is measured, if it is another share than accuracy.

    Raises:
        DataError: accuracies that don't have one column for each point.
    """
    tables = {
        panel: {way: _table(way, values, len(points)) for way, values in ways.items()}
        for panel, ways in panels.items()
    }
    with styled():
        figure = new_figure(max(6.4, 4.4 * len(tables)), 3.7)
        drawn = figure.subplots(1, len(tables), squeeze=False, sharey=True)[0]
        for axes, (panel, ways) in zip(drawn, tables.items(), strict=True):
            for index, (way, table) in enumerate(ways.items()):
                _line(
                    axes, way, table, _LOOKS[index % len(_LOOKS)], shift=0.06 * (index - (len(ways) - 1) / 2)
                )
            axes.axhline(100 * chance[panel], color=BLACK, linewidth=1, linestyle=":", label="chance")
            axes.set_xticks(range(len(points)), [str(point) for point in points])
            axes.set(xlabel=xlabel, ylim=(0, 102), title=panel)
            axes.grid(axis="y", color=LIGHT, linewidth=0.8)
            axes.set_axisbelow(True)
            axes.tick_params(color=GREY)
        drawn[0].set_ylabel(ylabel)
        figure.legend(*drawn[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
        figure.suptitle(title)
    return describe(figure, _words(title, tables, points, chance, f"{ylabel}, by {xlabel}"))


def _table(way: str, values: ArrayLike, points: int) -> NDArray[np.float64]:
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 2 or table.shape[1] != points:
        raise DataError(f"the accuracies of '{way}' have the shape {table.shape}: expected (seeds, {points})")
    return table


def _line(axes: Axes, way: str, table: NDArray[np.float64], look: tuple[str, str, str], shift: float) -> None:
    colour, marker, line = look
    places = np.arange(table.shape[1]) + shift
    errors = [100 * half_interval(column.tolist()) for column in table.T]
    axes.errorbar(
        places,
        100 * table.mean(axis=0),
        yerr=None if len(table) < 2 else errors,
        color=colour,
        marker=marker,
        linestyle=line,
        markersize=5,
        capsize=3,
        label=way,
    )


def _words(
    title: str,
    tables: Mapping[str, Mapping[str, NDArray[np.float64]]],
    points: Sequence[object],
    chance: Mapping[str, float],
    what: str,
) -> str:
    text = f"{title}: {what}. "
    for panel, ways in tables.items():
        text += f"{panel}, where chance is {percent(chance[panel])}: "
        for way, table in ways.items():
            each = ", ".join(
                f"{point}: {percent(fmean(column))}"
                for point, column in zip(points, table.T.tolist(), strict=True)
            )
            text += f"{way} over {counted(len(table), 'seed')} {each}. "
    return text
