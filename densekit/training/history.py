"""The history of a training as a table: a reader of its events that writes history.csv."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from densekit.files import write_text
from densekit.training.events import BatchDone, EpochDone, Event, Finished, Stopping, Validated

COLUMNS = (
    "epoch",
    "step",
    "learning_rate",
    "train_loss",
    "train_accuracy",
    "val_loss",
    "val_accuracy",
    "saved",
)

Row = dict[str, float | int | None]


@dataclass
class History:
    """One row for each validation and each end of an epoch; both at once share a row.

    Args:
        path: the CSV file, rewritten in one step at each end of an epoch and of the training; None keeps the
            table in memory.
        rows: the table so far. An interrupted training has them in its checkpoint.
        learning_rate: of the last step.
    """

    path: Path | None = None
    rows: list[Row] = field(default_factory=list)
    learning_rate: float = 0.0

    def read(self, event: Event) -> None:
        """Take an event in; those that make no row pass by."""
        match event:
            case BatchDone():
                self.learning_rate = event.learning_rate
            case Validated():
                row = self._row_at(event)
                row |= {"val_loss": event.loss, "val_accuracy": event.accuracy, "saved": int(event.improved)}
            case EpochDone():
                row = self._row_at(event)
                row |= {"train_loss": event.loss, "train_accuracy": event.accuracy}
                self._write()
            case Stopping() | Finished():
                self._write()

    def table(self) -> Any:
        """Return the rows as a pandas table; a value that a row does not have is missing (NaN)."""
        import pandas as pd

        return pd.DataFrame(self.rows, columns=list(COLUMNS))

    def saved_at(self) -> Iterable[tuple[int, int]]:
        """Yield epoch and step of each validation that was the best so far."""
        return ((int(row["epoch"] or 0), int(row["step"] or 0)) for row in self.rows if row["saved"])

    def _row_at(self, event: Event) -> Row:
        if not self.rows or self.rows[-1]["step"] != event.step:
            start = {"epoch": event.epoch, "step": event.step, "learning_rate": self.learning_rate}
            self.rows.append({**dict.fromkeys(COLUMNS), **start})
        return self.rows[-1]

    def _write(self) -> None:
        if self.path is not None:
            lines = [
                ",".join(COLUMNS),
                *(",".join(_cell(row[name]) for name in COLUMNS) for row in self.rows),
            ]
            write_text(self.path, "\n".join(lines) + "\n")


def _cell(value: float | int | None) -> str:
    if value is None:
        return ""
    return str(value) if isinstance(value, int) else f"{value:.6g}"
