"""The learning rate as a plain function of the step, so that a resumed run needs no schedule to be restored."""

import math

import torch

from densekit.config import TrainingConfig

_FIRST = 1 / 25  # of its height, where a rising learning rate begins


def learning_rate_at(epoch: int, settings: TrainingConfig, done: float = 0.0) -> float:
    """Return the learning rate of a step.

    With the schedule `steps` it falls to `reduce_lr_factor` of what it was each time `reduce_lr_every` epochs
    are done. With `cosine` it falls along half a cosine to zero at the end (Loshchilov and Hutter, *SGDR*,
    2017). With `warm_up` it first rises from a 25th of its height.

    Args:
        epoch: counted from 1.
        settings: of the training.
        done: share of all steps that are done before this one, 0 ≤ done < 1.

    >>> settings = TrainingConfig(learning_rate=1.0, reduce_lr_every=2, reduce_lr_factor=0.5)
    >>> [learning_rate_at(epoch, settings) for epoch in range(1, 6)]
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """
    rate, rising = settings.learning_rate, settings.warm_up
    if done < rising:
        return rate * (_FIRST + (1 - _FIRST) * done / rising)
    if settings.schedule == "cosine":
        return rate * 0.5 * (1 + math.cos(math.pi * (done - rising) / (1 - rising)))
    if settings.reduce_lr_every is None:
        return rate
    return rate * settings.reduce_lr_factor ** ((epoch - 1) // settings.reduce_lr_every)


def set_learning_rate(optimizer: torch.optim.Optimizer, learning_rate: float) -> None:
    """Set the rate of each group of parameters: its own multiple of the learning rate (`layer_decay`)."""
    for group in optimizer.param_groups:
        group["lr"] = learning_rate * group.get("multiplier", 1.0)


def validates_at(step_in_epoch: int, steps_per_epoch: int, epoch: int, settings: TrainingConfig) -> bool:
    """Say whether a validation is due after this batch (all counted from 1).

    None is before `min_epoch_to_save` epochs are done. Then one is due every `save_step` batches, or at the end
    of each epoch if `save_step` is not set, and always after the very last batch.
    """
    at_end = step_in_epoch == steps_per_epoch
    if at_end and epoch == settings.epochs:
        return True
    epochs_done = epoch if at_end else epoch - 1
    if epochs_done < settings.min_epoch_to_save:
        return False
    if settings.save_step is None:
        return at_end
    step = (epoch - 1) * steps_per_epoch + step_in_epoch
    return step % settings.save_step == 0
