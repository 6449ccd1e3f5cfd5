"""How a training went: loss and accuracy over time."""

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from densekit.errors import RunError
from densekit.plots.described import describe, new_figure
from densekit.plots.style import BLUE, GREEN, GREY, LIGHT, ORANGE, styled
from densekit.words import counted, percent

History = pd.DataFrame | Sequence[Mapping[str, object]]


def training_curves(history: History) -> Figure:
    """Draw loss and accuracy from the history of a training, and mark the best validation.

    Training values are blue dashes, validation values orange dots on a line. The best validation is the one with
    the highest accuracy, and among equals the one with the lowest loss.

    Args:
        history: rows with `epoch`, `step`, `train_loss`, `val_loss`, `val_accuracy` and, if it is there,
            `train_accuracy`; a table such as pandas reads from history.csv, or dictionaries. Accuracies are
            shares, 0 to 1. Empty cells are left out, other columns don't matter.

    Raises:
        RunError: a column is missing.
    """
    table = _numbers(history)
    time = "epoch" if table["epoch"].is_unique else "step"
    best = _best(table)
    with styled():
        figure = new_figure(8.6, 3.3)
        losses, accuracies = figure.subplots(1, 2)
        _curve(losses, table, time, "train_loss", "training", BLUE, "--")
        _curve(losses, table, time, "val_loss", "validation", ORANGE, "o-")
        _curve(accuracies, table, time, "train_accuracy", "training", BLUE, "--", 100)
        _curve(accuracies, table, time, "val_accuracy", "validation", ORANGE, "o-", 100)
        losses.set(title="Loss", ylabel="mean cross-entropy (nats)")
        accuracies.set(title="Accuracy", ylabel="% right")
        if best is not None:
            _mark_best(losses, accuracies, best, time)
        for axes in (losses, accuracies):
            _finish(axes, time, len(table))
        figure.suptitle(_title(table, best, time))
    return describe(figure, _words(table, best, time))


def _numbers(history: History) -> pd.DataFrame:
    table = pd.DataFrame(history) if isinstance(history, pd.DataFrame) else pd.DataFrame(list(history))
    needed = ["epoch", "step", "train_loss", "val_loss", "val_accuracy"]
    if table.empty:
        return pd.DataFrame(columns=needed, dtype=float)
    missing = [column for column in needed if column not in table]
    if missing:
        raise RunError(f"the history has no column '{missing[0]}': expected {', '.join(needed)}")
    return table.apply(pd.to_numeric, errors="coerce").reset_index(drop=True)


def _best(table: pd.DataFrame) -> "pd.Series[float] | None":
    """Return the row of the best validation; None if there was no validation."""
    validated = table[table["val_accuracy"].notna()]
    if validated.empty:
        return None
    order = validated.sort_values(["val_accuracy", "val_loss"], ascending=[False, True], kind="stable")
    return order.iloc[0]


def _curve(
    axes: Axes,
    table: pd.DataFrame,
    time: str,
    column: str,
    label: str,
    colour: str,
    line: str,
    factor: float = 1.0,
) -> None:
    if column not in table:
        return
    rows = table[table[column].notna()]
    if not rows.empty:
        # A single value has no line, so it gets a dot.
        style = "o" if len(rows) == 1 else line
        axes.plot(rows[time], factor * rows[column], style, color=colour, label=label, markersize=4)


def _mark_best(losses: Axes, accuracies: Axes, best: "pd.Series[float]", time: str) -> None:
    for axes in (losses, accuracies):
        axes.axvline(best[time], color=GREY, linewidth=0.8, linestyle=":", zorder=0)
    accuracies.plot(
        best[time],
        100 * best["val_accuracy"],
        "*",
        color=GREEN,
        markeredgecolor="black",
        markersize=13,
        label=f"best: {percent(best['val_accuracy'])}",
        zorder=5,
    )


def _finish(axes: Axes, time: str, rows: int) -> None:
    axes.set_xlabel("epoch" if time == "epoch" else "step (batches trained)")
    axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
    axes.grid(axis="y", color=LIGHT, linewidth=0.8)
    axes.set_axisbelow(True)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="best")
    if rows == 1:
        axes.set_xlim(axes.get_xlim()[0] - 1, axes.get_xlim()[1] + 1)  # room for a whole number on the axis
    if rows == 0:
        axes.set(xticks=[], yticks=[])
        axes.text(0.5, 0.5, "nothing yet", transform=axes.transAxes, ha="center", color=GREY)


def _title(table: pd.DataFrame, best: "pd.Series[float] | None", time: str) -> str:
    if table.empty:
        return "Training: nothing recorded yet"
    epochs = int(table["epoch"].max())
    passed = f"Training for {counted(epochs, 'epoch')}"
    if best is None:
        return passed
    return f"{passed}: best validation {percent(best['val_accuracy'])} at {time} {best[time]:.0f}"


def _words(table: pd.DataFrame, best: "pd.Series[float] | None", time: str) -> str:
    text = f"Two curves, loss and accuracy. {_title(table, best, time)}."
    for column, name in (("train_loss", "Training loss"), ("val_loss", "Validation loss")):
        values = table[column].dropna()
        if not values.empty:
            text += f" {name} from {values.iloc[0]:.3f} to {values.iloc[-1]:.3f}."
    values = table["val_accuracy"].dropna()
    if not values.empty:
        text += f" Validation accuracy from {percent(values.iloc[0])} to {percent(values.iloc[-1])}."
    return text
