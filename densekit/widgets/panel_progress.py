"""How far a training is, and what it has told so far: a reader of its events."""

from densekit.plots.runs import RunCurves
from densekit.training.events import (
    BatchDone,
    Checked,
    EpochDone,
    Event,
    Finished,
    Judging,
    PhaseBegins,
    Reading,
    Stopping,
    Validated,
)
from densekit.words import percent

_POINTS = 10
"""Points in each epoch of the curve of training losses, where there are as many batches."""


class Progress:
    """What is known of a training while it goes on.

    Attributes:
        stage: what it does now, in a few words.
        share: how much of it is done, 0 to 1.
        points: how many points its curves have; whoever draws them sees by it whether there is anything new.
    """

    def __init__(self) -> None:
        self.stage = "beginning"
        self.share = 0.0
        self.points = 0
        self.train_loss: list[tuple[float, float]] = []
        self.val_loss: list[tuple[float, float]] = []
        self.train_accuracy: list[tuple[float, float]] = []
        self.val_accuracy: list[tuple[float, float]] = []
        self._phase = PhaseBegins(0, 0, 1, 1, 1)
        self._losses: list[float] = []  # of batches that are in no point yet

    def curves(self, number: int, name: str) -> RunCurves:
        """Return what there is to draw."""
        return RunCurves(number, name, self.train_loss, self.val_loss, self.train_accuracy, self.val_accuracy)

    def read(self, event: Event) -> None:
        """Take an event in."""
        match event:
            case Reading():
                self.stage = f"reading the pictures: {event.read} of {event.pictures}"
            case PhaseBegins():
                self._phase = event
            case BatchDone():
                self._read_batch(event)
            case Judging():
                self.stage = f"validating: {event.judged} of {event.pictures} pictures"
            case Checked():
                self.stage = f"validating: {percent(event.accuracy)} right so far"
            case Validated():
                self._add(self.val_loss, self._time(event.step), event.loss)
                self._add(self.val_accuracy, self._time(event.step), event.accuracy)
            case EpochDone():
                self._add_losses(event.step)
                self._add(self.train_accuracy, self._time(event.step), event.accuracy)
            case Stopping() | Finished():
                self._add_losses(event.step)
                self.stage = "writing what was learned, and the reports"

    def _read_batch(self, event: BatchDone) -> None:
        phase = self._phase
        self.share = self._time(event.step) / phase.epochs
        self.stage = (
            f"epoch {event.epoch} of {phase.epochs}, step {event.step}: loss {event.loss:.3f}, "
            f"learning rate {event.learning_rate:.2g}"
        )
        self._losses.append(event.loss)
        in_epoch = (phase.last_step - phase.step) / max(1, phase.last_epoch - phase.epoch)
        if len(self._losses) >= in_epoch // _POINTS:
            self._add_losses(event.step)

    def _add_losses(self, step: int) -> None:
        """Make a point of the losses that wait, in the middle of their batches."""
        if self._losses:
            middle = self._time(step - len(self._losses) / 2)
            self._add(self.train_loss, middle, sum(self._losses) / len(self._losses))
            self._losses = []

    def _time(self, step: float) -> float:
        """Return the epochs that are done after so many steps."""
        phase = self._phase
        share = (step - phase.step) / max(1, phase.last_step - phase.step)
        return phase.epoch + share * (phase.last_epoch - phase.epoch)

    def _add(self, curve: list[tuple[float, float]], time: float, value: float) -> None:
        curve.append((time, value))
        self.points += 1
