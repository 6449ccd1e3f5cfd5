"""What several figures are made of: named rows of bars, and cells with something written in them."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.text import Text


def name_rows(axes: Axes, names: Sequence[str], size: float) -> None:
    """Name the rows of a figure, the first one on top."""
    axes.set_yticks(range(len(names)), names, fontsize=size)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)


def write_behind(axes: Axes, row: float, end: float, text: str, size: float, gap: float = 5) -> None:
    """Write a text behind the bar of a row.

    Args:
        axes: with the rows.
        row: which one.
        end: where the bar ends.
        text: what to write.
        size: in points.
        gap: between bar and text, in points.
    """
    axes.annotate(text, (end, row), (gap, 0), textcoords="offset points", va="center", fontsize=size)


def write_within(axes: Axes, place: tuple[float, float], text: str, colour: str, size: float) -> Text:
    """Write a text with its middle at a place of the figure, such as that of a cell or of a bar."""
    return axes.text(*place, text, ha="center", va="center", color=colour, fontsize=size)


def bare_grid(axes: Axes) -> None:
    """Leave nothing of the axes of a grid but the names."""
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
