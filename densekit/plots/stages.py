"""A network stage by stage: how far each has moved, and what it costs to train from each on."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from densekit.errors import DataError
from densekit.plots.described import describe, new_figure
from densekit.plots.parts import name_rows, write_behind
from densekit.plots.style import BLUE, GREEN, LIGHT, ORANGE, PURPLE, styled
from densekit.words import counted, percent

_COLOURS = (BLUE, ORANGE, GREEN, PURPLE)


def stage_bars(ways: Mapping[str, Mapping[str, float]], title: str, xlabel: str) -> Figure:
    """Draw a share for each stage of a network, from the picture on, side by side for several ways.

    Args:
        ways: by the name of the way, shares by the name of the stage, 0 or more; the same stages for all.
        title: what is shown.
        xlabel: what the share is; it is drawn in percent.

    Raises:
        DataError: there is no way, or they have different stages.
    """
    names = [list(shares) for shares in ways.values()]
    if not names or not names[0] or any(each != names[0] for each in names):
        raise DataError(f"{counted(len(names), 'way')} with stages {names}: expected the same stages for all")
    stages, height = names[0], 0.76 / len(ways)
    most = max(max(shares.values()) for shares in ways.values())
    with styled():
        figure = new_figure(6.4, 1.1 + 0.36 * len(stages) * max(1.0, 0.7 * len(ways)))
        axes = figure.subplots()
        for number, (way, shares) in enumerate(ways.items()):
            rows = [row + height * (number - (len(ways) - 1) / 2) for row in range(len(stages))]
            axes.barh(
                rows,
                [100 * share for share in shares.values()],
                height,
                color=_COLOURS[number % 4],
                label=way,
            )
            for row, share in zip(rows, shares.values(), strict=True):
                write_behind(axes, row, 100 * share, percent(share), size=8.0, gap=3)
        name_rows(axes, stages, size=8.5)
        axes.set_xlim(0, 118 * most or 1)
        axes.set(xlabel=xlabel, title=title)
        if len(ways) > 1:
            axes.legend(loc="best")
    each = "; ".join(
        f"{way}: " + ", ".join(f"{stage} {percent(share)}" for stage, share in shares.items())
        for way, shares in ways.items()
    )
    return describe(figure, f"{title}: {xlabel}. {each}.")


def dial(stops: Sequence[Mapping[str, Any]], title: str) -> Figure:
    """Draw what training from each stop on reaches and costs: accuracy, seconds, and memory, in three panels.

    Args:
        stops: each with `stop`, its name; `accuracy`, 0 to 1; `half` of its 95 % interval; `seconds`; and
            `megabytes` of memory. In the order of the rows, from the top.
        title: what is shown.

    Raises:
        DataError: there are no stops, or a key is missing.
    """
    keys = ("stop", "accuracy", "half", "seconds", "megabytes")
    missing = [key for key in keys if any(key not in stop for stop in stops)]
    if not stops or missing:
        raise DataError(
            f"{counted(len(stops), 'stop')}, missing: {', '.join(missing) or 'all'}; expected {', '.join(keys)}"
        )
    with styled():
        figure = new_figure(9.6, 1.3 + 0.34 * len(stops))
        left, middle, right = figure.subplots(1, 3, sharey=True)
        _draw_accuracies(left, stops)
        _draw_costs(middle, [float(stop["seconds"]) for stop in stops], "seconds", ORANGE)
        _draw_costs(right, [float(stop["megabytes"]) for stop in stops], "memory, MB", GREEN)
        name_rows(left, [str(stop["stop"]) for stop in stops], size=8.5)
        figure.suptitle(title)
    each = "; ".join(
        f"{stop['stop']} {percent(stop['accuracy'])} ± {100 * stop['half']:.1f} points, {stop['seconds']:.0f} s, "
        f"{stop['megabytes']:.0f} MB"
        for stop in stops
    )
    return describe(figure, f"{title}: accuracy, seconds and memory of training from each stop on. {each}.")


def _draw_accuracies(axes: Axes, stops: Sequence[Mapping[str, Any]]) -> None:
    values = [100 * float(stop["accuracy"]) for stop in stops]
    halves = [100 * float(stop["half"]) for stop in stops]
    axes.errorbar(values, range(len(stops)), xerr=halves, fmt="o", color=BLUE, capsize=3, markersize=5)
    axes.grid(axis="x", color=LIGHT, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.set_xlabel("accuracy, % right, with 95 % interval")


def _draw_costs(axes: Axes, values: Sequence[float], xlabel: str, colour: str) -> None:
    axes.barh(range(len(values)), values, 0.62, color=colour)
    for row, value in enumerate(values):
        write_behind(axes, row, value, f"{value:.0f}", size=8.0, gap=3)
    axes.set_xlim(0, 1.2 * max(values) or 1)
    axes.set_xlabel(xlabel)
