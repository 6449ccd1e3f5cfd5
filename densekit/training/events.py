"""What training tells while it runs.

`for event in fit(...)` yields these. A progress bar, a live plot, a history file and a run folder are all
readers of this one stream; a whole run (`train`) tells two more, `Reading` and `PhaseBegins`. To end a training
early and properly, ask for it: `stop = Stop()`, `fit(..., stop=stop)`, and `stop.stop()` from wherever you are.
Whoever simply stops reading leaves the training where it is.
"""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Event:
    """Something happened after `step` batches in all, in epoch `epoch` (both count from 1)."""

    epoch: int
    step: int


@dataclass(frozen=True)
class Reading(Event):
    """Pictures are read before a phase of a run begins, and what is frozen is computed from them.

    Args:
        read: pictures that are done.
        pictures: how many there are, learned from and held back.
    """

    read: int
    pictures: int


@dataclass(frozen=True)
class PhaseBegins(Event):
    """A phase of a run begins behind `epoch` epochs and `step` steps, or goes on there.

    Args:
        last_epoch: the epoch with which the phase ends.
        last_step: its last step.
        epochs: of all phases together.
    """

    last_epoch: int
    last_step: int
    epochs: int


@dataclass(frozen=True)
class BatchDone(Event):
    """One step of the optimiser was taken.

    Args:
        loss: of the batch, before the step: the mean cross-entropy, unless the settings ask for another loss.
        learning_rate: the rate of the step.
    """

    loss: float
    learning_rate: float


@dataclass(frozen=True)
class Judging(Event):
    """A part of the validation set has been classified, and more is to come.

    Args:
        judged: pictures that are done.
        pictures: in the whole validation set.
    """

    judged: int
    pictures: int


@dataclass(frozen=True)
class Checked(Event):
    """How accurate a validation was after a part of its pictures, in a mixed order (`user_step`).

    Args:
        batches: how many batches of the validation set are in it.
        accuracy: share of their pictures that was classified rightly, 0 to 1.
        improved: whether it is above the floor, and above all earlier checks of the same validation.
        logits: of their pictures, (n, classes).
        labels: (n,), the true classes.
    """

    batches: int
    accuracy: float
    improved: bool
    logits: Tensor
    labels: Tensor


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
    """An epoch is done: every training sample was seen once more, or as many as there are were drawn.

    The latter is what `class_balance: sampling` asks for.

    Args:
        loss: mean over the epoch of what `BatchDone` calls the loss, while the weights were changing.
        accuracy: share of what was seen that was classified rightly, while the weights were changing.
        learning_rate: the rate of its last step.
        seconds: time the epoch took, validations included; over all sessions, if it was interrupted.
    """

    loss: float
    accuracy: float
    learning_rate: float
    seconds: float


@dataclass(frozen=True)
class Stopping(Event):
    """Somebody asked for the end, in the middle of an epoch or behind one.

    The training can go on from here: the state is whole, and is left alone once this event has been read.
    """


@dataclass(frozen=True)
class Finished(Event):
    """Training is over; the best weights are in the trained part.

    Args:
        best_epoch: epoch of the best validation.
        best_step: step of the best validation.
        best_accuracy: its accuracy, 0 to 1.
        stopped: whether it ended before all epochs were done.
    """

    best_epoch: int
    best_step: int
    best_accuracy: float
    stopped: bool = False
