"""Two ways to the same head: what they cost, and whether their losses are the same."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from densekit.errors import DataError
from densekit.plots.described import describe, new_figure
from densekit.plots.style import BLUE, GREEN, LIGHT, ORANGE, VERMILLION, styled
from densekit.words import counted, percent

_LOOKS = ((VERMILLION, "s", "--"), (BLUE, "o", "-"), (GREEN, "^", "-"), (ORANGE, "D", "--"))


@dataclass(frozen=True)
class Way:
    """What a way of training costs, and what comes of it.

    Args:
        seconds: since the beginning, at its end and after each epoch: (epochs + 1,). The first number is what was
            spent before the first epoch.
        accuracies: share of the validation pictures that is right after each epoch, 0 to 1: (epochs,).
    """

    seconds: Sequence[float]
    accuracies: Sequence[float]


def time_and_accuracy(ways: Mapping[str, Way], title: str, chance: float | None = None) -> Figure:
    """Draw the seconds that were spent, and the accuracy, over the epochs, a line for each way.

    Args:
        ways: at most four, by name.
        title: what is shown.
        chance: what blind guessing gets, 0 to 1.

    Raises:
        DataError: no way, too many, or seconds that are not one more than the accuracies.
    """
    if not 1 <= len(ways) <= len(_LOOKS):
        raise DataError(f"there are {len(ways)} ways: expected 1 to {len(_LOOKS)}")
    for name, way in ways.items():
        if not way.accuracies or len(way.seconds) != len(way.accuracies) + 1:
            raise DataError(
                f"'{name}' has {len(way.seconds)} times and {len(way.accuracies)} accuracies: expected one time "
                "before the first epoch and one behind each, and an accuracy for each"
            )
    with styled():
        figure = new_figure(9.0, 3.6)
        times, accuracies = figure.subplots(1, 2)
        for index, ((name, way), (colour, marker, line)) in enumerate(
            zip(ways.items(), _LOOKS, strict=False)
        ):
            # Lines may lie upon each other: so the markers are open, and each is larger than the next.
            looks = {
                "color": colour,
                "marker": marker,
                "markersize": 4 + 3.5 * (len(ways) - 1 - index),
                "markerfacecolor": "none",
                "linestyle": line,
                "label": name,
            }
            times.plot(range(len(way.seconds)), way.seconds, **looks)
            accuracies.plot(range(1, len(way.seconds)), 100 * np.array(way.accuracies), **looks)
        if chance is not None:
            accuracies.axhline(100 * chance, color="black", linewidth=1, linestyle=":", label="chance")
        times.set(title="Time", xlabel="epochs done", ylabel="seconds", ylim=(0, None))
        accuracies.set(title="Accuracy", xlabel="epoch", ylabel="validation, % right", ylim=(0, 102))
        for axes in (times, accuracies):
            axes.grid(axis="y", color=LIGHT, linewidth=0.8)
            axes.set_axisbelow(True)
            axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
        figure.legend(*accuracies.get_legend_handles_labels(), loc="outside lower center", ncols=5)
        figure.suptitle(title)
    each = "; ".join(
        f"{name}, {way.seconds[0]:.1f} s before the first epoch and {way.seconds[-1]:.1f} s in all, "
        f"{percent(way.accuracies[-1])} right at the end"
        for name, way in ways.items()
    )
    return describe(figure, f"{title}. Two panels, seconds and accuracy over the epochs: {each}.")


def losses_compared(losses: Mapping[str, ArrayLike], title: str, batches: int | None = None) -> Figure:
    """Draw the loss of each step as two ways found it: one as a broad band, the other as a thin line upon it.

    Args:
        losses: two ways, by name, each (steps,).
        title: what is shown.
        batches: in an epoch; if given, the mean of each epoch is drawn as a dot, too.

    Raises:
        DataError: not two ways, or not as many steps in both.
    """
    values = {name: np.asarray(one, dtype=np.float64) for name, one in losses.items()}
    shapes = [one.shape for one in values.values()]
    if len(values) != 2 or shapes[0] != shapes[1] or len(shapes[0]) != 1 or not shapes[0][0]:
        raise DataError(f"the losses have the shapes {shapes}: expected two of one shape, (steps,)")
    (first, broad), (second, thin) = values.items()
    steps = np.arange(1, len(broad) + 1)
    apart = float(np.abs(broad - thin).max())
    with styled():
        figure = new_figure(8.6, 3.3)
        axes = figure.subplots()
        axes.plot(steps, broad, color=ORANGE, alpha=0.45, linewidth=4, label=f"{first}, each batch")
        axes.plot(steps, thin, color=BLUE, linewidth=0.8, label=f"{second}, each batch")
        if batches:
            ends, means = _epoch_means(broad, batches)
            axes.plot(ends, means, "o", color="black", markersize=5, label=f"{first}, mean of an epoch")
        axes.set(title=title, xlabel="step (batches trained)", ylabel="loss (nats)", ylim=(0, None))
        axes.grid(axis="y", color=LIGHT, linewidth=0.8)
        axes.legend(loc="best")
    same = "are the same to the last bit" if apart == 0 else f"differ by {apart:.2g} at most"
    return describe(
        figure, f"{title}. The losses of {counted(len(steps), 'step')}, {first} and {second}, {same}."
    )


def _epoch_means(losses: NDArray[np.float64], batches: int) -> tuple[list[float], list[float]]:
    """Return the middle of each epoch, and the mean of its losses."""
    parts = [(begin, losses[begin : begin + batches]) for begin in range(0, len(losses), batches)]
    return [begin + (len(part) + 1) / 2 for begin, part in parts], [float(part.mean()) for _, part in parts]
