"""The explorer of connections: choose a kind of wiring and a number of layers, and see the arrows counted."""

from matplotlib.figure import Figure

from densekit.plots.connections import KINDS, Kind, connection_diagram, connections
from densekit.widgets.explorer import Explorer, choice, slider
from densekit.words import counted


def connections_and_channels(
    layers: int = 5, kind: Kind = "dense", in_channels: int = 64, growth_rate: int = 32
) -> tuple[Figure, str]:
    """Draw the connections of a block, and say how many channels go into each layer and out of the block.

    In a plain or residual block, the channels stay what they are; in a dense one, each layer adds some.

    Args:
        layers: in the block.
        kind: 'plain', 'residual' or 'dense'.
        in_channels: that enter the block.
        growth_rate: channels that a dense layer adds.
    """
    added = growth_rate if kind == "dense" else 0
    into = [in_channels + number * added for number in range(layers + 1)]
    arrows = connections(layers, kind)
    sums = sum(arrow.passes_by for arrow in arrows)
    formula = f" = {layers} · {layers + 1} / 2" if kind == "dense" else ""
    lines = [
        f"connections             {len(arrows) - sums}{formula}"
        + (f", and {counted(sums, 'shortcut')}" if sums else ""),
        f"channels into layer 1…  {', '.join(map(str, into[:-1]))}",
        f"channels out            {into[-1]}",
    ]
    return connection_diagram(layers, kind), "\n".join(lines)


def connection_explorer() -> Explorer:
    """Return the explorer: layers, kind of wiring, channels that enter, growth rate."""
    controls = {
        "layers": slider(5, 1, 12, label="layers L"),
        "kind": choice("dense", KINDS, label="wiring"),
        "in_channels": slider(64, 16, 256, label="channels in", step=16),
        "growth_rate": slider(32, 4, 48, label="growth rate k", step=4),
    }
    return Explorer(controls, connections_and_channels)
