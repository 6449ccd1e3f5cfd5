"""A reader of a training's events that writes them for TensorBoard, where that is installed."""

import importlib.util
from pathlib import Path
from types import TracebackType
from typing import Any

from densekit.errors import ConfigError
from densekit.training.events import BatchDone, EpochDone, Event, Validated


def check_installed() -> None:
    """Refuse what can't be written.

    Raises:
        ConfigError: TensorBoard is not installed.
    """
    if importlib.util.find_spec("tensorboard") is None:
        raise ConfigError(
            "logs.tensorboard is true, but the package tensorboard is not installed: install it with "
            "`pip install tensorboard`, or leave the setting out; history.csv holds the same numbers"
        )


class TensorBoardLog:
    """Writes losses, accuracies and the learning rate into a folder, each under its step.

    Args:
        folder: for the files; others in it are left alone.
        step: the last one that is done: what an interrupted training has written behind it is passed over by
            TensorBoard, so that nothing shows twice.

    Raises:
        ConfigError: TensorBoard is not installed.
    """

    def __init__(self, folder: Path, step: int = 0) -> None:
        check_installed()
        from torch.utils.tensorboard import SummaryWriter

        self._writer: Any = SummaryWriter(str(folder), purge_step=step + 1)

    def read(self, event: Event) -> None:
        """Take an event in."""
        match event:
            case BatchDone():
                self._write(event, {"loss/batch": event.loss, "learning rate": event.learning_rate})
            case Validated():
                self._write(event, {"loss/val": event.loss, "accuracy/val": event.accuracy})
            case EpochDone():
                self._write(event, {"loss/train": event.loss, "accuracy/train": event.accuracy})

    def _write(self, event: Event, values: dict[str, float]) -> None:
        for name, value in values.items():
            self._writer.add_scalar(name, value, event.step)

    def __enter__(self) -> "TensorBoardLog":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()
