"""The reader of a training's events that writes what must not be lost.

Tables are written as soon as a validation is the best so far. Heat maps, which take far longer to draw than a
head takes to learn, are drawn when the training is over, from the tables: also those of a run that was killed
and continued.
"""

import shutil
import time
from pathlib import Path

from densekit.errors import RunError, one_line
from densekit.evaluation.files import (
    check_folder,
    draw_heat_maps,
    has_heat_map,
    validation_folder,
    write_tables,
    write_validation,
)
from densekit.evaluation.report import Report
from densekit.run.folder import CHECKPOINT, EVALUATION, HISTORY
from densekit.run.remarks import Teller, remark_on_stderr
from densekit.training.checkpoint import load_checkpoint, save_checkpoint
from densekit.training.events import BatchDone, Checked, EpochDone, Event, Stopping, Validated
from densekit.training.history import History, read_rows
from densekit.training.state import TrainingState

_SHARE = 20
"""A checkpoint is saved once the training has gone on for so many times as long as saving takes, so 5 %."""


class Keeper:
    """Keeps a training in a run folder.

    Args:
        folder: the run folder.
        classes: names of the classes.
        writes: whether this process is the one that writes.
        tell: called with what is to be told on the way.
    """

    identity: str = ""
    """Which training this is (`densekit.training.checkpoint`); known once its pictures are."""

    def __init__(
        self,
        folder: Path,
        classes: tuple[str, ...],
        writes: bool = True,
        tell: Teller = remark_on_stderr,
    ) -> None:
        self.folder = folder
        self.classes = classes
        self.writes = writes
        self.history = History(folder / HISTORY if writes else None, tell=tell)
        self.earlier = 0.0  # seconds of earlier sessions
        self._began = time.perf_counter()
        self._saved, self._saving = self._began, 0.0

    @property
    def seconds(self) -> float:
        """Time spent on this run so far, over all sessions."""
        return self.earlier + time.perf_counter() - self._began

    def resume(self, state: TrainingState) -> list[str]:
        """Bring a state to the last checkpoint, if there is one; return what was wrong with damaged ones."""
        notes, complaints = load_checkpoint(state, self.folder / CHECKPOINT, self.identity)
        if notes is None:
            return [
                f"{complaint}. It was the first one: the training begins anew" for complaint in complaints
            ]
        try:
            self.history.rows = read_rows(notes["history"])
            self.history.learning_rate = float(notes["learning_rate"])
            loss = notes.get("batch_loss")  # which earlier versions did not write
            self.history.batch_loss = None if loss is None else float(loss)
            self.earlier = float(notes["seconds"])
        except (KeyError, TypeError, ValueError) as error:
            raise RunError(
                f"the checkpoint {self.folder / CHECKPOINT} tells no history ({one_line(error)}): put an intact "
                "copy back, or start a new run"
            ) from error
        if self.writes:
            self._forget_later_validations()
            if complaints:  # or the next one to be saved would lay the damaged one over the good one
                (self.folder / CHECKPOINT).unlink(missing_ok=True)
        return [f"{complaint}. The training goes on from the one before" for complaint in complaints]

    def read(self, event: Event, state: TrainingState) -> None:
        """Take an event in, and the state behind it."""
        self.history.read(event)
        if not self.writes:
            return
        match event:
            case Checked(improved=True):
                report = Report.from_logits(event.labels, event.logits, self.classes)
                write_tables(report, check_folder(self.folder, event.epoch, event.step, event.batches))
            case Validated(improved=True):
                report = Report.from_logits(event.labels, event.logits, self.classes)
                write_validation(report, self.folder, event.epoch, event.step, heat_map=False)
            case Stopping():
                self.save(state)
            case EpochDone() | BatchDone() if self._is_time():
                self.save(state)

    def save(self, state: TrainingState) -> None:
        """Save a checkpoint."""
        began = time.perf_counter()
        notes = {
            "history": self.history.rows,
            "learning_rate": self.history.learning_rate,
            "batch_loss": self.history.batch_loss,
            "seconds": self.seconds,
        }
        save_checkpoint(state, self.folder / CHECKPOINT, self.identity, notes)
        self._saved = time.perf_counter()
        self._saving = self._saved - began

    def draw_heat_maps(self) -> None:
        """Draw the heat map of the last report, and of each validation that was the best so far and has none."""
        folders = (validation_folder(self.folder, *one) for one in self.history.saved_at())
        checks = sorted((self.folder / EVALUATION).glob("epoch-*-step-*/check-*"))
        # Whoever has tidied a report on one validation away does without its picture.
        missing = [one for one in (*folders, *checks) if one.is_dir() and not has_heat_map(one)]
        draw_heat_maps([*missing, self.folder / EVALUATION])

    def _is_time(self) -> bool:
        return time.perf_counter() - self._saved >= _SHARE * self._saving

    def _forget_later_validations(self) -> None:
        """Delete reports on validations behind the checkpoint, which will be made again or not at all."""
        known = {validation_folder(self.folder, *one) for one in self.history.validated_at()}
        for folder in (self.folder / EVALUATION).glob("epoch-*-step-*"):
            if folder not in known:
                shutil.rmtree(folder)
