"""How many images each class has, in each split."""

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from densekit.plots.described import describe, new_figure
from densekit.plots.names import label_names
from densekit.plots.style import GREEN, PURPLE, SKY, SPLIT_COLOURS, readable_on, styled
from densekit.words import counted

_NAMED_IN_WORDS = 20
_MORE_COLOURS = (SKY, PURPLE, GREEN)


def class_bars(counts: Mapping[str, Mapping[str, int]]) -> Figure:
    """Draw one bar per class, made of its images in each split, with the numbers in and behind it.

    Args:
        counts: images by split and class, such as `{"train": {"apple": 20, "pear": 18}, "val": {…}}`. A class
            that a split does not name has no image there.
    """
    classes = list(dict.fromkeys(name for split in counts.values() for name in split))
    totals = [sum(split.get(name, 0) for split in counts.values()) for name in classes]
    size, height = (9.0, 0.27) if len(classes) <= 30 else (7.0, 0.19)
    with styled():
        figure = new_figure(7.2, 1.5 + height * max(len(classes), 2))
        axes = figure.add_subplot()
        _draw_pieces(axes, counts, classes, max([*totals, 1]), size)
        for row, total in enumerate(totals):
            behind = (4, 0)  # points
            axes.annotate(
                str(total), (total, row), behind, textcoords="offset points", va="center", fontsize=size
            )
        axes.set_yticks(range(len(classes)), label_names(classes), fontsize=size)
        axes.set_ylim(len(classes) - 0.4, -0.6)  # the first class on top
        axes.set_xlim(0, max([*totals, 1]) * 1.08)
        axes.set_xlabel("images")
        axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
        axes.tick_params(axis="y", length=0)
        figure.legend(
            *axes.get_legend_handles_labels(), loc="outside lower center", ncols=max(len(counts), 1)
        )
        figure.suptitle(_total(classes, totals))
    return describe(figure, _words(counts, classes, totals))


def _draw_pieces(
    axes: Axes, counts: Mapping[str, Mapping[str, int]], classes: list[str], longest: int, size: float
) -> None:
    left = [0] * len(classes)
    for index, (split, images) in enumerate(counts.items()):
        widths = [images.get(name, 0) for name in classes]
        colour = SPLIT_COLOURS.get(split, _MORE_COLOURS[index % len(_MORE_COLOURS)])
        label = f"{split} ({sum(widths)})"
        axes.barh(range(len(classes)), widths, left=left, color=colour, edgecolor="white", label=label)
        for row, width in enumerate(widths):
            if width >= 0.05 * longest:  # a number that would not fit into its piece is left out
                text = axes.text(left[row] + width / 2, row, str(width), ha="center", va="center")
                text.set(color=readable_on(colour), fontsize=size)
        left = [before + width for before, width in zip(left, widths, strict=True)]


def _total(classes: list[str], totals: list[int]) -> str:
    return f"{counted(sum(totals), 'image')} in {counted(len(classes), 'class', 'classes')}"


def _words(counts: Mapping[str, Mapping[str, int]], classes: list[str], totals: list[int]) -> str:
    splits = ", ".join(f"{split} {sum(images.values())}" for split, images in counts.items())
    text = f"Bars of images per class: {_total(classes, totals)} ({splits})."
    if len(classes) <= _NAMED_IN_WORDS:
        each = [
            f"{name} {' + '.join(str(images.get(name, 0)) for images in counts.values())}" for name in classes
        ]
        return f"{text} {', '.join(each)}."
    return f"{text} From {min(totals)} to {max(totals)} images in a class."
