"""What training tells while it runs.

`for event in fit(...)` yields these. A progress bar, a live plot, a history file and an early stop are all
readers of this one stream; to stop training is to stop reading.
"""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Event:
    """Something happened after `step` batches in all, in epoch `epoch` (both count from 1)."""

    epoch: int
    step: int


@dataclass(frozen=True)
class BatchDone(Event):
    """One step of the optimiser was taken.

    Args:
        loss: mean cross-entropy of the batch, before the step.
        learning_rate: the rate of the step.
    """

    loss: float
    learning_rate: float


@dataclass(frozen=True)
class Validated(Event):
    """The validation set was classified.

    Args:
        loss: mean cross-entropy over the validation set.
        accuracy: share of the validation set that was classified rightly, 0 to 1.
        logits: (N, classes), in the order of the validation set.
        labels: (N,), the true classes.
        improved: whether this is the best validation so far.
    """

    loss: float
    accuracy: float
    logits: Tensor
    labels: Tensor
    improved: bool


@dataclass(frozen=True)
class Saved(Event):
    """A validation was the best so far, so these weights are the ones to keep.

    Args:
        accuracy: the validation accuracy of the weights.
        weights: a copy of the trained part's state dict, on the CPU.
    """

    accuracy: float
    weights: dict[str, Tensor]


@dataclass(frozen=True)
class EpochDone(Event):
    """Every training sample was seen once more.

    Args:
        loss: mean cross-entropy over the epoch, while the weights were changing.
        accuracy: share of the training samples that were classified rightly, while the weights were changing.
        learning_rate: the rate of the epoch.
        seconds: time the epoch took, validations included.
    """

    loss: float
    accuracy: float
    learning_rate: float
    seconds: float


@dataclass(frozen=True)
class Finished(Event):
    """Training is over; the best weights are in the trained part.

    Args:
        best_epoch: epoch of the best validation.
        best_step: step of the best validation.
        best_accuracy: its accuracy, 0 to 1.
    """

    best_epoch: int
    best_step: int
    best_accuracy: float
