"""Averaged weights: what is judged and kept is a moving average of the weights over the last steps.

Each step moves the weights to and fro; their average lies in the middle, and often generalises better (Polyak and
Juditsky, 1992; Tarvainen and Valpola, *Mean teachers*, 2017). The training itself goes on with its own weights.
BatchNorm's running statistics are averages already, so those of the training are used.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call


def begin_average(module: nn.Module) -> dict[str, Tensor]:
    """Return the average before the first step: a copy of the trained parameters, by their names."""
    return {name: one.detach().clone() for name, one in module.named_parameters() if one.requires_grad}


@torch.no_grad()
def move_average(average: dict[str, Tensor], module: nn.Module, decay: float, step: int) -> None:
    """Move an average towards a module's weights, in place.

    Args:
        average: what `begin_average` returned.
        module: whose weights have taken a step.
        decay: what is kept of the average at each step, 0 ≤ decay < 1.
        step: of the training, counted from 1. At first less is kept, (1 + step) / (10 + step), else the random
            weights from before the training would be in the average for long.
    """
    kept = min(decay, (1 + step) / (10 + step))
    for name, parameter in module.named_parameters():
        if name in average:
            average[name].lerp_(parameter, 1 - kept)


@dataclass(frozen=True)
class WithWeights:
    """A module that computes with other weights than its own, which stay what they are.

    Args:
        module: what computes.
        weights: by the names of its parameters; what is missing is the module's own.
    """

    module: nn.Module
    weights: dict[str, Tensor]

    def eval(self) -> "WithWeights":
        """Put the module into evaluation mode."""
        self.module.eval()
        return self

    def __call__(self, inputs: Tensor) -> Tensor:
        """Return what the module computes from inputs with these weights."""
        return functional_call(self.module, self.weights, (inputs,))
