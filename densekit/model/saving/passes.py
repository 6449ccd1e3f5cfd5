"""The single passes over feature maps that a dense block is made of, without autograd around them.

Each is one of torch's own operators, called directly, so that what has to be kept for the way back is decided
by whoever calls it. Feature maps are (N, C, H, W) in channels-last memory; `positions` is N · H · W.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Statistics(NamedTuple):
    """Mean and variance of each channel over N, H and W, (C,) each; the variance is the biased one."""

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
        return self.gain * self.inverse(statistics)

    def inverse(self, statistics: Statistics) -> Tensor:
        """Return the inverse of each channel's standard deviation, (C,)."""
        return (statistics.variance + self.epsilon).rsqrt()


def wide(dtype: torch.dtype) -> torch.dtype:
    """Return the type that sums over many positions need: float32 at least."""
    return torch.promote_types(dtype, torch.float32)


def statistics_of(maps: Tensor) -> Statistics:
    """Return the statistics of feature maps, in float32 at least."""
    unused = maps.new_zeros(maps.shape[1], dtype=wide(maps.dtype))  # says in which type to sum
    return Statistics(*torch.batch_norm_update_stats(maps, unused, unused, 0.0))


def count(norm: nn.BatchNorm2d, statistics: Statistics, positions: int) -> None:
    """Move a norm's running statistics towards those of a batch, as BatchNorm does in training."""
    if not norm.track_running_stats:
        return
    if norm.running_mean is None or norm.running_var is None or norm.num_batches_tracked is None:
        return
    norm.num_batches_tracked.add_(1)  # += would set an attribute of a module, which takes longer than adding
    share = norm.momentum if norm.momentum is not None else 1 / int(norm.num_batches_tracked)
    unbiased = statistics.variance * (positions / (positions - 1))
    norm.running_mean.lerp_(statistics.mean.to(norm.running_mean.dtype), share)
    norm.running_var.lerp_(unbiased.to(norm.running_var.dtype), share)


def kept_by(norm: nn.BatchNorm2d) -> Statistics:
    """Return the running statistics of a norm, (C,) each, by which it normalises in evaluation mode."""
    assert norm.running_mean is not None and norm.running_var is not None  # as `conditions` has seen
    return Statistics(norm.running_mean, norm.running_var)


class Scratch:
    """Memory that a block uses again and again: fresh memory costs more than most passes do.

    Args:
        like: feature maps, (N, C, H, W); what is handed out has their N, H, W and dtype.
        channels: the most that are asked for at once.
    """

    def __init__(self, like: Tensor, channels: int) -> None:
        self._like, self._channels = like, channels
        self._pieces: dict[str, Tensor] = {}

    def take(self, name: str, channels: int) -> Tensor:
        """Return memory, (N, channels, H, W), channels last; the next call with this name returns it again."""
        n, _, h, w = self._like.shape
        if name not in self._pieces:
            self._pieces[name] = self._like.new_empty(n * h * w * self._channels)
        # One call: a slice, a view and a permutation would take three times as long, three times a layer.
        strides = (h * w * channels, 1, w * channels, channels)
        return self._pieces[name].as_strided((n, channels, h, w), strides)


def rectified(maps: Tensor, statistics: Statistics, norm: Norm, out: Tensor) -> Tensor:
    """Normalise feature maps by known statistics, then ReLU, into `out`.

    In one pass that multiplies and adds; in bfloat16 and float16 by the operator for norms, since scale and shift
    would be rounded in the other, which reaches all positions of a channel alike. That operator is fast with maps
    without gaps in memory, so others are copied first: on a processor to where the result will be, since each
    element is computed from the same one alone. What computes on a GPU relies on two different places.
    """
    if maps.dtype == wide(maps.dtype):
        scale = norm.scale(statistics)
        shift = norm.bias - statistics.mean * scale
        torch.addcmul(shift[:, None, None], maps, scale[:, None, None], out=out)
    else:
        if not maps.is_contiguous(memory_format=torch.channels_last):
            is_cpu = maps.device.type == "cpu"
            maps = out.copy_(maps) if is_cpu else maps.contiguous(memory_format=torch.channels_last)
        gain, bias, epsilon = norm
        nothing = statistics.mean.new_empty(0)
        mean, inverse = nothing, nothing.clone()  # a GPU writes into both, and computes from them
        torch.native_batch_norm(maps, gain, bias, *statistics, False, 0.0, epsilon, out=(out, mean, inverse))
    return out.relu_()


