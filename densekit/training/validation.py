"""What a trained part says of pictures, without learning from them."""

import math
from collections.abc import Generator, Iterator
from contextlib import closing

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from densekit.config import TrainingConfig
from densekit.devices import Compute
from densekit.training.averaging import WithWeights
from densekit.training.complaints import SECTION, diverged
from densekit.training.events import Checked, Event, Judging, Saved, Validated
from densekit.training.randomness import shuffled
from densekit.training.source import Source, TensorSource
from densekit.training.state import Best, TrainingState
from densekit.training.team import ALONE, Team


def validate(
    state: TrainingState,
    val: Source,
    settings: TrainingConfig,
    compute: Compute,
    team: Team = ALONE,
    section: str = SECTION,
) -> Iterator[Event]:
    """Judge a training by the validation set, and remember its weights if they are the best so far.

    The arguments are explained at `fit`.

    Raises:
        TrainingError: the loss is no number.
    """
    counters = state.counters
    epoch = counters.epoch + 1 if counters.batch else counters.epoch
    team.share_buffers(state.module)  # each has counted BatchNorm's running statistics on its own share
    judging = _judging(state.judged, val, compute, team)
    logits = yield from _told(judging, len(val.labels), epoch, counters.step)  # (N, classes)
    labels = val.labels.cpu()  # (N,)
    yield from _checks(logits, labels, settings, epoch, counters.step)
    loss = F.cross_entropy(logits, labels).item()
    if not math.isfinite(loss):
        raise diverged(counters.step, epoch, loss, state.optimizer, settings, section)
    accuracy = (logits.argmax(dim=1) == labels).float().mean().item()
    improved = state.best.is_beaten_by(accuracy, loss)
    if improved:
        state.best = Best(epoch, counters.step, accuracy, loss, state.judged_weights())
    counters.validated_at = counters.step
    counters.not_better = 0 if improved else counters.not_better + 1
    yield Validated(epoch, counters.step, loss, accuracy, logits, labels, improved)
    if improved:
        yield Saved(epoch, counters.step, accuracy, state.best.weights)


def logits_of(module: nn.Module, source: Source, compute: Compute, team: Team = ALONE) -> Tensor:
    """Return the logits, float32 (N, classes), of all pictures of a source, on the CPU.

    The module is put into evaluation mode. A team shares the work, and each gets all of it.
    """
    judging = _judging(module, source, compute, team)
    while True:
        try:
            next(judging)
        except StopIteration as done:
            return done.value


def _judging(
    module: nn.Module | WithWeights, source: Source, compute: Compute, team: Team
) -> Generator[int, None, Tensor]:
    """Yield how many pictures are judged, after each part but the last; return the logits of all."""
    module.eval()
    everything = torch.arange(len(source.labels))
    own = team.share(everything)
    parts: list[Tensor] = []
    judged = 0
    with closing(source.batches(own.split(source.at_once), epoch=0)) as batches:
        for batch in batches:
            if parts:
                yield judged * team.size
            with torch.no_grad(), compute.autocast():
                parts.append(module(batch.inputs).float())
            judged += len(batch.numbers)
    logits = torch.cat(parts)  # (N, classes), or a member's share of it
    if team.size == 1:
        return logits.cpu()
    whole = logits.new_zeros(len(everything), logits.shape[1])
    if team.has_share(everything):
        whole[own] = logits
    return team.sum(whole).cpu()


def _told(
    judging: Generator[int, None, Tensor], pictures: int, epoch: int, step: int
) -> Generator[Event, None, Tensor]:
    """Make events of what is judged, and hand on what it returns."""
    while True:
        try:
            judged = next(judging)
        except StopIteration as done:
            return done.value
        yield Judging(epoch, step, judged, pictures)


def _checks(
    logits: Tensor, labels: Tensor, settings: TrainingConfig, epoch: int, step: int
) -> Iterator[Checked]:
    """Yield the accuracy after every `user_step` batches, in an order that mixes the classes.

    A folder's pictures come class by class, so the first batches in that order would speak of one class alone.
    """
    if settings.user_step is None:
        return
    order = torch.cat(shuffled(len(labels), settings.batch_size, epoch, settings.seed))
    right = (logits.argmax(dim=1) == labels)[order].cumsum(dim=0)
    best = settings.accuracy_floor
    every = settings.user_step * settings.batch_size  # pictures
    for seen in range(every, len(labels) + 1, every):
        accuracy, chosen = int(right[seen - 1]) / seen, order[:seen]
        improved = accuracy > best
        best = max(best, accuracy)
        batches = seen // settings.batch_size
        yield Checked(epoch, step, batches, accuracy, improved, logits[chosen], labels[chosen])


def predict_logits(module: nn.Module, inputs: Tensor) -> Tensor:
    """Return the logits, (N, classes), of inputs in memory, (N, ...), with the module in evaluation mode."""
    labels = torch.zeros(len(inputs), dtype=torch.int64, device=inputs.device)
    return logits_of(module, TensorSource(inputs, labels), Compute(inputs.device, "fp32"))
