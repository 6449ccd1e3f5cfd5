"""A dense block that keeps little for the way back, and computes the rest again.

What makes DenseNet hungry is not its 8 million weights, but what each layer keeps for its backward pass: the
concatenation of all features so far, and the same once more, normalised. With L layers that is in the order of
L² (Pleiss et al., *Memory-Efficient Implementation of DenseNets*, 2017). This block keeps

    maps          all features of the block, once: each layer reads a slice of it and writes the next one
    bottlenecks   what comes out of each layer's 1×1 convolution, 128 channels in DenseNet-121
    statistics    mean and variance of each of these channels

and computes two things again on the way back, norm and ReLU before each convolution: passes over memory, and
never a convolution. Three observations make up for their time:

- **Statistics are taken once.** All the layers that read a channel normalise it with the same mean and variance;
  only gain, bias and ε are their own.
- **Nothing is concatenated.** Neither the features forwards nor their gradients backwards (`gradients`).
- **The way back through a channel's normalisation is walked once,** for all its readers together (`gradients`).

Where norms keep the statistics that they have (`norm_statistics: kept`), each layer normalises with its own, and
the rest is the same. Gradients and running statistics are those of the plain block, to rounding.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple, TypeVar

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from densekit.model.densenet import DenseBlock, DenseLayer
from densekit.model.saving.conditions import is_as_built, keeps_statistics, normalises_by_batch
from densekit.model.saving.gradients import MapsGradient
from densekit.model.saving.passes import (
    Norm,
    Scratch,
    Statistics,
    back_through_convolution,
    back_through_norm,
    back_through_relu,
    back_through_squeeze,
    count,
    gain_and_bias,
    kept_by,
    positions_of,
    rectified,
    squeezed,
    statistics_of,
    wide,
)

DEVICES = ("cpu", "cuda")
"""Where a block can save memory: torch has what it needs for these kinds of device."""


def save_memory(network: nn.Module) -> None:
    """Let all dense blocks of a network train in less memory, in place.

    The weights stay the very same tensors under the same names. In evaluation mode, on another kind of device,
    where a norm in a block is something else than a `BatchNorm2d` in float32 or more, where some norms of it take
    the batch's statistics and others keep theirs, and where any other module in it was replaced, or is of a
    subclass, a block computes as before. While it trains, the modules inside are not called one by one, nor are
    hooks on them, and the transforms of `torch.func` are refused.
    """
    for name, child in list(network.named_children()):
        if type(child) is DenseBlock:  # a subclass may compute something else
            setattr(network, name, SavingBlock(child))
        else:
            save_memory(child)


class SavingBlock(DenseBlock):
    """A dense block with the layers of another one, which needs less memory to train them.

    Args:
        block: its layers are shared, not copied.
    """

    stands_for: ClassVar = DenseBlock  # it computes the same, for `densekit.model.frozen.as_built`

    def __init__(self, block: DenseBlock) -> None:
        nn.ModuleDict.__init__(self, dict(block.items()))
        self.train(block.training)

    def forward(self, x: Tensor) -> Tensor:
        """Return all features, (N, in_channels + num_layers * growth_rate, H, W), from (N, in_channels, H, W)."""
        layers: Any = tuple(self.values())
        device = x.device.type
        if not (device in DEVICES and torch.is_grad_enabled() and positions_of(x) > 1):
            return super().forward(x)
        dtype = _dtype_under_autocast(x)
        by_batch = all(normalises_by_batch(layer, wide(dtype)) for layer in layers)
        known = by_batch or all(keeps_statistics(layer, wide(dtype)) for layer in layers)
        if not (known and all(is_as_built(layer) for layer in layers)):
            return super().forward(x)
        parameters = [one for layer in layers for one in _Weights.of(layer, dtype)]
        with torch.autocast(device, enabled=False):
            return _Rewritten.apply(x.to(dtype), layers, by_batch, *parameters)  # type: ignore[no-untyped-call]


class _Weights(NamedTuple):
    """The parameters of a layer, in the order in which they meet the features."""

    gain1: Tensor
    bias1: Tensor
    squeeze: Tensor  # (bn_size * growth_rate, in_channels, 1, 1)
    gain2: Tensor
    bias2: Tensor
    grow: Tensor  # (growth_rate, bn_size * growth_rate, 3, 3)

    @classmethod
    def of(cls, layer: DenseLayer, dtype: torch.dtype) -> "_Weights":
        """Return them; those of convolutions as autocast has them, and their gradients find the way back."""
        one, two = layer.norm1, layer.norm2
        squeeze, grow = layer.conv1.weight.to(dtype), layer.conv2.weight.to(dtype)
        return cls(one.weight, one.bias, squeeze, two.weight, two.bias, grow)

    def norm1(self, layer: DenseLayer) -> Norm:
        return Norm(self.gain1, self.bias1, layer.norm1.eps)

    def norm2(self, layer: DenseLayer) -> Norm:
        return Norm(self.gain2, self.bias2, layer.norm2.eps)


class _Kept(NamedTuple):
    """What a layer keeps for the way back."""

    bottleneck: Tensor  # (N, bn_size * growth_rate, H, W)
    mean1: Tensor  # by which the features so far were normalised, (in_channels,)
    variance1: Tensor
    mean2: Tensor  # and by which the bottleneck, (bn_size * growth_rate,)
    variance2: Tensor
    stays: Tensor | None  # which of the new features dropout has left, (N, growth_rate, H, W)


Kind = TypeVar("Kind", _Weights, _Kept)


class _Rewritten(torch.autograd.Function):
    """A whole block as one step of autograd, so that its features and their gradients have one place each."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, layers: Sequence[DenseLayer], by_batch: bool, *parameters: Tensor
    ) -> Tensor:
        weights = _per_layer(_Weights, parameters)
        (n, first, h, w), growth = x.shape, weights[0].grow.shape[0]
        total = first + len(layers) * growth
        maps = torch.empty(
            (n, total, h, w), dtype=x.dtype, device=x.device, memory_format=torch.channels_last
        )
        batch = Statistics(*x.new_empty(2, total, dtype=wide(x.dtype))) if by_batch else None
        kept: list[_Kept] = []
        scratch = _scratch(x, total, weights[0])
        _append(x, maps, batch, 0)
        for index, (layer, own) in enumerate(zip(layers, weights, strict=True)):
            so_far = first + index * growth
            known = batch.of_first(so_far) if batch else None
            new, own_kept = _forwards(layer, own, maps[:, :so_far], known, scratch)
            _append(new, maps, batch, so_far)
            kept.append(own_kept)
        of_batch = batch or (None, None)
        ctx.save_for_backward(maps, *of_batch, *parameters, *(one for each in kept for one in each))
        ctx.layers, ctx.first = layers, first
        return maps

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        maps, mean, variance, *rest = ctx.saved_tensors
        behind = len(ctx.layers) * len(_Weights._fields)
        weights, kept = _per_layer(_Weights, rest[:behind]), _per_layer(_Kept, rest[behind:])
        scratch = _scratch(maps, maps.shape[1], weights[0])
        batch = None if mean is None else Statistics(mean, variance)
        way = MapsGradient(maps, batch, gradient)
        gradients: list[Tensor] = []
        so_far = maps.shape[1]
        for layer, own, own_kept in zip(reversed(ctx.layers), reversed(weights), reversed(kept), strict=True):
            so_far -= own.grow.shape[0]
            gradients[:0] = _backwards(layer, own, own_kept, way, scratch, so_far)
        return way.of(0, ctx.first), None, None, *gradients


