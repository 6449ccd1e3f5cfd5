"""What the loop says when it can't go on."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.optim import Optimizer

from densekit.config import TrainingConfig
from densekit.errors import ConfigError, DataError, TrainingError
from densekit.training.source import Source
from densekit.words import counted

SECTION = "training"
"""Where the settings stand of a training in one phase; of several, each has its own: `phases.1.training`."""


def check_not_empty(train: Source, val: Source) -> None:
    """Refuse to train on nothing.

    Raises:
        DataError: the training or the validation set is empty.
    """
    if len(train.labels) == 0:
        raise DataError("there are no training images: nothing to learn from")
    if len(val.labels) == 0:
        raise DataError(
            "there are no validation images: nothing to judge by. Give each class at least two images, or put "
            "some into val/<class>/"
        )


def check_batch(batch_size: int, least: int, section: str = SECTION) -> None:
    """Refuse batches that are too small for what learns.

    Raises:
        ConfigError: BatchNorm needs more pictures.
    """
    if batch_size < least:
        raise ConfigError(
            f"{section}.batch_size is {batch_size}, but BatchNorm needs {least} pictures or more to tell how "
            f"much they vary: expected {least} or more"
        )


def diverged(
    step: int, epoch: int, loss: float, optimizer: Optimizer, settings: TrainingConfig, section: str = SECTION
) -> TrainingError:
    """Return the error for a loss that is no number, with the likely cause: the optimiser's highest values.

    Args:
        step: the last one.
        epoch: that it belongs to.
        loss: which is no number.
        optimizer: with the rate of the step, which a schedule may have made another one than the setting.
        settings: of the training.
        section: where they stand.
    """
    learning_rate, weight_decay = (
        max(float(group[name]) for group in optimizer.param_groups) for name in ("lr", "weight_decay")
    )
    if learning_rate * weight_decay >= 1:
        return TrainingError(
            f"the loss became {loss} at step {step} (epoch {epoch}): weight_decay is {weight_decay:g}, which "
            f"takes {learning_rate * weight_decay:g} times their length off the weights in each step, at a rate "
            f"of {learning_rate:g}; 0.05 is common, try {section}.weight_decay=0.05"
        )
    setting, momentary = f"{settings.learning_rate:g}", f"{learning_rate:g}"
    so_far = "" if momentary == setting else f" (the schedule had it at {momentary} by then)"
    return TrainingError(
        f"the loss became {loss} at step {step} (epoch {epoch}). The usual cause is a learning rate that is too "
        f"high: it is {setting}{so_far}, try {section}.learning_rate={settings.learning_rate / 10:g}"
    )


@contextmanager
def memory_told(settings: TrainingConfig, section: str = SECTION) -> Iterator[None]:
    """Say what helps where the memory is full.

    Args:
        settings: of the training.
        section: where they stand.

    Raises:
        TrainingError: within the context, no memory was left.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not _is_out_of_memory(error):
            raise
        batch_size, parts, least = settings.batch_size, settings.accumulate, settings.least_in_part
        can_shrink = batch_size // 2 >= (parts * least if parts > 1 else 1)
        smaller = f"{section}.batch_size={batch_size // 2}, " if can_shrink else ""
        can_be_cut = batch_size >= 2 * parts * least
        more = (
            f"{section}.accumulate={2 * parts}, which keeps the steps as they are, or " if can_be_cut else ""
        )
        raise TrainingError(
            f"no memory is left, with {counted(batch_size, 'picture')} in a batch: try {smaller}a smaller "
            f"data.image_size, or, where more than the head is trained, {more}compute.save_memory=true"
        ) from error


def _is_out_of_memory(error: Exception) -> bool:
    # CUDA has a class for it; elsewhere torch says it in words alone: on Linux, Windows, and Apple's GPUs.
    words = ("can't allocate memory", "not enough memory", "out of memory")
    told = str(error).lower()
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or any(each in told for each in words)
