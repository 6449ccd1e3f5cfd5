"""What the loop says when it can't go on."""

from torch.optim import Optimizer

from densekit.errors import DataError, TrainingError
from densekit.training.source import Source


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


def diverged(step: int, epoch: int, loss: float, optimizer: Optimizer) -> TrainingError:
    """Return the error for a loss that is no number, with the likely cause: the optimiser's highest values."""
    learning_rate, weight_decay = (
        max(float(group[name]) for group in optimizer.param_groups) for name in ("lr", "weight_decay")
    )
    if learning_rate * weight_decay >= 1:
        return TrainingError(
            f"the loss became {loss} at step {step} (epoch {epoch}): weight_decay is {weight_decay:g}, which "
            f"takes {learning_rate * weight_decay:g} times their length off the weights in each step, at a rate "
            f"of {learning_rate:g}; 0.05 is common, try training.weight_decay=0.05"
        )
    return TrainingError(
        f"the loss became {loss} at step {step} (epoch {epoch}). The usual cause is a learning rate that is too "
        f"high: it is {learning_rate:g}, try training.learning_rate={learning_rate / 10:g}"
    )
