"""The algebra that takes norms out of a frozen network, which `rewrite` puts to use.

A BatchNorm with fixed statistics computes s·x + b, with s = γ / √(σ² + ε) and b = β − s·μ, one pair for each
channel.

**Behind a convolution it disappears.** s·(W∗x) + b is a convolution with the weights s·W and the bias b.

**Before a ReLU it becomes a clamp.** The ReLU bends where s·x + b = 0, which is at t = −b/s, so

    relu(s·x + b) = s · (max(x, t) − t)    for s > 0
                    s · (min(x, t) − t)    for s < 0
                    relu(b), a constant    for s = 0

All but the max or min is linear, and the 1×1 convolution W behind it takes that in: its weights become W·s, its
bias −(W·s)·t. What is left is `clamp(x, lower, upper)`, with (t, ∞) or (−∞, t) for a channel.

**In bfloat16, clamps count in integers.** Processors multiply bfloat16 fast but compare it slowly. The bits of
two numbers, read as int16, compare as the numbers do, unless both are negative. So features are stored relative
to an origin: in each channel, the lowest bend of all the layers that read it. Then no bend is below zero, and
integer clamps are right. It costs no precision, for what lies below the origin is clamped away by every reader.

All of this is computed in float64 and rounded once, so it agrees with the network to rounding.
"""

from typing import Any

import torch
from torch import Tensor, nn

from densekit.model.densenet import DenseBlock
from densekit.model.frozen.convolution import Convolution


class Squeeze(nn.Module):
    """Norm, ReLU and 1×1 convolution, as a clamp and a convolution.

    Args:
        norm, conv: as in the network.
        origin: what zero means in each channel that is read.
        dtype: to compute in.
        after: scale and shift of the channels that come out, (C,) each.
        rectified: whether another ReLU follows.
    """

    lower: Tensor
    upper: Tensor

    def __init__(
        self,
        norm: nn.BatchNorm2d,
        conv: nn.Conv2d,
        origin: Tensor,
        dtype: torch.dtype,
        after: tuple[Tensor, Tensor],
        rectified: bool = True,
    ) -> None:
        super().__init__()
        scale, shift = scale_and_shift(norm)
        bend = (-shift / scale - origin[: len(scale)]).to(dtype)
        constant = ~bend.isfinite()  # no gain, or so little that the bend is out of sight
        bend = bend.masked_fill(constant, 0)
        weight = double(conv.weight).flatten(start_dim=1) * after[0][:, None]  # (out, in)
        bias = after[1] + weight[:, constant] @ shift[constant].relu()
        weight = (weight * scale.masked_fill(constant, 0)).to(dtype)
        # With the very numbers that will be used, so that what is clamped away adds up to nothing.
        bias = bias - weight.double() @ bend.double()
        self.conv = Convolution(weight[:, :, None, None], bias, dtype, rectified=rectified)

        least, most = -torch.inf, torch.inf
        if dtype == torch.bfloat16 and bool((bend >= 0).all()):
            bend = bend.abs().view(torch.int16)  # abs: the bits of −0 are those of a negative number
            least, most = torch.iinfo(torch.int16).min, torch.iinfo(torch.int16).max
        self.register_buffer("lower", bend.masked_fill(scale <= 0, least))
        self.register_buffer("upper", bend.masked_fill(scale >= 0, most))

    def clamp(self, x: Tensor, out: Tensor) -> Tensor:
        """Clamp x, (N, H, W, C), into `out`, and return that as (N, C, H, W) in channels-last memory."""
        bits = self.lower.dtype
        torch.clamp(x.view(bits), self.lower, self.upper, out=out.view(bits))
        return out.permute(0, 3, 1, 2)


def origin_of(block: DenseBlock, reader: nn.BatchNorm2d, dtype: torch.dtype) -> Tensor:
    """Return, (C,) in float64, what the features of a block are stored relative to: zero except in bfloat16.

    That is the lowest bend of all that read a channel. A bend far below all values (a layer that hardly
    rectifies) would cost precision: it does not count, and that layer will clamp in floating point.
    """
    origin = torch.full((reader.num_features,), torch.inf, dtype=torch.float64)
    if dtype != torch.bfloat16:
        return torch.zeros_like(origin)
    layers: Any = block.values()
    for norm in [*(layer.norm1 for layer in layers), reader]:
        scale, shift = scale_and_shift(norm)
        bend = torch.where(scale == 0, torch.inf, -shift / scale)
        floor = double(norm.running_mean) - 8 * double(norm.running_var).sqrt()
        origin[: len(bend)] = torch.minimum(origin[: len(bend)], torch.maximum(bend, floor))
    origin = origin.nan_to_num(0, 0, 0)
    rounded = origin.bfloat16()
    below = torch.nextafter(rounded, torch.full_like(rounded, -torch.inf))
    return torch.where(rounded > origin, below, rounded).double()


def scale_and_shift(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Return s and b, (C,) in float64, of a norm with fixed statistics, which computes s·x + b."""
    scale = double(norm.weight) / torch.sqrt(double(norm.running_var) + norm.eps)
    return scale, double(norm.bias) - scale * double(norm.running_mean)


def double(tensor: Tensor | None) -> Tensor:
    """Return a copy in float64 on the CPU, for not every device has float64."""
    assert tensor is not None
    return tensor.detach().cpu().double()