def squeezed(maps: Tensor, weight: Tensor) -> Tensor:
    """Convolve 1×1, which is a matrix product over all positions."""
    if _convolves_in_less_memory(maps):
        return F.conv2d(maps, weight).contiguous(memory_format=torch.channels_last)
    return _maps(torch.mm(_rows(maps), weight.flatten(1).t()), maps)


def back_through_squeeze(
    gradient: Tensor, maps: Tensor, weight: Tensor, scratch: Scratch
) -> tuple[Tensor, Tensor]:
    """Return the gradients of a 1×1 convolution's maps, which may lie in scratch memory, and of its weight."""
    if _convolves_in_less_memory(maps):
        return back_through_convolution(gradient, maps, weight)
    of_maps = scratch.take("gradient", maps.shape[1])
    torch.mm(_rows(gradient), weight.flatten(1), out=_rows(of_maps))
    return of_maps, torch.mm(_rows(gradient).t(), _rows(maps)).view(weight.shape)


def _convolves_in_less_memory(maps: Tensor) -> bool:
    """Say whether a 1×1 convolution takes less memory as what it is than as a matrix product.

    On a processor, in bfloat16 and float16, oneDNN makes a kernel for each shape, and keeps it. A kernel for a
    matrix product takes half a megabyte, and the 58 layers of DenseNet-121 would need three each, all different;
    a kernel for a convolution takes little. In float32 matrix products need no such kernels, and are faster.
    """
    return maps.device.type == "cpu" and maps.dtype != wide(maps.dtype)


def back_through_convolution(gradient: Tensor, maps: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Return the gradients of the maps and of the weight, for a convolution that keeps height and width."""
    padding = [weight.shape[2] // 2] * 2
    of_maps, of_weight, _ = torch.ops.aten.convolution_backward(
        gradient, maps, weight, None, [1, 1], padding, [1, 1], False, [0, 0], 1, (True, True, False)
    )
    return of_maps.contiguous(memory_format=torch.channels_last), of_weight


def back_through_relu(gradient: Tensor, output: Tensor) -> Tensor:
    """Return the gradient before a ReLU, from the one behind it, in place, and from what came out of it."""
    backward = torch.ops.aten.threshold_backward.grad_input
    return backward(gradient, output, 0, grad_input=gradient)


def back_through_norm(
    gradient: Tensor, maps: Tensor, statistics: Statistics, norm: Norm, by_batch: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of the maps, of the gain and of the bias.

    Args:
        gradient: of what the norm has given, (N, C, H, W).
        maps: what it normalised, (N, C, H, W).
        statistics: by which.
        norm: with which.
        by_batch: whether the statistics are those of the maps, and so depend on them.
    """
    backward = torch.ops.aten.native_batch_norm_backward
    kept = (None, None) if by_batch else statistics
    saved = (statistics.mean, norm.inverse(statistics)) if by_batch else (None, None)
    wanted = (True, True, True)
    of_maps, of_gain, of_bias = backward(
        gradient, maps, norm.gain, *kept, *saved, by_batch, norm.epsilon, wanted
    )
    return of_maps, of_gain, of_bias


def gain_and_bias(
    gradient: Tensor, maps: Tensor, statistics: Statistics, norm: Norm
) -> tuple[Tensor, Tensor]:
    """Return the gradients of gain and bias alone, Σ(dy · x̂) and Σdy: one pass instead of two."""
    backward = torch.ops.aten.native_batch_norm_backward
    saved, wanted = (statistics.mean, norm.inverse(statistics)), (False, True, True)
    _, of_gain, of_bias = backward(gradient, maps, norm.gain, None, None, *saved, True, norm.epsilon, wanted)
    return of_gain, of_bias


def positions_of(maps: Tensor) -> int:
    """Return N · H · W."""
    return maps.numel() // maps.shape[1]


def _rows(maps: Tensor) -> Tensor:
    """Return feature maps, (N, C, H, W) without gaps, as (N · H · W, C)."""
    return maps.permute(0, 2, 3, 1).view(-1, maps.shape[1])


def _maps(rows: Tensor, like: Tensor) -> Tensor:
    """Return rows, (N · H · W, C), as feature maps, (N, C, H, W), of the same N, H, W as others."""
    n, _, h, w = like.shape
    return rows.view(n, h, w, rows.shape[1]).permute(0, 3, 1, 2)
