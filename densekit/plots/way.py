"""Where am I? A small drawing of the whole that returns at the start of each section, with one place marked."""

from collections.abc import Sequence
from typing import Literal, get_args

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrow, FancyBboxPatch

from densekit.errors import DensekitError, nearest
from densekit.plots.described import describe, new_figure
from densekit.plots.style import BLUE, GREY, LIGHT, styled

Way = Literal["picture to class", "network", "dense layer"]

STOPS: dict[Way, tuple[tuple[str, str], ...]] = {
    "picture to class": (
        ("picture", "jpg or png"),
        ("pixels", "cut and normalised"),
        ("features", "frozen layers"),
        ("embedding", "1024 numbers"),
        ("head", "trained layer"),
        ("class", "with a probability"),
    ),
    "network": (
        ("image", "3 colours"),
        ("stem", "conv0, pool0"),
        ("block 1", "6 layers"),
        ("transition 1", "size ÷ 2"),
        ("block 2", "12 layers"),
        ("transition 2", "size ÷ 2"),
        ("block 3", "24 layers"),
        ("transition 3", "size ÷ 2"),
        ("block 4", "16 layers"),
        ("classifier", "pool, linear"),
    ),
    "dense layer": (
        ("input", "all maps so far"),
        ("norm1", "and ReLU"),
        ("conv1", "1 × 1: bottleneck"),
        ("norm2", "and ReLU"),
        ("conv2", "3 × 3: new maps"),
        ("joined", "input and new maps"),
    ),
}
"""The ways that can be drawn: for each, its stops from left to right, with a few words."""

_GAP = 0.22  # between two boxes, of which each is 1 wide


def you_are_here(*here: str, way: Way = "picture to class") -> Figure:
    """Draw a way with the stops marked at which the reader is now.

    Args:
        here: one stop or several, such as 'features'; none at the start, where the whole is shown.
        way: which: from a picture to its class, through the parts of a DenseNet-121, or through a dense layer.

    Raises:
        DensekitError: no such way, or no such stop on it.
    """
    if way not in STOPS:
        raise DensekitError(f"no way is called '{way}': {nearest(way, get_args(Way))}")
    names = [name for name, _ in STOPS[way]]
    for stop in here:
        if stop not in names:
            raise DensekitError(f"the way '{way}' has no stop '{stop}': {nearest(stop, names)}")
    with styled():
        figure = new_figure(9.0, 0.95)
        axes = figure.add_subplot()
        _draw(axes, STOPS[way], here)
    place = f"You are at {' and '.join(here)}." if here else "This is the whole way."
    return describe(figure, f"The way from {names[0]} to {names[-1]}: {', '.join(names)}. {place}")


def _draw(axes: Axes, stops: Sequence[tuple[str, str]], here: Sequence[str]) -> None:
    small = len(stops) > 8
    for number, (name, words) in enumerate(stops):
        left = number * (1 + _GAP)
        marked = name in here
        colour = BLUE if marked else LIGHT
        box = FancyBboxPatch((left, 0), 1, 1, "round,pad=0,rounding_size=0.08", mutation_aspect=1.6)
        box.set(facecolor=colour, edgecolor=BLUE if marked else GREY, linewidth=0.8)
        axes.add_patch(box)
        ink = "white" if marked else "black"
        weight = "bold" if marked else "normal"
        title = f"▸ {name}" if marked and not small else name
        size = 7.0 if small else 9.0
        axes.text(left + 0.5, 0.62, title, ha="center", va="center", color=ink, fontsize=size, weight=weight)
        axes.text(
            left + 0.5,
            0.27,
            words,
            ha="center",
            va="center",
            color=ink,
            fontsize=size - (1.0 if small else 1.5),
        )
        if number:
            axes.add_patch(_arrow(left - _GAP))
    axes.set_xlim(-0.05, len(stops) * (1 + _GAP) - _GAP + 0.05)
    axes.set_ylim(-0.05, 1.05)
    axes.set_axis_off()


def _arrow(left: float) -> FancyArrow:
    return FancyArrow(
        left + 0.03, 0.5, _GAP - 0.06, 0, head_width=0.16, head_length=0.09, width=0.01,
        length_includes_head=True, color=GREY, linewidth=0,
    )  # fmt: skip
