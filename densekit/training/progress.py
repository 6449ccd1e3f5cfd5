"""A progress bar: a reader of a training's events."""

from types import TracebackType
from typing import Any

from densekit.bars import progress_bar
from densekit.training.events import BatchDone, Checked, EpochDone, Event, Judging, Validated


class ProgressBar:
    """Show how far a training is, on standard error (in a notebook: as a widget).

    Args:
        steps: steps in all; an epoch of a whole network may take minutes, so steps are what is counted.
        done: steps that are done already: in an earlier phase, or before an interruption.
        epochs: epochs in all.
        shown: False for no bar at all.
    """

    def __init__(self, steps: int, done: int = 0, epochs: int = 0, shown: bool = True) -> None:
        self._bar: Any = progress_bar(shown=shown, total=steps, unit="step", what="training", done=done)
        self._epochs = epochs
        self._facts: dict[str, str] = {}

    def read(self, event: Event) -> None:
        """Take an event in."""
        match event:
            case BatchDone():
                self._facts |= {"epoch": f"{event.epoch}/{self._epochs}", "loss": f"{event.loss:.3f}"}
                self._bar.set_postfix(self._facts, refresh=False)
                self._bar.update(event.step - self._bar.n)
            case Judging():
                self._bar.set_postfix({**self._facts, "validating": f"{event.judged}/{event.pictures}"})
            case Checked():
                self._bar.set_postfix({**self._facts, "val_accuracy so far": f"{event.accuracy:.1%}"})
            case Validated():
                self._facts["val_accuracy"] = f"{event.accuracy:.1%}"
            case EpochDone():
                self._facts["loss"] = f"{event.loss:.3f}"
                self._bar.set_postfix(self._facts)

    def __enter__(self) -> "ProgressBar":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.close()
