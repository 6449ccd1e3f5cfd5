"""The same network, frozen, with less to do: not one approximation, no compiler.

A network that is not trained any more may be rewritten, as long as every output stays the same. Four rewrites
take a third of the time away from feature extraction. Write a BatchNorm with fixed statistics as s·x + b, with
s = γ / √(σ² + ε) and b = β − s·μ, one pair for each channel.

**A norm behind a convolution disappears.** s·(W∗x) + b is a convolution with the weights s·W and the bias b.
`norm0` and each `norm2` go this way.

**A norm before a ReLU becomes a clamp.** The ReLU bends where s·x + b = 0, which is at t = −b/s, so

    relu(s·x + b) = s · (max(x, t) − t)    for s > 0
                    s · (min(x, t) − t)    for s < 0
                    relu(b), a constant    for s = 0

Everything but the max or min is linear, and the 1×1 convolution W behind it takes that in: its weights become
W·s and its bias −(W·s)·t. What remains is `clamp(x, lower, upper)`, with (t, ∞) or (−∞, t) for a channel; a
constant channel gets the weight 0. Each `norm1` and each norm of a transition goes this way.

**Pooling comes first.** Average pooling and a 1×1 convolution commute, for both are linear, and one works
across space, the other across channels. The transition pools first: a quarter of the pixels is left.

**Nothing is concatenated.** One buffer per dense block, (N, H, W, C) with the channels last, has room for all
its features. A layer reads the slice that is filled and writes the next `growth_rate` channels behind it. A
1×1 convolution over such a buffer is a matrix product, (N·H·W, C) × (C, bottleneck).

All of it is computed in float64 before it is cast, so it agrees with the network to rounding.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from densekit.errors import ConfigError
from densekit.model.densenet import DenseBlock, DenseLayer, DenseNet, Transition

CHUNK_PIXELS = 16 * 224 * 224
"""Images go through the network this many pixels at a time: enough to keep every core busy, and few enough
that the buffers stay near the processor and their memory small (about 130 MB for DenseNet-121 in float32)."""


def frozen(network: DenseNet, dtype: torch.dtype | None = None) -> "FrozenDenseNet":
    """Rewrite a network for feature extraction; the network is left as it is, and shares nothing with it.

    Args:
        network: a trained network; its running statistics are used, whatever mode it is in.
        dtype: float64, float32 or bfloat16 to compute in; the network's own if not given. For bfloat16, hand
            over the float32 network: what is folded in full precision is rounded only once.

    Raises:
        ConfigError: another dtype.
    """
    return FrozenDenseNet(network, dtype or next(network.parameters()).dtype)


class FrozenDenseNet(nn.Module):
    """A DenseNet up to its embeddings, equal to the network it was made from, and faster.

    It computes no gradients. Its buffers are used again from call to call, so an instance serves one thread at
    a time; what it returns is always memory of its own.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, network: DenseNet, dtype: torch.dtype) -> None:
        super().__init__()
        if dtype not in (torch.float64, torch.float32, torch.bfloat16):
            raise ConfigError(f"dtype is {dtype}: expected torch.float64, torch.float32 or torch.bfloat16")
        self.num_features = network.num_features
        parts = dict(network.features.named_children())
        self.stem = _FoldedConv(parts["conv0"], parts["norm0"])
        self.blocks = nn.ModuleList(_Block(part) for part in parts.values() if isinstance(part, DenseBlock))
        self.transitions = nn.ModuleList(
            _ClampedProduct(part.norm, part.conv) for part in parts.values() if isinstance(part, Transition)
        )
        scale, shift = _scale_and_shift(parts["norm5"])
        self.register_buffer("scale", scale)
        self.register_buffer("shift", shift)
        self.to(dtype)
        self._scratch = _Scratch()

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """Return embeddings, (N, num_features), for images, (N, 3, H, W), normalised as the weights ask for."""
        return self.forward_features(images).mean(dim=(2, 3))

    @torch.no_grad()
    def forward_features(self, images: Tensor) -> Tensor:
        """Return the last feature maps, (N, num_features, H / 32, W / 32), after norm and ReLU."""
        images = images.to(self.scale.dtype)
        at_once = max(1, CHUNK_PIXELS // (images.shape[2] * images.shape[3]))
        return torch.cat([self._chunk(chunk) for chunk in images.split(at_once)])

    def _chunk(self, images: Tensor) -> Tensor:
        images = images.contiguous(memory_format=torch.channels_last)
        stem = F.max_pool2d(self.stem(images), kernel_size=3, stride=2, padding=1).relu_()
        x = stem.permute(0, 2, 3, 1)  # (N, H, W, C), as everything below
        for number, block in enumerate(self.blocks):
            if number > 0:
                x = self.transitions[number - 1].pooled(x, self._scratch)
            features = self._scratch.take(f"features {number % 2}", (*x.shape[:3], block.out_channels), x)
            features[..., : x.shape[3]] = x
            x = block(features, self._scratch)
        maps = torch.addcmul(self.shift, x, self.scale).relu_()
        return maps.permute(0, 3, 1, 2)


class _Block(nn.Module):
    """A dense block that fills a buffer."""

    def __init__(self, block: DenseBlock) -> None:
        super().__init__()
        self.layers = nn.ModuleList(_Layer(layer) for layer in block.values())
        self.in_channels = self.layers[0].squeeze.lower.numel()
        self.growth_rate = self.layers[0].grow.weight.shape[0]
        self.out_channels = self.in_channels + len(self.layers) * self.growth_rate

    def forward(self, features: Tensor, scratch: "_Scratch") -> Tensor:
        """Fill features, (N, H, W, out_channels), of which the first in_channels are there."""
        filled = self.in_channels
        for layer in self.layers:
            features[..., filled : filled + self.growth_rate] = layer(features[..., :filled], scratch)
            filled += self.growth_rate
        return features


class _Layer(nn.Module):
    def __init__(self, layer: DenseLayer) -> None:
        super().__init__()
        self.squeeze = _ClampedProduct(layer.norm1, layer.conv1, layer.norm2)
        self.grow = _FoldedConv(layer.conv2)

    def forward(self, seen: Tensor, scratch: "_Scratch") -> Tensor:
        squeezed = self.squeeze(seen, scratch).relu_()
        return self.grow(squeezed.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)


class _ClampedProduct(nn.Module):
    """Norm, ReLU and 1×1 convolution, and the norm behind it if there is one, as a clamp and a product."""

    lower: Tensor
    upper: Tensor
    weight: Tensor
    bias: Tensor

    def __init__(self, norm: nn.BatchNorm2d, conv: nn.Conv2d, after: nn.BatchNorm2d | None = None) -> None:
        super().__init__()
        scale, shift = _scale_and_shift(norm)
        weight = conv.weight.detach().double().flatten(start_dim=1)  # (out, in)
        constant = scale == 0
        bend = torch.where(constant, 0.0, -shift / scale)
        bias = weight @ torch.where(constant, shift.relu(), -scale * bend)
        weight = weight * scale
        if after is not None:
            s, b = _scale_and_shift(after)
            weight, bias = weight * s[:, None], bias * s + b
        infinite = torch.full_like(bend, torch.inf)
        self.register_buffer("lower", torch.where(scale > 0, bend, -infinite))
        self.register_buffer("upper", torch.where(scale < 0, bend, infinite))
        self.register_buffer("weight", weight)
        self.register_buffer("bias", bias)

    def forward(self, x: Tensor, scratch: "_Scratch") -> Tensor:
        return F.linear(self._clamped(x, scratch), self.weight, self.bias)

    def pooled(self, x: Tensor, scratch: "_Scratch") -> Tensor:
        clamped = self._clamped(x, scratch).permute(0, 3, 1, 2)
        return F.linear(F.avg_pool2d(clamped, 2).permute(0, 2, 3, 1), self.weight, self.bias)

    def _clamped(self, x: Tensor, scratch: "_Scratch") -> Tensor:
        return torch.clamp(x, self.lower, self.upper, out=scratch.take("clamped", x.shape, x))


class _FoldedConv(nn.Module):
    """A convolution that has taken in the norm behind it, if there is one."""

    weight: Tensor
    bias: Tensor | None

    def __init__(self, conv: nn.Conv2d, after: nn.BatchNorm2d | None = None) -> None:
        super().__init__()
        weight = conv.weight.detach().double()
        self.stride, self.padding = conv.stride, conv.padding
        bias = None
        if after is not None:
            scale, bias = _scale_and_shift(after)
            weight = weight * scale[:, None, None, None]
        self.register_buffer("weight", weight.contiguous(memory_format=torch.channels_last))
        self.register_buffer("bias", bias)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight, self.bias, self.stride, self.padding)


class _Scratch:
    """Memory that is used again: one piece per name, as large as its largest use so far."""

    def __init__(self) -> None:
        self._pieces: dict[str, Tensor] = {}

    def take(self, name: str, shape: tuple[int, ...], like: Tensor) -> Tensor:
        """Return memory of this shape, with anything in it, until the next `take` of the same name."""
        size = torch.Size(shape).numel()
        piece = self._pieces.get(name)
        if piece is None or piece.numel() < size or piece.dtype != like.dtype or piece.device != like.device:
            self._pieces[name] = piece = like.new_empty(size)
        return piece[:size].view(shape)


def _scale_and_shift(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Return s and b, (C,) in float64, of a norm with fixed statistics: it computes s·x + b."""
    assert norm.running_mean is not None and norm.running_var is not None
    scale = norm.weight.detach().double() / torch.sqrt(norm.running_var.double() + norm.eps)
    return scale, norm.bias.detach().double() - scale * norm.running_mean.double()
