"""A progress bar: a reader of a training's events."""

import sys
from types import TracebackType
from typing import Any

from tqdm.auto import tqdm

from densekit.training.events import BatchDone, EpochDone, Event, Validated


class ProgressBar:
    """Show how far a training is, on standard error (in a notebook: as a widget).

    Args:
        epochs: epochs in all.
        done: epochs that an interrupted run had done already.
        shown: False for no bar at all.
    """

    def __init__(self, epochs: int, done: int = 0, shown: bool = True) -> None:
        self._bar: Any = tqdm(
            total=epochs, initial=done, desc="training", unit="epoch", disable=not shown, file=sys.stderr
        )
        self._facts: dict[str, str] = {}

    def read(self, event: Event) -> None:
        """Take an event in."""
        match event:
            case BatchDone() if event.step % 16 == 0:
                self._facts["loss"] = f"{event.loss:.3f}"
                self._bar.set_postfix(self._facts)
            case Validated():
                self._facts["val_accuracy"] = f"{event.accuracy:.1%}"
            case EpochDone():
                self._facts["loss"] = f"{event.loss:.3f}"
                self._bar.set_postfix(self._facts, refresh=False)
                self._bar.update()

    def __enter__(self) -> "ProgressBar":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.close()
