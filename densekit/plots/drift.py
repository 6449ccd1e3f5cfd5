"""How far BatchNorm's running statistics moved, norm by norm, in a network that was said to be frozen."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from densekit.errors import DataError
from densekit.plots.described import describe, new_figure
from densekit.plots.style import BLUE, GREEN, GREY, LIGHT, ORANGE, VERMILLION, styled
from densekit.words import counted

State = Mapping[str, Tensor]

_MEAN, _VARIANCE = ".running_mean", ".running_var"
_LEAST = 1e-5  # what a BatchNorm adds to a variance before it divides by its root
_LOOKS = ((BLUE, "o"), (VERMILLION, "s"), (GREEN, "^"), (ORANGE, "D"))


@dataclass(frozen=True)
class Drift:
    """How far the statistics of each norm moved: the typical channel, the median.

    Args:
        means: |change of the running mean|, in standard deviations of before, (norms,).
        spreads: the factor between the running standard deviations, whichever is larger over the other, (norms,).
    """

    means: NDArray[np.float64]
    spreads: NDArray[np.float64]


def drift_between(before: State, after: State) -> Drift:
    """Measure how far running statistics moved between two state dicts, in the order of their norms.

    Raises:
        DataError: there are no running statistics, or they are not the same ones in both.
    """
    norms = norms_of(before)
    if norms != norms_of(after) or not norms:
        raise DataError(
            f"the states have {len(norms)} and {len(norms_of(after))} norms with running statistics: expected "
            "the same ones in both, and one or more"
        )
    means, spreads = [], []
    for norm in norms:
        mean, variance = _numbers(before, norm)
        new_mean, new_variance = _numbers(after, norm)
        if mean.shape != new_mean.shape:
            raise DataError(
                f"{norm} has {mean.size} channels before and {new_mean.size} after: expected as many"
            )
        means.append(float(np.median(np.abs(new_mean - mean) / np.sqrt(variance))))
        spreads.append(float(np.exp(np.median(np.abs(np.log(new_variance / variance)) / 2))))
    return Drift(np.array(means), np.array(spreads))


def norms_of(state: State) -> list[str]:
    """Return the names of the norms in a state dict that have running statistics, in its order."""
    return [name.removesuffix(_MEAN) for name in state if name.endswith(_MEAN)]


def _numbers(state: State, norm: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    mean, variance = (state[norm + part].detach().cpu().double().numpy() for part in (_MEAN, _VARIANCE))
    return mean, variance + _LEAST


def buffer_drift(before: State, after: Mapping[str, State], title: str) -> Figure:
    """Draw how far the running statistics of each norm moved, a dot for each norm, the image on the left.

    Above: how far the running mean moved, in standard deviations of before. Below: by which factor the running
    standard deviation grew or shrank. Each dot is the median over the channels of a norm.

    Args:
        before: a state dict.
        after: state dicts of later, by what came between, at most four.
        title: what is shown.

    Raises:
        DataError: the states do not have the same norms, or there is none to compare.
    """
    if not 1 <= len(after) <= len(_LOOKS):
        raise DataError(f"there are {len(after)} states of later: expected 1 to {len(_LOOKS)}")
    drifts = {what: drift_between(before, state) for what, state in after.items()}
    norms = norms_of(before)
    with styled():
        figure = new_figure(9.0, 4.6)
        above, below = figure.subplots(2, 1, sharex=True)
        for (what, drift), (colour, marker) in zip(drifts.items(), _LOOKS, strict=False):
            looks = {"color": colour, "marker": marker, "markersize": 3.5, "linestyle": "", "label": what}
            above.plot(range(1, len(norms) + 1), drift.means, **looks)
            below.plot(range(1, len(norms) + 1), drift.spreads, **looks)
        above.set(ylabel="mean moved by\n(standard deviations)", ylim=(0, None))
        below.set(
            ylabel="standard deviation\ngrew or shrank by a factor",
            ylim=(1, None),
            xlabel="norm, from the image to the head",
        )
        above.set_xlim(0, len(norms) + 1)
        for axes in (above, below):
            axes.grid(axis="y", color=LIGHT, linewidth=0.8)
            axes.set_axisbelow(True)
        _mark_stages(above, below, norms)
        figure.legend(*above.get_legend_handles_labels(), loc="outside lower center", ncols=len(drifts))
        figure.suptitle(title)
    return describe(figure, _words(title, drifts, len(norms)))


def _mark_stages(above: Axes, below: Axes, norms: Sequence[str]) -> None:
    """Shade every other dense block, and write its name over it."""
    for number in range(1, 9):
        within = [place for place, norm in enumerate(norms, 1) if re.search(rf"\bdenseblock{number}\b", norm)]
        if within:
            left, right = within[0] - 0.5, within[-1] + 0.5
            for axes in (above, below):
                axes.axvspan(
                    left, right, color=LIGHT, alpha=0.6 if number % 2 else 0.25, zorder=0, linewidth=0
                )
            above.annotate(
                f"block {number}", ((left + right) / 2, 1), (0, 3), xycoords=("data", "axes fraction"),
                textcoords="offset points", ha="center", fontsize=8.0, color=GREY,
            )  # fmt: skip


def _words(title: str, drifts: Mapping[str, Drift], norms: int) -> str:
    each = "; ".join(
        f"{what}, the mean by {np.median(drift.means):.2g} standard deviations in the median norm and "
        f"{drift.means.max():.2g} at most, the standard deviation by a factor of {np.median(drift.spreads):.2g} "
        f"and {drift.spreads.max():.2g} at most"
        for what, drift in drifts.items()
    )
    return f"{title}. Dots for {counted(norms, 'norm')} from the image to the head. They moved: {each}."
