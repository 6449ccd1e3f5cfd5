"""Features brought to one scale for training, and the scale folded into the head afterwards.

Some of a network's features vary a hundred times more than others. One learning rate suits both only if each is
first shifted to mean 0 and divided by its spread, with the numbers of the training images. A linear head takes
that in: W·((x − mean) / scale) + b is again a linear layer, with the weights W / scale and the bias
b − (W / scale)·mean. So the head that is kept works on the network's own features.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from densekit.features import Features
from densekit.model.weights import seeded

_LEAST_SHARE = 0.01  # a feature that hardly varies is divided by this share of the average spread at least
_NO_SPREAD = 1e-9  # below this, what varies is what rounding leaves


@dataclass(frozen=True)
class Standardiser:
    """What standardises features.

    Args:
        mean: of each feature over the training images, (D,).
        scale: its standard deviation, (D,), above zero.
    """

    mean: Tensor
    scale: Tensor

    @classmethod
    def of(cls, features: Features) -> "Standardiser":
        """Measure mean and spread of features, (N, D) with N ≥ 1."""
        spread = features.inputs.std(dim=0, correction=0)
        least = float(_LEAST_SHARE * spread.mean())
        if least < _NO_SPREAD:  # all pictures are the same: there is nothing to be brought to one scale
            return cls(features.inputs.mean(dim=0), torch.ones_like(spread))
        return cls(features.inputs.mean(dim=0), spread.clamp(min=least))

    def apply(self, features: Features) -> Features:
        """Return the features standardised."""
        return replace(features, inputs=self.scaled(features.inputs))

    def scaled(self, inputs: Tensor) -> Tensor:
        """Return inputs, (N, D), standardised."""
        return (inputs - self.mean) / self.scale

    def fold_into(self, head: nn.Linear) -> nn.Linear:
        """From a head over standardised features, return the equal head over the features as they are."""
        mean, scale, weight, bias = self._in_double(head)
        weight = weight / scale  # (classes, D)
        return _like(head, weight, bias - weight @ mean)

    def unfold(self, head: nn.Linear) -> nn.Linear:
        """From a head over the features as they are, return the equal head over standardised features."""
        mean, scale, weight, bias = self._in_double(head)
        return _like(head, weight * scale, bias + weight @ mean)

    def _in_double(self, head: nn.Linear) -> tuple[Tensor, ...]:
        # In float64, on the CPU, for not every device has it.
        tensors = (self.mean, self.scale, head.weight, head.bias)
        return tuple(tensor.detach().cpu().double() for tensor in tensors)


def _like(head: nn.Linear, weight: Tensor, bias: Tensor) -> nn.Linear:
    with seeded(0):  # the first weights are replaced at once
        made = nn.Linear(head.in_features, head.out_features)
    made.load_state_dict({"weight": weight, "bias": bias})
    return made.to(head.weight.device)
