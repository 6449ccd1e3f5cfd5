"""The ladder: how far two networks are apart, module by module, on a logarithmic scale.

One rung for each module that computes, in the order in which an image meets them. Rounding in float64 leaves
about 1e-16 and a mistake leaves 1e-6 or far more, so there is a wide empty space between green and red. What no
logarithm can show has a place of its own: an exact zero on the left, another shape on the right.
"""

import math
from collections.abc import Mapping
from textwrap import fill

from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from densekit.errors import DensekitError
from densekit.model.proof.parity_report import ParityReport
from densekit.plots.described import describe, new_figure
from densekit.plots.style import GREEN, GREY, LIGHT, VERMILLION, YELLOW, styled

Rungs = Mapping[str, float]
"""The largest difference, max|Δ|, of each module's output, in the order of computation; infinite where the
shapes differ or nothing came out."""

TOLERANCE = 1e-9
"""The largest difference that is green: as in `densekit.model.proof.parity`, but absolute."""

_ZERO, _OTHER_SHAPE = -19.0, 5.0  # their places on the axis, whose unit is the power of ten
_TICKS = (-16, -12, -8, -4, 0)
_LABELLED = 60  # more rungs than that are too close for a name each


def rungs(report: ParityReport, mode: str = "eval") -> dict[str, float]:
    """Return the ladder of a comparison: the modules that compute, without those that contain others.

    Args:
        report: of `densekit.model.proof.parity.compare` or `compare_networks`.
        mode: 'eval' or 'train'.
    """
    found = {row.name: row.difference for row in report.select(mode, "output")}
    containers = {name.rpartition(".")[0] for name in found} | {"network"}
    containers |= {name for name in found if any(other.startswith(f"{name}.") for other in containers)}
    return {name: difference for name, difference in found.items() if name not in containers}


def first_red(ladder: Rungs, tolerance: float = TOLERANCE) -> str | None:
    """Return the first module that differs by more than rounding; None if all are green."""
    return next((name for name, difference in ladder.items() if not difference <= tolerance), None)


