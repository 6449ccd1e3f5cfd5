"""The history of a training as a table: a reader of its events that writes history.csv."""

from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from densekit.files import write_atomically
from densekit.training.events import BatchDone, EpochDone, Event, Validated

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


@dataclass
class History:
    """One row for each validation and each end of an epoch; both at once share a row.

    Args:
        path: the CSV file, rewritten in one step at each end of an epoch; None keeps the table in memory.
        rows: the table so far.
    """

    path: Path | None = None
    rows: list[dict[str, float | int | None]] = field(default_factory=list)
    _learning_rate: float = 0.0

    @classmethod
    def resumed(cls, path: Path, epoch: int) -> "History":
        """Go on with a history after an epoch; later rows, which will be made again, are dropped."""
        if not path.is_file():
            return cls(path)
        table = pd.read_csv(path)
        kept = table[table["epoch"] <= epoch].astype(object)
        rows = kept.where(kept.notna(), None).to_dict("records")
        return cls(path, [{str(key): value for key, value in row.items()} for row in rows])

    def read(self, event: Event) -> None:
        """Take an event in; those that make no row pass by."""
        match event:
            case BatchDone():
                self._learning_rate = event.learning_rate
            case Validated():
                row = self._row_at(event)
                row |= {"val_loss": event.loss, "val_accuracy": event.accuracy, "saved": int(event.improved)}
            case EpochDone():
                row = self._row_at(event)
                row |= {"train_loss": event.loss, "train_accuracy": event.accuracy}
                self._write()

    def table(self) -> pd.DataFrame:
        """Return the rows as a table; a value that a row does not have is missing (NaN)."""
        return pd.DataFrame(self.rows, columns=list(COLUMNS))

    def _row_at(self, event: Event) -> dict[str, float | int | None]:
        if not self.rows or self.rows[-1]["step"] != event.step:
            start = {"epoch": event.epoch, "step": event.step, "learning_rate": self._learning_rate}
            self.rows.append({**dict.fromkeys(COLUMNS), **start})
        return self.rows[-1]

    def _write(self) -> None:
        if self.path is not None:
            with write_atomically(self.path, "w") as file:
                self.table().to_csv(file, index=False, float_format="%.6g", lineterminator="\n")