def _scratch(like: Tensor, total: int, weights: _Weights) -> Scratch:
    """Return memory for a block's passes; what its last layer adds to all features, none of its layers reads."""
    widest_input, bottleneck = total - weights.grow.shape[0], weights.squeeze.shape[0]
    return Scratch(like, max(widest_input, bottleneck))


def _append(new: Tensor, maps: Tensor, batch: Statistics | None, so_far: int) -> None:
    """Write new features behind those so far, and their statistics if norms take those of the batch."""
    new = new.contiguous(memory_format=torch.channels_last)
    here = slice(so_far, so_far + new.shape[1])
    maps[:, here] = new
    if batch:
        batch.mean[here], batch.variance[here] = statistics_of(new)


def _forwards(
    layer: DenseLayer, own: _Weights, seen: Tensor, batch: Statistics | None, scratch: Scratch
) -> tuple[Tensor, _Kept]:
    """Return the new features of a layer, and what it keeps.

    Args:
        layer: which.
        own: its weights.
        seen: the features so far, (N, c, H, W).
        batch: their statistics, (c,) each; None if the layer's norms keep those that they have.
        scratch: for the passes.
    """
    known = batch or kept_by(layer.norm1)
    active = rectified(seen, known, own.norm1(layer), scratch.take("active", seen.shape[1]))
    bottleneck = squeezed(active, own.squeeze)
    within = statistics_of(bottleneck) if batch else kept_by(layer.norm2)
    active = rectified(bottleneck, within, own.norm2(layer), scratch.take("active", bottleneck.shape[1]))
    new = F.conv2d(active, own.grow, padding=1)
    if batch:
        count(layer.norm1, known, positions_of(seen))
        count(layer.norm2, within, positions_of(seen))
    if layer.drop_rate == 0:
        return new, _Kept(bottleneck, *known, *within, None)
    dropped, stays = torch.native_dropout(new, layer.drop_rate, True)
    return dropped, _Kept(bottleneck, *known, *within, stays)


