"""The learning rate as a plain function of the epoch, so that a resumed run needs no schedule to be restored."""

import torch

from densekit.config import TrainingConfig


def learning_rate_at(epoch: int, settings: TrainingConfig) -> float:
    """Return the learning rate of an epoch (counted from 1).

    It falls to `reduce_lr_factor` of what it was each time `reduce_lr_every` epochs are done.

    >>> settings = TrainingConfig(learning_rate=1.0, reduce_lr_every=2, reduce_lr_factor=0.5)
    >>> [learning_rate_at(epoch, settings) for epoch in range(1, 6)]
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """
    if settings.reduce_lr_every is None:
        return settings.learning_rate
    reductions = (epoch - 1) // settings.reduce_lr_every
    return settings.learning_rate * settings.reduce_lr_factor**reductions


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
