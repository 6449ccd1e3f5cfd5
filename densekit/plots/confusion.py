"""Cells with something written in them: which class was taken for which, and the four scenarios of transfer."""

import math
from collections.abc import Mapping
from textwrap import fill
from typing import Protocol

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from densekit.errors import DataError
from densekit.plots.described import describe, new_figure
from densekit.plots.parts import bare_grid, write_within
from densekit.plots.style import (
    BLACK,
    GREEN,
    GREY,
    LIGHT,
    ORANGE,
    PURPLE,
    SKY,
    label_names,
    readable_on,
    styled,
)
from densekit.words import counted, percent

_COLOURS_OF_CONFUSION = colormaps["Blues"]
_NAMED_IN_WORDS = 12  # classes that the alt text lists one by one
_ZEROS_UP_TO = 25  # classes up to which empty cells are marked with a 0
_NUMBERS_UP_TO = 45  # classes up to which a cell is large enough for a number


class ConfusionCounts(Protocol):
    """What the heat map reads from a report."""

    @property
    def classes(self) -> tuple[str, ...]: ...
    @property
    def confusion(self) -> NDArray[np.int64]: ...


def confusion_heatmap(report: ConfusionCounts, normalise: bool = True) -> Figure:
    """Draw the confusion table of a report.

    Rows are the true classes, with the number of their images; columns are the predicted ones. Cells show
    percentages of the true class, so that each row adds up to 100, or with `normalise=False` counts. A share
    just above 0 or just below 100 is not rounded to it but written "<1" or ">99". A class without images has
    a row of "–". Above 45 classes the cells are too small for numbers, and colour alone remains.

    Args:
        report: a `Report`, or anything with `classes` and a `confusion` table of counts, (C, C).
        normalise: percentages of each true class (True) or counts (False).
    """
    counts = np.asarray(report.confusion)  # (C, C)
    totals = counts.sum(axis=1)  # (C,)
    shares = np.divide(counts, totals[:, None], out=np.full(counts.shape, np.nan), where=totals[:, None] > 0)
    labels = label_names(report.classes)
    with styled():
        figure = new_figure(*_figure_size(labels))
        axes = figure.add_subplot()
        values = 100 * shares if normalise else np.where(totals[:, None] > 0, counts, np.nan).astype(float)
        top = 100.0 if normalise else max(float(counts.max(initial=0)), 1.0)
        # The scale is steeper near 0, where the mistakes are, so that a few per cent can be seen.
        scale = PowerNorm(0.6, vmin=0.0, vmax=top)
        image = axes.imshow(values, cmap=_COLOURS_OF_CONFUSION.with_extremes(bad=LIGHT), norm=scale)
        bar = figure.colorbar(image, ax=axes, shrink=0.9, aspect=25, pad=0.03)
        bar.ax.yaxis.set_major_locator(MaxNLocator(6, integer=True))
        bar.set_label("% of the true class" if normalise else "images")
        bar.outline.set_visible(False)
        _name_axes(axes, labels, totals)
        _write_numbers(axes, counts, image.to_rgba(values), normalise)
        figure.suptitle(title_of(counts))
    return describe(figure, words_of(report, counts, totals))


def cell_text(count: int, total: int, normalise: bool = True) -> str:
    """Return what stands in a cell: '90', '<1' or '–' in percent, or the count itself."""
    if total == 0:
        return "–"
    if not normalise:
        return str(count)
    return percent(count / total, decimals=0).removesuffix(" %")


def _cell_size(number: int) -> float:
    """Return the side of a cell in inches: large for few classes, and never a figure wider than a page."""
    return min(2.0 + 0.28 * number, 8.6) / number


def _label_size(number: int) -> float:
    return 9.0 if number <= 15 else 8.0 if number <= 30 else 7.0 if number <= 45 else 6.0


def _label_angle(labels: list[str]) -> int:
    if len(labels) > 15:
        return 90
    return 45 if len(labels) > 3 or max(map(len, labels)) > 8 else 0


def _figure_size(labels: list[str]) -> tuple[float, float]:
    """Return width and height in inches that leave each cell its size beside the labels."""
    number = len(labels)
    side = number * _cell_size(number)
    longest = max(map(len, labels)) * 0.6 * _label_size(number) / 72  # a letter is about 0.6 of its size wide
    below = max(longest * math.sin(math.radians(_label_angle(labels))), 0.15)
    return max(side + longest + 1.8, 5.4), side + below + 0.85


