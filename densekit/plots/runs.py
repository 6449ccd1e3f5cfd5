"""Several trainings in one figure: loss and accuracy against epochs, also while the last one is under way."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from densekit.errors import DensekitError
from densekit.plots.described import describe, new_figure
from densekit.plots.style import GREY, LIGHT, LOOKS, drawn_text, styled
from densekit.words import counted, percent

Points = Sequence[tuple[float, float]]
"""Values with their place in time, in epochs: 1.5 is in the middle of the second one."""

MOST_RUNS = 5
"""As many runs as the eye can follow in one figure, and as there are looks for."""


@dataclass(frozen=True)
class RunCurves:
    """What a training has told so far.

    Args:
        number: of the run, from 1: it keeps its colour, whichever others are drawn.
        name: what the legend says.
        train_loss: mean losses of batches, in the middle of the batches that each is of.
        val_loss: at each validation.
        train_accuracy: at the end of each epoch, 0 to 1.
        val_accuracy: at each validation, 0 to 1.
    """

    number: int
    name: str
    train_loss: Points = ()
    val_loss: Points = ()
    train_accuracy: Points = ()
    val_accuracy: Points = ()


def runs_together(runs: Sequence[RunCurves]) -> Figure:
    """Draw loss and accuracy of runs, each in its colour: training as dashes, validation as a line with dots.

    Args:
        runs: 5 at most.

    Raises:
        DensekitError: more than 5.
    """
    if len(runs) > MOST_RUNS:
        raise DensekitError(f"{len(runs)} runs in one figure can't be told apart: give {MOST_RUNS} at most")
    with styled():
        figure = new_figure(8.6, 3.1 + 0.2 * max(1, (len(runs) + 1) // 2))
        losses, accuracies = figure.subplots(1, 2)
        for run in runs:
            _draw(losses, run, run.train_loss, run.val_loss, 1.0)
            _draw(accuracies, run, run.train_accuracy, run.val_accuracy, 100.0)
        losses.set(title="Loss", ylabel="mean loss of a picture")
        accuracies.set(title="Accuracy", ylabel="% right")
        for axes in (losses, accuracies):
            _finish(axes)
        accuracies.set_ylim(
            top=min(102.0, accuracies.get_ylim()[1])
        )  # nobody is right more often than always
        lines, names = accuracies.get_legend_handles_labels()
        if runs:
            figure.legend(lines, names, loc="outside lower center", ncols=2)
        figure.suptitle("Dashes: training. Lines with dots: validation", fontsize=9, fontweight="normal")
    return describe(figure, _words(runs))


def _draw(axes: Axes, run: RunCurves, training: Points, validation: Points, factor: float) -> None:
    colour, marker = LOOKS[(run.number - 1) % MOST_RUNS]
    for points, style, label in (
        (training, {"linestyle": "--", "linewidth": 1.0}, None),
        (validation, {"marker": marker, "markersize": 4}, drawn_text(run.name)),
    ):
        times, values = np.array(points, dtype=float).reshape(-1, 2).T
        axes.plot(times, factor * values, color=colour, label=label, **style)  # type: ignore[arg-type]


def _finish(axes: Axes) -> None:
    axes.set_xlabel("epochs")
    axes.set_xlim(left=0)
    axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
    axes.grid(axis="y", color=LIGHT, linewidth=0.8)
    axes.set_axisbelow(True)
    if not any(np.asarray(line.get_xdata()).size for line in axes.lines):
        axes.set(xticks=[], yticks=[])
        axes.text(0.5, 0.5, "nothing yet", transform=axes.transAxes, ha="center", color=GREY)


def _words(runs: Sequence[RunCurves]) -> str:
    told = [f"Loss and accuracy of {counted(len(runs), 'run')} against epochs."]
    for run in runs:
        parts = []
        for points, name in ((run.train_loss, "training loss"), (run.val_loss, "validation loss")):
            if points:
                parts.append(f"{name} from {points[0][1]:.3f} to {points[-1][1]:.3f}")
        if run.val_accuracy:
            best = max(value for _, value in run.val_accuracy)
            parts.append(f"validation accuracy up to {percent(best)}")
        told.append(f"Run {run.name}: {', '.join(parts) or 'nothing yet'}.")
    return " ".join(told)