def difference_ladder(
    ladders: Mapping[str, Rungs] | Rungs,
    title: str,
    predicted: str | None = None,
    tolerance: float = TOLERANCE,
) -> Figure:
    """Draw a ladder, or several side by side.

    Args:
        ladders: one ladder, or ladders by their headings; all with the same modules.
        title: what is compared.
        predicted: a module to mark, where somebody expects the first red rung.
        tolerance: the largest difference that is green, absolute.

    Raises:
        DensekitError: there is nothing to draw, or the ladders have different modules.
    """
    columns = _columns(ladders)
    modules = list(next(iter(columns.values())))
    crowded = len(modules) > _LABELLED
    with styled():
        figure = new_figure(
            max(7.2, 2.4 + 1.7 * len(columns)), 1.5 + (5.5 if crowded else 0.17 * len(modules))
        )
        row = list(figure.subplots(1, len(columns), sharey=True, squeeze=False)[0])
        for axes, (heading, ladder) in zip(row, columns.items(), strict=True):
            _draw(axes, list(ladder.values()), tolerance, size=6 if crowded else 26)
            _finish(axes, heading, narrow=len(columns) > 2)
            if predicted in modules:
                _mark(axes, modules.index(predicted))
        _name_rungs(row[0], modules, crowded)
        row[len(row) // 2].set_xlabel("max|Δ| of each module's output")
        handles = {str(mark.get_label()): mark for axes in row for mark in axes.collections}
        named = {label: mark for label, mark in handles.items() if not label.startswith("_")}
        figure.legend(
            list(named.values()),
            list(named),
            loc="outside lower center",
            ncols=5,
            markerscale=2 if crowded else 1,
        )
        figure.suptitle(title)
    return describe(figure, _words(columns, title, predicted, tolerance))


def _columns(ladders: Mapping[str, Rungs] | Rungs) -> dict[str, Rungs]:
    columns: dict[str, Rungs] = {}
    single: dict[str, float] = {}
    for name, value in ladders.items():
        if isinstance(value, Mapping):
            columns[name] = value
        else:
            single[name] = value
    if single:
        columns[""] = single
    if not columns or not all(columns.values()):
        raise DensekitError("a ladder needs one module at least, with the difference of its output")
    first = next(iter(columns.values()))
    for heading, ladder in columns.items():
        if list(ladder) != list(first):
            raise DensekitError(
                f"the ladder '{heading}' has other modules than the first: ladders stand side by side only "
                "if they have the same rungs"
            )
    return columns


def _place(difference: float) -> float:
    """Return where a difference stands on the axis."""
    if difference == 0:
        return _ZERO
    if not math.isfinite(difference):
        return _OTHER_SHAPE
    return min(max(math.log10(difference), -17.5), 3.5)


def _kind(difference: float, tolerance: float) -> int:
    """Sort a difference: 0 exactly none, 1 rounding, 2 a difference, 3 another shape or no number."""
    if difference == 0:
        return 0
    if difference <= tolerance:
        return 1
    return 2 if math.isfinite(difference) else 3


_MARKS = (
    ("exactly equal", "s", GREEN),
    ("rounding", "o", GREEN),
    ("different", "X", VERMILLION),
    ("another shape, or not reached", ">", VERMILLION),
)


def _draw(axes: Axes, values: list[float], tolerance: float, size: float) -> None:
    for kind, (label, marker, colour) in enumerate(_MARKS):
        chosen = [index for index, value in enumerate(values) if _kind(value, tolerance) == kind]
        if chosen:
            places = [_place(values[index]) for index in chosen]
            axes.scatter(places, chosen, s=size, c=colour, marker=marker, label=label, linewidths=0, zorder=3)
            if kind >= 2 and size > 10:
                axes.hlines(chosen, _ZERO, places, colour, linewidth=0.7, alpha=0.5)
    axes.axvline(math.log10(tolerance), color=GREY, linewidth=0.8, linestyle=":")
    axes.set_ylim(len(values) - 0.3, -0.7)  # the first module on top


def _mark(axes: Axes, index: int) -> None:
    axes.axhspan(index - 0.5, index + 0.5, color=YELLOW, alpha=0.45, zorder=0)
    axes.scatter([], [], s=60, c=YELLOW, marker="s", label="your prediction")


def _finish(axes: Axes, heading: str, narrow: bool) -> None:
    axes.set_xlim(_ZERO - 1.2, _OTHER_SHAPE + 1.2)
    ticks = _TICKS[1::2] if narrow else _TICKS
    names = [f"1e{power}" if power else "1" for power in ticks]
    axes.set_xticks([_ZERO, *ticks, _OTHER_SHAPE], ["0", *names, "shape"], fontsize=7 if narrow else 8)
    axes.grid(axis="both", color=LIGHT, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)
    axes.set_title(fill(heading, 16) if narrow else heading, fontsize=9)


def _name_rungs(axes: Axes, modules: list[str], crowded: bool) -> None:
    short = [name.removeprefix("features.") for name in modules]
    if not crowded:
        axes.set_yticks(range(len(short)), short, fontsize=7)
        return
    # No room for each: the dense blocks are named in their middle, and lines stand between them.
    stages: dict[str, list[int]] = {}
    for index, name in enumerate(short):
        stages.setdefault(name.partition(".")[0], []).append(index)
    blocks = {name: places for name, places in stages.items() if len(places) > 0.05 * len(short)}
    axes.set_yticks([(places[0] + places[-1]) / 2 for places in blocks.values()], list(blocks), fontsize=8)
    for places in blocks.values():
        axes.axhspan(places[0] - 0.5, places[-1] + 0.5, color=LIGHT, alpha=0.5, zorder=0)


def _words(columns: Mapping[str, Rungs], title: str, predicted: str | None, tolerance: float) -> str:
    modules = len(next(iter(columns.values())))
    texts = [f"Ladder of differences over {modules} modules. {title}."]
    for heading, ladder in columns.items():
        red = first_red(ladder, tolerance)
        differing = sum(not value <= tolerance for value in ladder.values())
        told = (
            f"all differences are {tolerance:g} or less"
            if red is None
            else f"the first red rung is {red}, and {differing} of {modules} are red"
        )
        texts.append(f"{heading}: {told}." if heading else f"{told[0].upper()}{told[1:]}.")
    if predicted is not None:
        texts.append(f"Marked as predicted: {predicted}.")
    return " ".join(texts)


def difference_strip(ladders: Mapping[str, Rungs], title: str, tolerance: float = TOLERANCE) -> Figure:
    """Draw each ladder as a strip of cells, one for each module: what hundreds of green rungs come down to.

    Args:
        ladders: ladders by their headings; all with the same modules.
        title: what is compared.
        tolerance: the largest difference that is green, absolute.

    Raises:
        DensekitError: there is nothing to draw, or the ladders have different modules.
    """
    columns = _columns(ladders)
    colours = [to_rgb(colour) for _, _, colour in _MARKS]
    modules = len(next(iter(columns.values())))
    with styled():
        figure = new_figure(9.0, 0.75 + 0.75 * len(columns))
        rows = figure.subplots(len(columns), 1, squeeze=False)[:, 0]
        for axes, (heading, ladder) in zip(rows, columns.items(), strict=True):
            kinds = [_kind(difference, tolerance) for difference in ladder.values()]
            axes.imshow([[colours[kind] for kind in kinds]], aspect="auto", interpolation="nearest")
            axes.set_yticks([])
            axes.set_xticks([0, modules - 1], ["first module", "last"], fontsize=7.5)
            differing = sum(kind >= 2 for kind in kinds)
            axes.set_title(f"{heading}: {differing} of {modules} differ", loc="left", fontsize=9)
        figure.suptitle(title)
    return describe(figure, _words(columns, title, None, tolerance).replace("Ladder", "Strips", 1))
