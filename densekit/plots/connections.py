"""How layers are wired: plain, residual and dense, drawn as arrows."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch
from matplotlib.path import Path

from densekit.errors import ConfigError, listed
from densekit.plots.described import describe, new_figure
from densekit.plots.style import BLACK, BLUE, GREEN, GREY, LIGHT, ORANGE, PURPLE, SKY, VERMILLION, styled
from densekit.words import counted

Kind = Literal["plain", "residual", "dense"]
KINDS: tuple[Kind, ...] = ("plain", "residual", "dense")

_COLOURS = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY)  # of the arrows that leave one place
_RADIUS = 0.2  # of a place, where two neighbours stand 1 apart
_SUM = 0.1  # radius of a sign for a sum


class Connection(NamedTuple):
    """An arrow: place 0 is the input of the block, place l the layer with that number.

    Args:
        source: where it leaves.
        target: the layer that reads, 1 to L.
        passes_by: it goes around a layer, unchanged, and is added to what the layer puts out (residual).
    """

    source: int
    target: int
    passes_by: bool = False


def connections(layers: int, kind: Kind) -> list[Connection]:
    """List all arrows between `layers` layers of a kind.

    Raises:
        ConfigError: no such kind, or no layer.
    """
    if kind not in KINDS:
        raise ConfigError(f"the kind is {kind!r}: known are {listed(KINDS)}")
    if layers < 1:
        raise ConfigError(f"there are {layers} layers: expected 1 or more")
    chain = [Connection(layer - 1, layer) for layer in range(1, layers + 1)]
    if kind == "plain":
        return chain
    if kind == "residual":
        return chain + [arrow._replace(passes_by=True) for arrow in chain]
    return [Connection(source, target) for target in range(1, layers + 1) for source in range(target)]


def connection_diagram(layers: int = 4, kind: Kind = "dense") -> Figure:
    """Draw the layers of a block in a row, with an arrow for each connection.

    Raises:
        ConfigError: no such kind, or no layer.
    """
    arrows = connections(layers, kind)
    with styled():
        figure = new_figure(7.6, 3.6 if kind == "dense" else 1.7)
        axes = figure.add_subplot()
        _draw(axes, layers, arrows)
        figure.suptitle(_title(layers, kind))
    return describe(figure, _words(layers, kind))


def connection_kinds(layers: int = 5) -> Figure:
    """Draw plain, residual and dense layers below each other, at equal depth."""
    with styled():
        figure = new_figure(7.6, 5.6)
        panels = figure.subplots(len(KINDS), 1, height_ratios=[0.45, 0.8, 2.4])
        for axes, kind in zip(panels, KINDS, strict=True):
            _draw(axes, layers, connections(layers, kind))
            axes.set_title(_title(layers, kind))
    return describe(figure, " ".join(_words(layers, kind) for kind in KINDS))


def _draw(axes: Axes, layers: int, arrows: Sequence[Connection]) -> None:
    width = 1.6 if layers <= 6 else 1.1
    for arrow in arrows:
        _draw_arrow(axes, arrow, width)
    for place in range(layers + 1):
        axes.add_patch(Circle((place, 0), _RADIUS, facecolor=LIGHT if place else "white", edgecolor=BLACK))
        name = f"H{_subscript(place)}" if place else "x₀"
        axes.text(place, 0, name, ha="center", va="center", fontsize=9 if layers <= 9 else 7)
    for arrow in arrows:
        if arrow.passes_by:
            axes.add_patch(
                Circle((arrow.target + 0.5, 0), _SUM, facecolor="white", edgecolor=BLACK, zorder=3)
            )
            axes.text(arrow.target + 0.5, -0.01, "+", ha="center", va="center", zorder=4)
    _straight(axes, layers + _RADIUS, layers + 0.95, GREY, width)
    highest = max(_height(arrow) for arrow in arrows)
    room = max(layers + 1.3, 6.0)  # so that a block of one or two layers is not drawn larger than others
    left = (layers + 0.7 - room) / 2
    axes.set(xlim=(left, left + room), ylim=(-_RADIUS - 0.03, max(highest, _RADIUS) + 0.05), aspect="equal")
    axes.set_axis_off()


def _height(arrow: Connection) -> float:
    """Return how high the arrow rises: 0 for a straight one, more for each layer that it skips."""
    skipped = arrow.target - arrow.source - 1
    return 0.5 if arrow.passes_by else 0.45 + 0.42 * skipped if skipped else 0.0


def _draw_arrow(axes: Axes, arrow: Connection, width: float) -> None:
    colour = _COLOURS[arrow.source % len(_COLOURS)]
    if arrow.passes_by:  # from the input or the sum before the layer to the sum behind it
        start = (arrow.source + 0.5, _SUM) if arrow.source else (0.0, _RADIUS)
        _arc(axes, start, (arrow.target + 0.5, _SUM), _height(arrow), colour, width)
    elif arrow.target == arrow.source + 1:
        _straight(axes, arrow.source + _RADIUS, arrow.target - _RADIUS, BLACK, width)
    else:
        start, end = (arrow.source + 0.07, _RADIUS), (arrow.target - 0.07, _RADIUS)
        _arc(axes, start, end, _height(arrow), colour, width)


def _straight(axes: Axes, start: float, end: float, colour: str, width: float) -> None:
    arrow = FancyArrowPatch((start, 0), (end, 0), arrowstyle="-|>", mutation_scale=9, shrinkA=0, shrinkB=0)
    arrow.set(color=colour, linewidth=width)
    axes.add_patch(arrow)


def _arc(
    axes: Axes, start: tuple[float, float], end: tuple[float, float], height: float, colour: str, width: float
) -> None:
    top = (height - start[1] / 4) / 0.75  # a Bézier curve reaches three quarters of the way to its controls
    points = [start, (start[0], top), (end[0], top), end]
    curve = Path(points, [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4])
    arrow = FancyArrowPatch(path=curve, arrowstyle="-|>", mutation_scale=9)
    arrow.set(edgecolor=colour, facecolor=colour, linewidth=width)
    axes.add_patch(arrow)


def _subscript(number: int) -> str:
    return "".join(chr(0x2080 + int(digit)) for digit in str(number))


def _title(layers: int, kind: Kind) -> str:
    arrows = connections(layers, kind)
    passing = sum(arrow.passes_by for arrow in arrows)
    named = f"{kind.capitalize()}, {counted(layers, 'layer')}: {counted(len(arrows) - passing, 'connection')}"
    return f"{named} and {counted(passing, 'shortcut')}" if passing else named


def _words(layers: int, kind: Kind) -> str:
    last = {
        "plain": "Each layer reads the one before it only.",
        "residual": "Each layer reads the one before it; a shortcut around it is added to what it puts out.",
        "dense": f"Each layer reads the input and all layers before it; {layers} arrows come in at the last.",
    }
    return f"Arrow diagram. {_title(layers, kind)}. {last[kind]}"
