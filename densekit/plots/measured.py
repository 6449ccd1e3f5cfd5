"""What was measured: accuracies with their intervals, and the networks of the zoo against what they cost."""

from collections.abc import Mapping, Sequence
from statistics import fmean

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullFormatter, NullLocator
from numpy.typing import ArrayLike, NDArray

from densekit.errors import DataError
from densekit.intervals import half_interval
from densekit.plots.described import describe, new_figure
from densekit.plots.style import BLACK, BLUE, GREEN, GREY, LIGHT, ORANGE, PURPLE, SKY, VERMILLION, styled
from densekit.words import counted, percent

_LOOKS_OF_LINES = ((BLUE, "o", "-"), (VERMILLION, "s", "--"), (GREEN, "^", "-"), (PURPLE, "D", "--"))


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
                look = _LOOKS_OF_LINES[index % len(_LOOKS_OF_LINES)]
                _line(axes, way, table, look, shift=0.06 * (index - (len(ways) - 1) / 2))
            axes.axhline(100 * chance[panel], color=BLACK, linewidth=1, linestyle=":", label="chance")
            axes.set_xticks(range(len(points)), [str(point) for point in points])
            axes.set(xlabel=xlabel, ylim=(0, 102), title=panel)
            axes.grid(axis="y", color=LIGHT, linewidth=0.8)
            axes.set_axisbelow(True)
            axes.tick_params(color=GREY)
        drawn[0].set_ylabel(ylabel)
        figure.legend(*drawn[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
        figure.suptitle(title)
    return describe(figure, _words_of_lines(title, tables, points, chance, f"{ylabel}, by {xlabel}"))


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


def _words_of_lines(
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
                f"{point}: {_told(column)}" for point, column in zip(points, table.T.tolist(), strict=True)
            )
            text += f"{way} over {counted(len(table), 'seed')} {each}. "
    return text


def _told(shares: Sequence[float]) -> str:
    within = f" ± {percent(half_interval(shares))}" if len(shares) > 1 else ""
    return f"{percent(fmean(shares))}{within}"


_LOOKS_OF_ZOO = {
    "AlexNet": (BLACK, "X"),
    "VGG": (GREY, "P"),
    "SqueezeNet": (PURPLE, "v"),
    "Inception": (ORANGE, "D"),
    "ResNet": (BLUE, "o"),
    "ResNet, wider": (SKY, "h"),
    "for phones": (GREEN, "^"),
    "DenseNet": (VERMILLION, "s"),
}
_SHORT = {
    "squeezenet1_0": "SqueezeNet",
    "googlenet": "GoogLeNet",
    "inception_v3": "Inception v3",
    "wide_resnet50_2": "Wide ResNet-50",
    "resnext50_32x4d": "ResNeXt-50",
    "shufflenet_v2_x1_0": "ShuffleNet",
    "mobilenet_v2": "MobileNet",
    "mnasnet1_0": "MNASNet",
    "alexnet": "AlexNet",
    "vgg16": "VGG-16",
}
# Where a label stands, seen from its point, where not to the right of it: chosen so that no two overlap.
_PLACES = {"left": (-6, 0), "above": (0, 6), "below": (0, -7), "right": (6, 0), "upper left": (-6, 5)}
_BY_PARAMETERS = {
    "resnext50_32x4d": "above",
    "inception_v3": "upper left",
    "densenet201": "below",
    "densenet121": "below",
    "densenet169": "below",
    "mnasnet1_0": "left",
    "mobilenet_v2": "left",
    "googlenet": "above",
    "resnet152": "above",
    "resnet101": "below",
    "vgg16": "left",
    "alexnet": "left",
}
_BY_MULTIPLY_ADDS = {
    "resnext50_32x4d": "left",
    "inception_v3": "above",
    "densenet121": "left",
    "densenet169": "left",
    "densenet201": "left",
    "densenet161": "below",
    "wide_resnet50_2": "above",
    "googlenet": "left",
    "vgg16": "left",
}


def zoo_scatter(table: pd.DataFrame) -> Figure:
    """Draw the published accuracy of networks against what they cost: parameters, and multiply-adds.

    Networks of one family share a colour and a sign; those that differ in depth only are joined by a line.

    Args:
        table: rows by name, with `family`, `parameters`, `multiply_adds` and `accuracy` in percent
            (`densekit.model.proof.zoo_table`).

    Raises:
        DataError: the table is empty or lacks a column.
    """
    needed = ("family", "parameters", "multiply_adds", "accuracy")
    missing = [column for column in needed if column not in table]
    if missing or table.empty:
        raise DataError(f"the table has no {missing[0] if missing else 'row'}: expected {', '.join(needed)}")
    with styled():
        figure = new_figure(10.0, 5.6)
        left, right = figure.subplots(1, 2, sharey=True)
        _draw(left, table, "parameters", 1e6, _BY_PARAMETERS)
        _draw(right, table, "multiply_adds", 1e9, _BY_MULTIPLY_ADDS)
        _scale(left, [1, 2, 5, 10, 20, 50, 100], "million parameters")
        _scale(right, [0.2, 0.5, 1, 2, 5, 10], "billion multiply-adds for one image")
        left.set_ylabel("published accuracy, % (ImageNet-1K, one crop)")
        figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=len(_LOOKS_OF_ZOO))
        figure.suptitle(f"{len(table)} networks of torchvision: accuracy against parameters and work")
    return describe(figure, _words_of_zoo(table))


def _draw(axes: Axes, table: pd.DataFrame, column: str, unit: float, places: dict[str, str]) -> None:
    for family, rows in table.groupby("family", sort=False):
        colour, marker = _LOOKS_OF_ZOO.get(str(family), (BLACK, "."))
        in_line = rows[~rows.index.isin(["densenet161"])].sort_values(column)  # 161 is wider, not only deeper
        if family in ("ResNet", "DenseNet"):
            axes.plot(in_line[column] / unit, in_line["accuracy"], color=colour, linewidth=1.2, zorder=1)
        axes.scatter(rows[column] / unit, rows["accuracy"], color=colour, marker=marker, s=42, label=family)
        for name, row in rows.iterrows():
            _label(axes, str(name), (row[column] / unit, row["accuracy"]), places.get(str(name), "right"))


def _label(axes: Axes, name: str, point: tuple[float, float], place: str) -> None:
    text = _SHORT.get(name, name.removeprefix("resnet").removeprefix("densenet"))
    across = {"left": "right", "upper left": "right", "right": "left"}.get(place, "center")
    upright = {"above": "bottom", "below": "top"}.get(place, "center")
    axes.annotate(
        text, point, _PLACES[place], textcoords="offset points", ha=across, va=upright, fontsize=7.5
    )


def _scale(axes: Axes, ticks: list[float], label: str) -> None:
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    axes.xaxis.set_major_locator(FixedLocator([tick for tick in ticks if low <= tick <= high]))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(label)
    axes.grid(color=LIGHT, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.margins(y=0.07)


def _words_of_zoo(table: pd.DataFrame) -> str:
    each = "; ".join(
        f"{name} {row['parameters'] / 1e6:.1f} M parameters, {row['multiply_adds'] / 1e9:.2f} G multiply-adds, "
        f"{row['accuracy']:.1f} %"
        for name, row in table.sort_values("accuracy", ascending=False).iterrows()
    )
    return f"Two scatter plots of published accuracy, the most accurate network first: {each}."
