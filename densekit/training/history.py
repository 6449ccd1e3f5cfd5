"""The history of a training as a table: a reader of its events that writes history.csv."""

import sys
from collections.abc import Callable, Iterable
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


def _on_stderr(text: str) -> None:
    print(f"densekit: {text}", file=sys.stderr)


@dataclass
class History:
    """One row for each validation and each end of an epoch; both at once share a row.

    Args:
        path: the CSV file, rewritten in one step at each end of an epoch and of the training; None keeps the
            table in memory.
        rows: the table so far. An interrupted training has them in its checkpoint.
        learning_rate: of the last step.
        batch_loss: of the last step; None before there is one.
        tell: called with what is to be told on the way; if not given, it is printed on standard error.
    """

    path: Path | None = None
    rows: list[Row] = field(default_factory=list)
    learning_rate: float = 0.0
    batch_loss: float | None = None
    tell: Callable[[str], None] = _on_stderr

    def read(self, event: Event) -> None:
        """Take an event in; those that make no row pass by."""
        match event:
            case BatchDone():
                self.learning_rate, self.batch_loss = event.learning_rate, event.loss
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

    def validated_at(self) -> Iterable[tuple[int, int]]:
        """Yield epoch and step of each validation."""
        validated = (row for row in self.rows if row["val_accuracy"] is not None)
        return ((int(row["epoch"] or 0), int(row["step"] or 0)) for row in validated)

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
            self._put(self.path, "\n".join(lines) + "\n")

    def _put(self, path: Path, text: str) -> None:
        """Write the table; beside its place if another program holds that, as spreadsheets do on Windows."""
        beside = path.with_stem(f"{path.stem}-new")
        try:
            write_text(path, text)
            beside.unlink(missing_ok=True)
        except PermissionError:
            write_text(beside, text)
            self.tell(f"another program holds {path} open, so the history is in {beside}")


def read_rows(rows: Any) -> list[Row]:
    """Take rows that were written to a file and may have been changed there.

    Raises:
        TypeError, ValueError: they are no rows of a history.
    """
    if not isinstance(rows, list):
        raise TypeError(f"expected a list of rows, found {type(rows).__name__}")
    for row in rows:
        if not isinstance(row, dict) or set(row) != set(COLUMNS):
            raise ValueError(f"expected rows with the columns {', '.join(COLUMNS)}")
        if not all(value is None or isinstance(value, int | float) for value in row.values()):
            raise ValueError("expected numbers in each row")
    return rows


def _cell(value: float | int | None) -> str:
    if value is None:
        return ""
    return str(value) if isinstance(value, int) else f"{value:.6g}"
