"""The training loop: a generator of events, from top to bottom.

    for event in fit(head, train, val, settings):
        if isinstance(event, Validated):
            print(event.epoch, event.accuracy)

Nothing is printed, written or plotted here; whoever reads the events does that. The loop does not know what it
trains either: `module` is the part of the network behind the cut, and the inputs are whatever stands before it
(embeddings for a head).
"""

import math
import time
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from densekit.config import TrainingConfig
from densekit.errors import DataError, TrainingError
from densekit.features import Features
from densekit.training.events import BatchDone, EpochDone, Event, Finished, Saved, Validated
from densekit.training.schedule import learning_rate_at, validates_at
from densekit.training.state import Best, TrainingState, copy_weights, start

_VALIDATION_BATCH = 1024


def fit(
    module: nn.Module,
    train: Features,
    val: Features,
    settings: TrainingConfig | None = None,
    state: TrainingState | None = None,
) -> Iterator[Event]:
    """Train a module on features, yielding an event for everything that happens.

    The module is trained in place, on the device that it and the features are on. When the events have all been
    read, it holds the weights of the best validation; when the reader stops early, those of the moment.

    Args:
        module: from inputs, (N, ...), to logits, (N, classes).
        train: what to learn from.
        val: what to judge by; never learned from.
        settings: the defaults if not given.
        state: where an interrupted training goes on; its module must be `module`.

    Raises:
        DataError: the training or the validation set is empty.
        TrainingError: the loss is no longer a number.
    """
    settings = settings or TrainingConfig()
    state = state or start(module, settings)
    _check_not_empty(train, val)
    while state.epoch < settings.epochs:
        yield from _one_epoch(state, train, val, settings)
    module.load_state_dict(state.best.weights)
    steps = settings.epochs * _batches_per_epoch(train, settings)
    best = state.best
    yield Finished(settings.epochs, steps, best.epoch, best.step, best.accuracy)


def _one_epoch(
    state: TrainingState, train: Features, val: Features, settings: TrainingConfig
) -> Iterator[Event]:
    began = time.perf_counter()
    epoch = state.epoch + 1
    learning_rate = learning_rate_at(epoch, settings)
    for group in state.optimizer.param_groups:
        group["lr"] = learning_rate
    batches = _batches_per_epoch(train, settings)
    total_loss, total_right = 0.0, 0
    for number, chosen in enumerate(_shuffled(len(train), epoch, settings), start=1):
        step = (epoch - 1) * batches + number
        loss, right = _train_on(state, train.inputs[chosen], train.labels[chosen])
        if not math.isfinite(loss):
            raise TrainingError(_diverged(step, epoch, loss, learning_rate))
        total_loss += loss * len(chosen)
        total_right += right
        yield BatchDone(epoch, step, loss, learning_rate)
        if validates_at(number, batches, epoch, settings):
            yield from _validate(state, val, epoch, step)
    state.epoch = epoch
    seconds = time.perf_counter() - began
    yield EpochDone(
        epoch, epoch * batches, total_loss / len(train), total_right / len(train), learning_rate, seconds
    )


def _train_on(state: TrainingState, inputs: Tensor, labels: Tensor) -> tuple[float, int]:
    """Take one step; return the loss before it and how many of the batch were classified rightly."""
    state.module.train()
    logits = state.module(inputs)  # (B, classes)
    loss = F.cross_entropy(logits, labels)
    state.optimizer.zero_grad()
    loss.backward()
    state.optimizer.step()
    return loss.item(), int((logits.argmax(dim=1) == labels).sum())


def _validate(state: TrainingState, val: Features, epoch: int, step: int) -> Iterator[Event]:
    logits = predict_logits(state.module, val.inputs)  # (N, classes)
    loss = F.cross_entropy(logits, val.labels).item()
    accuracy = (logits.argmax(dim=1) == val.labels).float().mean().item()
    improved = state.best.is_beaten_by(accuracy, loss)
    if improved:
        state.best = Best(epoch, step, accuracy, loss, copy_weights(state.module))
    yield Validated(epoch, step, loss, accuracy, logits, val.labels, improved)
    if improved:
        yield Saved(epoch, step, accuracy, state.best.weights)


@torch.no_grad()
def predict_logits(module: nn.Module, inputs: Tensor) -> Tensor:
    """Return the logits, (N, classes), of all inputs, with the module in evaluation mode."""
    module.eval()
    return torch.cat([module(part) for part in inputs.split(_VALIDATION_BATCH)])


def _shuffled(count: int, epoch: int, settings: TrainingConfig) -> tuple[Tensor, ...]:
    """Return the epoch's batches as indices; the last one may be smaller, and none is dropped.

    The order depends on the seed and the epoch alone: a resumed run continues with the same batches.
    """
    generator = torch.Generator().manual_seed(settings.seed * 100_003 + epoch)
    return torch.randperm(count, generator=generator).split(settings.batch_size)


def _batches_per_epoch(train: Features, settings: TrainingConfig) -> int:
    return math.ceil(len(train) / settings.batch_size)


def _check_not_empty(train: Features, val: Features) -> None:
    if len(train) == 0:
        raise DataError("there are no training images: nothing to learn from")
    if len(val) == 0:
        raise DataError(
            "there are no validation images: nothing to judge by. Give each class at least two images, or put "
            "some into val/<class>/"
        )


def _diverged(step: int, epoch: int, loss: float, learning_rate: float) -> str:
    return (
        f"the loss became {loss} at step {step} (epoch {epoch}). The usual cause is a learning rate that is too "
        f"high: it is {learning_rate:g}, try training.learning_rate={learning_rate / 10:g}"
    )
