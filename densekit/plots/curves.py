"""Lines over time and depth: how a training went, and how gradients reach the early layers."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullFormatter
from numpy.typing import ArrayLike, NDArray

from densekit.errors import DataError, RunError
from densekit.plots.described import describe, new_figure
from densekit.plots.style import BLUE, GREEN, GREY, LIGHT, ORANGE, VERMILLION, styled
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
        _curve_of_training(losses, table, time, "train_loss", "training", BLUE, "--")
        _curve_of_training(losses, table, time, "val_loss", "validation", ORANGE, "o-")
        _curve_of_training(accuracies, table, time, "train_accuracy", "training", BLUE, "--", 100)
        _curve_of_training(accuracies, table, time, "val_accuracy", "validation", ORANGE, "o-", 100)
        losses.set(title="Loss", ylabel="mean cross-entropy (nats)")
        accuracies.set(title="Accuracy", ylabel="% right")
        if best is not None:
            _mark_best(losses, accuracies, best, time)
        for axes in (losses, accuracies):
            _finish(axes, time, len(table))
        figure.suptitle(_title(table, best, time))
    return describe(figure, _words_of_training(table, best, time))


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


def _curve_of_training(
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


def _words_of_training(table: pd.DataFrame, best: "pd.Series[float] | None", time: str) -> str:
    text = f"Two curves, loss and accuracy. {_title(table, best, time)}."
    for column, name in (("train_loss", "Training loss"), ("val_loss", "Validation loss")):
        values = table[column].dropna()
        if not values.empty:
            text += f" {name} from {values.iloc[0]:.3f} to {values.iloc[-1]:.3f}."
    values = table["val_accuracy"].dropna()
    if not values.empty:
        text += f" Validation accuracy from {percent(values.iloc[0])} to {percent(values.iloc[-1])}."
    return text


_LOOKS = ((GREY, "s", ":"), (BLUE, "o", "--"), (VERMILLION, "D", "-"))
_MORE = (GREEN, "^", "-.")


def gradient_by_depth(settings: Mapping[str, Mapping[str, ArrayLike]], title: str) -> Figure:
    """Draw the size of the gradient at each layer, relative to the last layer, on a logarithmic scale.

    A line joins the medians over the seeds, a band reaches from the smallest to the largest of them.

    Args:
        settings: a panel for each setting; in it, sizes of gradients by the kind of network, each
            (seeds, layers) and above 0, the layer next to the input first.
        title: what is shown.

    Raises:
        DataError: sizes that are not above 0, or not of two dimensions.
    """
    relative = {
        setting: {kind: _relative(kind, sizes) for kind, sizes in kinds.items()}
        for setting, kinds in settings.items()
    }
    with styled():
        figure = new_figure(4.6 * max(len(relative), 1), 3.6)
        panels = figure.subplots(1, len(relative), squeeze=False)[0]
        for axes, (setting, kinds) in zip(panels, relative.items(), strict=True):
            for index, (kind, sizes) in enumerate(kinds.items()):
                _curve_of_gradients(axes, kind, sizes, _LOOKS[index] if index < len(_LOOKS) else _MORE)
            axes.axhline(1.0, color=GREY, linewidth=0.8, zorder=0)
            axes.set(title=setting, xlabel="layer (the input is on the left)", yscale="log")
            axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
            # The default would write powers in markup, which the style does not read.
            axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
            axes.yaxis.set_minor_formatter(NullFormatter())
            axes.grid(axis="y", color=LIGHT, linewidth=0.8)
        panels[0].set_ylabel("gradient, relative to the last layer")
        figure.legend(
            *panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=max(len(kinds), 1)
        )
        figure.suptitle(title)
    return describe(figure, _words_of_gradients(title, relative))


def _relative(kind: str, sizes: ArrayLike) -> NDArray[np.float64]:
    values = np.asarray(sizes, dtype=np.float64)
    if values.ndim != 2 or not values.size or not (values > 0).all():
        raise DataError(
            f"the gradients of '{kind}' have the shape {values.shape}: expected (seeds, layers), all above 0"
        )
    return values / values[:, -1:]


def _curve_of_gradients(
    axes: Axes, kind: str, sizes: NDArray[np.float64], look: tuple[str, str, str]
) -> None:
    colour, marker, line = look
    layers = range(1, sizes.shape[1] + 1)
    axes.fill_between(layers, sizes.min(axis=0), sizes.max(axis=0), color=colour, alpha=0.2, linewidth=0)
    axes.plot(layers, np.median(sizes, axis=0), line, marker=marker, markersize=3.5, color=colour, label=kind)


def _words_of_gradients(title: str, relative: Mapping[str, Mapping[str, NDArray[np.float64]]]) -> str:
    text = f"{title}. "
    for setting, kinds in relative.items():
        parts = []
        for kind, sizes in kinds.items():
            first = sizes[:, 0]
            seeds, layers = sizes.shape
            parts.append(
                f"{kind}, {counted(layers, 'layer')}: at the first {_short(np.median(first))} times as large as "
                f"at the last ({_short(first.min())} to {_short(first.max())} over {counted(seeds, 'seed')})"
            )
        text += f"{setting}: {'; '.join(parts)}. "
    return text


def _short(value: float) -> str:
    return f"{value:.2g}" if 0.01 <= value < 1000 else f"{value:.0e}"
