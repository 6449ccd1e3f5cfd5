"""What a trained part says of pictures, without learning from them."""

import math
from collections.abc import Iterator
from contextlib import closing

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from densekit.devices import Compute
from densekit.training.complaints import diverged
from densekit.training.events import Event, Saved, Validated
from densekit.training.source import Source, TensorSource
from densekit.training.state import Best, TrainingState, copy_weights
from densekit.training.team import ALONE, Team


def validate(state: TrainingState, val: Source, compute: Compute, team: Team = ALONE) -> Iterator[Event]:
    """Judge a training by the validation set, and remember its weights if they are the best so far.

    Raises:
        TrainingError: the loss is no number.
    """
    counters = state.counters
    epoch = counters.epoch + 1 if counters.batch else counters.epoch
    team.share_buffers(state.module)  # each has counted BatchNorm's running statistics on its own share
    logits = logits_of(state.module, val, compute, team)  # (N, classes)
    labels = val.labels.cpu()  # (N,)
    loss = F.cross_entropy(logits, labels).item()
    if not math.isfinite(loss):
        raise diverged(counters.step, epoch, loss, state.optimizer.param_groups[0]["lr"])
    accuracy = (logits.argmax(dim=1) == labels).float().mean().item()
    improved = state.best.is_beaten_by(accuracy, loss)
    if improved:
        state.best = Best(epoch, counters.step, accuracy, loss, copy_weights(state.module))
    counters.validated_at = counters.step
    counters.not_better = 0 if improved else counters.not_better + 1
    yield Validated(epoch, counters.step, loss, accuracy, logits, labels, improved)
    if improved:
        yield Saved(epoch, counters.step, accuracy, state.best.weights)


@torch.no_grad()
def logits_of(module: nn.Module, source: Source, compute: Compute, team: Team = ALONE) -> Tensor:
    """Return the logits, float32 (N, classes), of all pictures of a source, on the CPU.

    The module is put into evaluation mode. A team shares the work, and each gets all of it.
    """
    module.eval()
    everything = torch.arange(len(source.labels))
    own = team.share(everything)
    with closing(source.batches(own.split(source.at_once), epoch=0)) as batches, compute.autocast():
        logits = torch.cat([module(batch.inputs).float() for batch in batches])  # (N, classes)
    if team.size == 1:
        return logits.cpu()
    whole = logits.new_zeros(len(everything), logits.shape[1])
    if team.has_share(everything):
        whole[own] = logits
    return team.sum(whole).cpu()


def predict_logits(module: nn.Module, inputs: Tensor) -> Tensor:
    """Return the logits, (N, classes), of inputs in memory, (N, ...), with the module in evaluation mode."""
    labels = torch.zeros(len(inputs), dtype=torch.int64, device=inputs.device)
    return logits_of(module, TensorSource(inputs, labels), Compute(inputs.device, "fp32"))