def _name_axes(axes: Axes, labels: list[str], totals: NDArray[np.int64]) -> None:
    number = len(labels)
    shown = range(0, number, max(1, -(-number // 60)))  # every class, or as many as there is room for
    angle, size = _label_angle(labels), _label_size(number)
    axes.set_xticks(
        shown,
        [labels[index] for index in shown],
        rotation=angle,
        ha="right" if angle == 45 else "center",
        rotation_mode="anchor" if angle == 45 else "default",
        fontsize=size,
    )
    axes.set_yticks(shown, [f"{labels[index]} ({totals[index]})" for index in shown], fontsize=size)
    axes.set(xlabel="predicted class", ylabel="true class (images)")
    bare_grid(axes)


def _write_numbers(
    axes: Axes,
    counts: NDArray[np.int64],
    colours: NDArray[np.float64],
    normalise: bool,
) -> None:
    size = number_size(len(counts))
    totals = counts.sum(axis=1)
    for row, column in np.ndindex(counts.shape):
        if not is_written(counts, row, column):
            continue
        text = cell_text(int(counts[row, column]), int(totals[row]), normalise)
        colour = number_colour(counts, colours, row, column)
        written = write_within(axes, (column, row), text, colour, size)
        written.set_fontweight("bold" if row == column else "normal")
        written.set_in_layout(False)  # it lies inside the axes: leaving it out makes the layout fast


def number_size(classes: int) -> float:
    """Return the size of the numbers in the cells, in points."""
    return min(10.0, 30.0 * _cell_size(classes))


def is_written(counts: NDArray[np.int64], row: int, column: int) -> bool:
    """Say whether a number stands in a cell: there is room for it, and it isn't one zero among many."""
    if len(counts) > _NUMBERS_UP_TO:
        return False
    return bool(counts[row, column] > 0 or counts[row].sum() == 0 or len(counts) <= _ZEROS_UP_TO)


def number_colour(counts: NDArray[np.int64], colours: NDArray[np.float64], row: int, column: int) -> str:
    """Return the colour of a cell's number: grey where there is nothing to tell, else readable on its colour."""
    return GREY if counts[row, column] == 0 else readable_on(tuple(colours[row, column]))


def words_of(report: ConfusionCounts, counts: NDArray[np.int64], totals: NDArray[np.int64]) -> str:
    total = int(totals.sum())
    text = (
        f"Confusion heat map of {counted(len(counts), 'class', 'classes')}, {counted(total, 'image')}: "
        f"{_score(counts)}. {_class_words(report.classes, counts, totals)}"
    )
    mistakes = counts * (1 - np.eye(len(counts), dtype=np.int64))
    worst = [int(index) for index in np.argsort(-mistakes, axis=None, kind="stable")[:3]]
    pairs = [divmod(index, len(counts)) for index in worst if mistakes.flat[index]]
    if not pairs:
        return text + (" No image was taken for another class." if total else "")
    named = [
        f"{report.classes[true]} for {report.classes[predicted]} {counts[true, predicted]} of {totals[true]}"
        for true, predicted in pairs
    ]
    return f"{text} Most often mistaken: {', '.join(named)}."


def _class_words(classes: tuple[str, ...], counts: NDArray[np.int64], totals: NDArray[np.int64]) -> str:
    scores = [f"{name} {counts[row, row]}/{totals[row]}" for row, name in enumerate(classes)]
    if len(scores) <= _NAMED_IN_WORDS:
        return f"Right per class: {', '.join(scores)}."
    shares = [counts[row, row] / total if total else np.inf for row, total in enumerate(totals)]
    lowest = np.argsort(shares, kind="stable")[:5]
    return f"Lowest classes: {', '.join(scores[row] for row in lowest)}."


def title_of(counts: NDArray[np.int64]) -> str:
    return f"Confusion of {counted(len(counts), 'class', 'classes')}: {_score(counts)}"


def _score(counts: NDArray[np.int64]) -> str:
    right, total = int(counts.trace()), int(counts.sum())
    return f"{right} of {total} right ({percent(right / total if total else math.nan)})"


SIZES, LIKENESSES = ("small", "large"), ("similar", "different")
_COLOURS_OF_SCENARIOS = (SKY, GREEN, ORANGE, PURPLE)
_UNKNOWN = "?"


def scenario_grid(answers: Mapping[tuple[str, str], object], title: str) -> Figure:
    """Draw the grid: a column for each size, a row for each likeness, with what somebody would do in each cell.

    Args:
        answers: by (size, likeness), a text; what is missing or `...` is drawn as a question mark.
        title: what is shown.

    Raises:
        DataError: an answer to a scenario that there isn't.
    """
    for cell in answers:
        if cell not in [(size, likeness) for size in SIZES for likeness in LIKENESSES]:
            raise DataError(
                f"there is no scenario {cell!r}: expected a size of {SIZES} and a likeness of {LIKENESSES}"
            )
    texts = {
        (size, likeness): _text(answers.get((size, likeness), ...))
        for size in SIZES
        for likeness in LIKENESSES
    }
    told = [text for text in dict.fromkeys(texts.values()) if text != _UNKNOWN]
    colours = {_UNKNOWN: LIGHT, **dict(zip(told, _COLOURS_OF_SCENARIOS, strict=False))}
    with styled():
        figure = new_figure(6.6, 3.5)
        axes = figure.add_subplot()
        for (size, likeness), text in texts.items():
            x, y = SIZES.index(size), 1 - LIKENESSES.index(likeness)
            axes.add_patch(Rectangle((x, y), 0.97, 0.95, facecolor=colours[text], alpha=0.45, edgecolor=GREY))
            write_within(axes, (x + 0.485, y + 0.475), fill(text, 22), BLACK, size=10)
        axes.set_xticks([0.485, 1.485], ["small data set", "large data set"])
        axes.set_yticks([1.475, 0.475], ["similar\npictures", "different\npictures"])
        axes.set(xlim=(-0.03, 2.0), ylim=(-0.03, 1.98))
        bare_grid(axes)
        figure.suptitle(title)
    each = "; ".join(f"{size} and {likeness}: {text}" for (size, likeness), text in texts.items())
    return describe(figure, f"{title}. Grid of two by two. {each}.")


def _text(answer: object) -> str:
    return answer if isinstance(answer, str) and answer else _UNKNOWN
