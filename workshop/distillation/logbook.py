"""The log of a run: what a table tells of it, one row for each checkpoint."""

import csv
import io
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import fmean

from densekit.files import write_atomically
from workshop.distillation.distil import Agreement, StepDone
from workshop.distillation.state import State

COLUMNS = (
    "step",
    "images",
    "seconds",
    "size",
    "learning_rate",
    "loss",
    "maps",
    "features",
    "logits",
    "likeness",
    "images_per_second",
    "held_out_cosine",
    "held_out_top1",
    "held_out_top5",
)


@dataclass
class LogBook:
    """The log of a run: one row for each checkpoint, written together with it.

    Args:
        path: the CSV file.
        rows: those of earlier sessions, up to the checkpoint that this one begins at.
    """

    path: Path
    rows: list[dict[str, str]] = field(default_factory=list)
    _steps: list[StepDone] = field(default_factory=list)

    @classmethod
    def resumed(cls, path: Path, step: int) -> "LogBook":
        """Go on with a log after a step; later rows, which will be made again, are dropped."""
        if not path.is_file():
            return cls(path)
        rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))
        return cls(path, [row for row in rows if int(row["step"]) <= step])

    def read(self, event: StepDone) -> None:
        """Take a step in."""
        self._steps.append(event)

    def write(self, state: State, agreement: Agreement | None) -> None:
        """Add a row over the steps since the last one, and write the file in one step."""
        if self._steps:
            self.rows.append(_row(self._steps, state, agreement))
            self._steps = []
        elif self.rows and agreement is not None:
            self.rows[-1] |= _examined(agreement)
        with write_atomically(self.path, "w") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(self.rows)


def _row(steps: list[StepDone], state: State, agreement: Agreement | None) -> dict[str, str]:
    last = steps[-1]
    means = {
        name: fmean(getattr(step, name) for step in steps)
        for name in ("loss", "maps", "features", "logits", "likeness")
    }
    seconds = sum(step.seconds for step in steps)
    seen = last.images / last.step * len(steps)
    row = {
        "step": str(last.step),
        "images": str(last.images),
        "seconds": f"{state.counters.seconds:.0f}",
        "size": str(last.size),
        "learning_rate": f"{last.learning_rate:.3g}",
        **{name: f"{value:.5f}" for name, value in means.items()},
        "images_per_second": f"{seen / seconds:.1f}",
    }
    if agreement is not None:
        row |= _examined(agreement)
    return {**dict.fromkeys(COLUMNS, ""), **row}


def _examined(agreement: Agreement) -> dict[str, str]:
    return {f"held_out_{name}": f"{value:.4f}" for name, value in asdict(agreement).items()}
