"""A reader of a training's events that writes them for TensorBoard, where that is installed."""

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from densekit.errors import ConfigError
from densekit.training.events import BatchDone, EpochDone, Event, Validated
from densekit.training.history import History


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
        step: the last one that is done.
        history: of the training so far. TensorBoard passes over what an interrupted training has written of
            this step and of later ones. What is known of this step is written again, and nothing shows twice.

    Raises:
        ConfigError: TensorBoard is not installed.
    """

    def __init__(self, folder: Path, step: int, history: History) -> None:
        check_installed()
        from torch.utils.tensorboard import SummaryWriter

        self._writer: Any = SummaryWriter(str(folder), purge_step=max(step, 1))
        if step > 0:
            self._write_again(step, history)

    def read(self, event: Event) -> None:
        """Take an event in."""
        match event:
            case BatchDone():
                self._write(event.step, {"loss/batch": event.loss, "learning rate": event.learning_rate})
            case Validated():
                self._write(event.step, {"loss/val": event.loss, "accuracy/val": event.accuracy})
            case EpochDone():
                self._write(event.step, {"loss/train": event.loss, "accuracy/train": event.accuracy})

    def _write(self, step: int, values: Mapping[str, float | None]) -> None:
        for name, value in values.items():
            if value is not None:
                self._writer.add_scalar(name, value, step)

    def _write_again(self, step: int, history: History) -> None:
        self._write(step, {"loss/batch": history.batch_loss, "learning rate": history.learning_rate})
        if history.rows and history.rows[-1]["step"] == step:
            row = history.rows[-1]
            names = {"loss/val": "val_loss", "accuracy/val": "val_accuracy"}
            names |= {"loss/train": "train_loss", "accuracy/train": "train_accuracy"}
            self._write(step, {name: row[column] for name, column in names.items()})

    def __enter__(self) -> "TensorBoardLog":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()
