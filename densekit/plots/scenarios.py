"""The four scenarios of transfer: how much data of one's own, and how like the source data it is."""

from collections.abc import Mapping
from textwrap import fill

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from densekit.errors import DataError
from densekit.plots.described import describe, new_figure
from densekit.plots.style import BLACK, GREEN, GREY, LIGHT, ORANGE, PURPLE, SKY, styled

SIZES, LIKENESSES = ("small", "large"), ("similar", "different")
_COLOURS = (SKY, GREEN, ORANGE, PURPLE)
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
    colours = {_UNKNOWN: LIGHT, **dict(zip(told, _COLOURS, strict=False))}
    with styled():
        figure = new_figure(6.6, 3.5)
        axes = figure.add_subplot()
        for (size, likeness), text in texts.items():
            x, y = SIZES.index(size), 1 - LIKENESSES.index(likeness)
            axes.add_patch(Rectangle((x, y), 0.97, 0.95, facecolor=colours[text], alpha=0.45, edgecolor=GREY))
            axes.text(
                x + 0.485, y + 0.475, fill(text, 22), ha="center", va="center", color=BLACK, fontsize=10
            )
        axes.set_xticks([0.485, 1.485], ["few pictures", "many pictures"])
        axes.set_yticks([1.475, 0.475], ["like the\nsource's", "unlike the\nsource's"])
        axes.set(xlim=(-0.03, 2.0), ylim=(-0.03, 1.98))
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        figure.suptitle(title)
    each = "; ".join(f"{size} and {likeness}: {text}" for (size, likeness), text in texts.items())
    return describe(figure, f"{title}. Grid of two by two. {each}.")


def _text(answer: object) -> str:
    return answer if isinstance(answer, str) and answer else _UNKNOWN
