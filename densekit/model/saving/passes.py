"""The single passes over feature maps that a dense block is made of, without autograd around them.

Each is one of torch's own operators, called directly, so that what has to be kept for the way back is decided
by whoever calls it. Feature maps are (N, C, H, W) in channels-last memory; `positions` is N · H · W.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Statistics(NamedTuple):
    """Mean and variance of each channel over a batch and its positions, both (C,); the variance divides by N·H·W."""

    mean: Tensor
    variance: Tensor

    def of_first(self, channels: int) -> "Statistics":
        """Return those of the first channels."""
        return Statistics(self.mean[:channels], self.variance[:channels])


class Norm(NamedTuple):
    """What a BatchNorm does after it has brought a channel to mean 0 and variance 1: gain and bias, (C,) each."""

    gain: Tensor
    bias: Tensor
    epsilon: float

    def scale(self, statistics: Statistics) -> Tensor:
        """Return by what a channel is multiplied in all, (C,)."""
        return self.gain * (statistics.variance + self.epsilon).rsqrt()


def wide(dtype: torch.dtype) -> torch.dtype:
    """Return the type that sums over many positions need: float32 at least."""
    return torch.promote_types(dtype, torch.float32)


def statistics_of(maps: Tensor) -> Statistics:
    """Return the statistics of feature maps, in float32 at least."""
    if maps.device.type not in ("cpu", "cuda"):
        variance, mean = torch.var_mean(maps.to(wide(maps.dtype)), dim=(0, 2, 3), correction=0)
        return Statistics(mean, variance)
    unused = maps.new_zeros(2, maps.shape[1], dtype=wide(maps.dtype))  # says in which type to sum
    return Statistics(*torch.batch_norm_update_stats(maps, unused[0], unused[1], 0.0))


def count(norm: nn.BatchNorm2d, statistics: Statistics, positions: int) -> None:
    """Move a norm's running statistics towards those of a batch, as BatchNorm does in training."""
    if norm.running_mean is None or norm.running_var is None or norm.num_batches_tracked is None:
        return
    norm.num_batches_tracked += 1
    share = norm.momentum if norm.momentum is not None else 1 / int(norm.num_batches_tracked)
    unbiased = statistics.variance * (positions / (positions - 1))
    norm.running_mean.lerp_(statistics.mean.to(norm.running_mean.dtype), share)
    norm.running_var.lerp_(unbiased.to(norm.running_var.dtype), share)


def rectified(maps: Tensor, statistics: Statistics, norm: Norm) -> Tensor:
    """Normalise feature maps by known statistics, then ReLU."""
    normalised = F.batch_norm(maps, *statistics, norm.gain, norm.bias, training=False, eps=norm.epsilon)
    return normalised.relu_()


def back_through_relu(gradient: Tensor, output: Tensor) -> Tensor:
    """Return the gradient before a ReLU, from the one behind it, in place, and from what came out of it."""
    backward = torch.ops.aten.threshold_backward.grad_input
    return backward(gradient, output, 0, grad_input=gradient)


def back_through_norm(
    gradient: Tensor, maps: Tensor, statistics: Statistics, norm: Norm
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of the maps, of the gain and of the bias; the statistics depend on the maps."""
    of_maps, of_gain, of_bias = _norm_backward(gradient, maps, statistics, norm, True)
    return of_maps, of_gain, of_bias


def gain_and_bias(
    gradient: Tensor, maps: Tensor, statistics: Statistics, norm: Norm
) -> tuple[Tensor, Tensor]:
    """Return the gradients of the gain and of the bias alone: one pass instead of two."""
    _, of_gain, of_bias = _norm_backward(gradient, maps, statistics, norm, False)
    return of_gain, of_bias


def _norm_backward(gradient: Tensor, maps: Tensor, statistics: Statistics, norm: Norm, to_maps: bool) -> Any:
    mean, inverse = statistics.mean, (statistics.variance + norm.epsilon).rsqrt()
    backward = torch.ops.aten.native_batch_norm_backward
    wanted = (to_maps, True, True)
    return backward(gradient, maps, norm.gain, None, None, mean, inverse, True, norm.epsilon, wanted)


def back_through_convolution(gradient: Tensor, maps: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Return the gradients of the maps and of the weight, for a convolution that keeps height and width."""
    padding = [weight.shape[2] // 2] * 2
    of_maps, of_weight, _ = torch.ops.aten.convolution_backward(
        gradient, maps, weight, None, [1, 1], padding, [1, 1], False, [0, 0], 1, (True, True, False)
    )
    return of_maps, of_weight
