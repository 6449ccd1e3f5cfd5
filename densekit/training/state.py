"""Everything that a training has to remember between two epochs, and how little that is.

The order of the batches and the learning rate are functions of the seed and the epoch, so they need no memory.
What remains are the weights, the optimiser's moments, and the best weights so far.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from densekit.config import TrainingConfig


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
class TrainingState:
    """The trained part, its optimiser, and how far they are.

    Args:
        module: the trained part of the network.
        optimizer: over the module's parameters.
        epoch: epochs that are done.
        best: the best validation so far.
    """

    module: nn.Module
    optimizer: torch.optim.Optimizer
    epoch: int = 0
    best: Best = field(default_factory=Best)


def start(module: nn.Module, settings: TrainingConfig) -> TrainingState:
    """Return the state before the first epoch."""
    return TrainingState(module, _optimizer(module, settings))


def copy_weights(module: nn.Module) -> dict[str, Tensor]:
    """Return a copy of a module's weights on the CPU that further training does not touch."""
    return {name: tensor.detach().cpu().clone() for name, tensor in module.state_dict().items()}


def _optimizer(module: nn.Module, settings: TrainingConfig) -> torch.optim.Optimizer:
    parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
    if settings.optimizer == "sgd":
        return torch.optim.SGD(
            parameters,
            lr=settings.learning_rate,
            momentum=settings.momentum,
            weight_decay=settings.weight_decay,
        )
    return torch.optim.Adam(parameters, lr=settings.learning_rate, weight_decay=settings.weight_decay)
