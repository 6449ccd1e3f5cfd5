"""The loss over learning rates that grow: which one to begin with."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from densekit.errors import DataError
from densekit.plots.described import describe, new_figure
from densekit.plots.style import BLUE, GREEN, LIGHT, styled
from densekit.words import counted

_ROOM = 1.5  # times the largest loss before the explosion that the axis shows


def learning_rate_sweep(
    rates: Sequence[float], losses: Sequence[float], smoothed: Sequence[float], suggestion: float | None
) -> Figure:
    """Draw the loss of each step over its learning rate, on a logarithmic axis, and mark the suggested one.

    Args:
        rates: of the steps, rising, above 0.
        losses: of their batches.
        smoothed: the same, averaged over the last steps.
        suggestion: the rate to mark; None if there is none.

    Raises:
        DataError: there are no steps, or not as many rates as losses.
    """
    if not rates or not len(rates) == len(losses) == len(smoothed):
        raise DataError(
            f"{counted(len(rates), 'rate')}, losses: {len(losses)}, smoothed ones: {len(smoothed)}; "
            "expected as many of each, 1 or more"
        )
    title = "No learning rate to suggest"
    if suggestion is not None:
        title = f"The loss falls fastest near {suggestion:.2g}"
    with styled():
        figure = new_figure(6.4, 3.6)
        axes = figure.subplots()
        axes.plot(rates, losses, ".", color=BLUE, alpha=0.4, markersize=4, label="each batch")
        axes.plot(rates, smoothed, color=BLUE, label="smoothed")
        if suggestion is not None:
            axes.axvline(suggestion, color=GREEN, linestyle="--", label=f"suggestion: {suggestion:.2g}")
        axes.set(xscale="log", xlabel="learning rate", ylabel="loss (nats)", title=title)
        axes.set_ylim(0, _ROOM * max(smoothed[: len(smoothed) // 2 + 1]))
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.grid(axis="y", color=LIGHT, linewidth=0.8)
        axes.legend(loc="best")
    return describe(figure, _words(rates, smoothed, title))


def _words(rates: Sequence[float], smoothed: Sequence[float], title: str) -> str:
    low = min(range(len(rates)), key=lambda index: smoothed[index])
    return (
        f"The loss over learning rates from {rates[0]:.2g} to {rates[-1]:.2g}, one step each, "
        f"{counted(len(rates), 'step')}. Smoothed, it begins at {smoothed[0]:.2f}, is lowest at "
        f"{rates[low]:.2g} with {smoothed[low]:.2f}, and ends at {smoothed[-1]:.2f}. {title}."
    )