def _backwards(
    layer: DenseLayer, own: _Weights, kept: _Kept, way: MapsGradient, scratch: Scratch, so_far: int
) -> tuple[Tensor, ...]:
    """Return the gradients of a layer's weights, and add those of the features that it has read."""
    gradient = way.of(so_far, so_far + own.grow.shape[0])
    if kept.stays is not None:
        gradient = gradient * kept.stays / (1 - layer.drop_rate)
    within, norm2, bottleneck = Statistics(kept.mean2, kept.variance2), own.norm2(layer), kept.bottleneck
    active = rectified(bottleneck, within, norm2, scratch.take("active", bottleneck.shape[1]))
    gradient, of_grow = back_through_convolution(gradient, active, own.grow)
    gradient = back_through_relu(gradient, active)
    gradient, of_gain2, of_bias2 = back_through_norm(gradient, bottleneck, within, norm2, way.by_batch)

    known, norm1 = Statistics(kept.mean1, kept.variance1), own.norm1(layer)
    seen = scratch.take("seen", so_far).copy_(way.maps[:, :so_far])  # without gaps, torch's norms are fast
    active = rectified(seen, known, norm1, scratch.take("active", so_far))
    of_seen, of_squeeze = back_through_squeeze(gradient, active, own.squeeze, scratch)
    back_through_relu(of_seen, active)
    of_gain1, of_bias1 = gain_and_bias(of_seen, seen, known, norm1)
    way.add(of_seen, of_gain1, of_bias1, known, norm1)
    return of_gain1, of_bias1, of_squeeze, of_gain2, of_bias2, of_grow


def _per_layer(kind: type[Kind], flat: Sequence[Any]) -> list[Kind]:
    """Put a flat list of what all layers have together again, layer by layer."""
    fields = len(kind._fields)
    return [kind(*flat[start : start + fields]) for start in range(0, len(flat), fields)]


def _dtype_under_autocast(x: Tensor) -> torch.dtype:
    """Return the type in which convolutions compute; autocast leaves float64 as it is."""
    if torch.is_autocast_enabled(x.device.type) and x.dtype != torch.float64:
        return torch.get_autocast_dtype(x.device.type)
    return x.dtype
