"""Everything that a training has to remember between two steps, and how little that is.

The order of the pictures, what becomes of them, dropout and the learning rate are functions of the seed and of
how far the training is, so they need no memory. What remains are the weights, the optimiser's moments, the best
weights so far, and some counters.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from densekit.config import TrainingConfig
from densekit.model.cut import parameter_groups
from densekit.training.averaging import WithWeights, begin_average

MOMENTUM = 0.9
"""Of sgd, where the settings name none."""


@dataclass
class Best:
    """The best validation so far; accuracy −1 before the first one."""

    epoch: int = 0
    step: int = 0
    accuracy: float = -1.0
    loss: float = float("inf")
    weights: dict[str, Tensor] = field(default_factory=dict)

    def is_beaten_by(self, accuracy: float, loss: float) -> bool:
        """Say whether a validation is better: more right, or as many right at a lower loss."""
        return (accuracy, -loss) > (self.accuracy, -self.loss)


@dataclass
class Counters:
    """How far a training is.

    Args:
        phase: phases that are done.
        epoch: epochs that are done, over all phases.
        first_epoch: epochs that were done before the present phase.
        step: steps that are done, over all phases.
        batch: batches that are done in the epoch under way.
        loss: sum of the losses of the pictures of the epoch under way.
        right: how many of them were classified rightly.
        seconds: time spent on the epoch under way, over all sessions.
        validated_at: the step after which the last validation was.
        not_better: validations since the best one.
    """

    phase: int = 0
    epoch: int = 0
    first_epoch: int = 0
    step: int = 0
    batch: int = 0
    loss: float = 0.0
    right: int = 0
    seconds: float = 0.0
    validated_at: int = 0
    not_better: int = 0

    def count_batch(self, loss: float, right: int, pictures: int) -> None:
        """Count a step that was taken, with the mean loss of its pictures."""
        self.step += 1
        self.batch += 1
        self.loss += loss * pictures
        self.right += right

    def share_done(self, batches: int, epochs: int) -> float:
        """Return the share of a phase's steps that is done, with so many batches in each of so many epochs."""
        return ((self.epoch - self.first_epoch) * batches + self.batch) / (epochs * batches)

    def begin_epoch(self) -> None:
        """Count an epoch as done."""
        self.epoch += 1
        self.batch, self.loss, self.right, self.seconds = 0, 0.0, 0, 0.0


@dataclass
class TrainingState:
    """The trained part, its optimiser, and how far they are.

    Args:
        module: the trained part of the network.
        optimizer: over the module's parameters.
        counters: how far it is.
        best: the best validation so far.
        average: the averaged weights that are judged and kept (`ema_decay`); empty if they are the module's own.
    """

    module: nn.Module
    optimizer: torch.optim.Optimizer
    counters: Counters = field(default_factory=Counters)
    best: Best = field(default_factory=Best)
    average: dict[str, Tensor] = field(default_factory=dict)

    @property
    def judged(self) -> nn.Module | WithWeights:
        """What is judged: the module, with averaged weights where there are some."""
        return WithWeights(self.module, self.average) if self.average else self.module

    def judged_weights(self) -> dict[str, Tensor]:
        """Return a copy, on the CPU, of the state dict of what is judged."""
        average = {name: one.cpu().clone() for name, one in self.average.items()}
        return {**copy_weights(self.module), **average}

    @property
    def epoch(self) -> int:
        """Epochs that are done."""
        return self.counters.epoch


def start(module: nn.Module, settings: TrainingConfig) -> TrainingState:
    """Return the state before the first epoch."""
    average = begin_average(module) if settings.ema_decay else {}
    return TrainingState(module, make_optimizer(module, settings), average=average)


def copy_weights(module: nn.Module) -> dict[str, Tensor]:
    """Return a copy of a module's weights on the CPU that further training does not touch."""
    return {name: tensor.detach().cpu().clone() for name, tensor in module.state_dict().items()}


def make_optimizer(module: nn.Module, settings: TrainingConfig) -> torch.optim.Optimizer:
    """Return the optimiser that the settings name, over the parameters that ask for gradients."""
    rate = settings.learning_rate
    groups = parameter_groups(module, rate, settings.weight_decay, settings.layer_decay)
    if settings.optimizer == "sgd":
        momentum = MOMENTUM if settings.momentum is None else settings.momentum
        return torch.optim.SGD(groups, lr=rate, momentum=momentum)
    kind = torch.optim.AdamW if settings.optimizer == "adamw" else torch.optim.Adam
    # With the many weights of convolutions, one pass over all moments saves a twentieth of a step's time.
    fused = any(parameter.dim() > 2 for group in groups for parameter in group["params"])
    return kind(groups, lr=rate, fused=fused or None)
