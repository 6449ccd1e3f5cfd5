"""The same network, frozen, with less to do: not one approximation, no compiler.

A network that is not trained any more may be rewritten, as long as every output stays what it was.

**Norms go into convolutions.** `norm0` and each `norm2` follow a convolution and disappear into it. Each
`norm1` and each norm of a transition precedes a ReLU and a 1×1 convolution; of norm and ReLU one clamp per
channel is left, and the convolution takes in the rest. `densekit.model.frozen.folding` has the algebra.

**Pooling comes first.** Average pooling and a 1×1 convolution commute: both are linear, one works across space
and the other across channels. A transition pools first, and convolves a quarter of the pixels.

**Nothing is concatenated.** One buffer per dense block, (N, H, W, C) with the channels last, has room for all
its features. A layer reads the slice that is filled and writes the next `growth_rate` channels behind it. A
1×1 convolution over the buffer is a matrix product, (N·H·W, C) × (C, bottleneck).
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from densekit.errors import ConfigError
from densekit.model.cut import CLASSIFIER, frozen_modules
from densekit.model.densenet import DenseBlock, DenseLayer, DenseNet, Transition
from densekit.model.frozen.as_built import check_as_built
from densekit.model.frozen.convolution import Convolution
from densekit.model.frozen.folding import Squeeze, double, origin_of, scale_and_shift

CHUNK = 32 * 4 * 224 * 224
"""Bytes per channel of the images that go through the network at once, 32 of 224×224 in float32: enough to keep
every core busy in the last block, few enough that DenseNet-121 needs about 200 MB of buffers."""

PART = 4 * 4 * 56 * 56
"""Bytes per channel of what goes through a block at once. In the wide early blocks fewer images are faster,
since what one layer leaves is still near the processor when the next one reads it."""


def frozen(network: DenseNet, dtype: torch.dtype | None = None, cut: str = CLASSIFIER) -> "FrozenDenseNet":
    """Rewrite a network for feature extraction; the network is left as it is, and shares nothing with it.

    Args:
        network: its running statistics are used, whatever mode it is in.
        dtype: float64, float32 or bfloat16 to compute in; the network's own if not given. For bfloat16, hand
            over the float32 network: then weights are rounded once, after folding.
        cut: how far it goes (`densekit.model.cut`): to the embeddings, or to the maps that enter a block.

    Returns:
        The rewrite, on the network's device.

    Raises:
        ConfigError: another dtype, or a cut that the network doesn't have, or before which nothing stands; or a
            network that was changed there, so that it is not what densekit builds (`as_built`).
    """
    example = next(network.parameters())
    return FrozenDenseNet(network, dtype or example.dtype, cut).to(example.device)


class FrozenDenseNet(nn.Module):
    """A DenseNet up to a cut, equal to the network it was made from, and faster.

    It computes no gradients. Its memory is used again from call to call, so an instance serves one thread at a
    time; what it returns is never overwritten. It can move to another device, but not to another dtype.
    """

    scale: Tensor
    shift: Tensor

    @torch.inference_mode(False)  # a learner may make it in there, and use it outside
    def __init__(self, network: DenseNet, dtype: torch.dtype, cut: str = CLASSIFIER) -> None:
        super().__init__()
        if dtype not in (torch.float64, torch.float32, torch.bfloat16):
            raise ConfigError(f"dtype is {dtype}: expected torch.float64, torch.float32 or torch.bfloat16")
        self.num_features = network.num_features
        self.dtype, self.cut = dtype, cut
        stages: Any = network.features  # its modules have names, which a type checker can't see
        before = frozen_modules(network, cut)
        if not before:
            raise ConfigError(f"nothing stands before the cut '{cut}', so there is nothing to rewrite")
        check_as_built(network, cut)
        blocks = [stage for stage in before.values() if isinstance(stage, DenseBlock)]
        transitions = [stage for stage in before.values() if isinstance(stage, Transition)]
        readers: list[Any] = [transition.norm for transition in transitions]  # one behind each block
        readers += [stages.norm5] if cut == CLASSIFIER else []
        origins = [origin_of(block, reader, dtype) for block, reader in zip(blocks, readers, strict=True)]
        if cut != CLASSIFIER:  # the maps that enter the first trained block are handed out as they are
            origins.append(torch.zeros(_entering(network, cut), dtype=torch.float64))

        self.stem = _Stem(stages.conv0, stages.norm0, origins[0], dtype)
        self.blocks = nn.ModuleList(_Block(*pair, dtype) for pair in zip(blocks, origins, strict=False))
        self.transitions = nn.ModuleList(
            _Transition(*three, dtype) for three in zip(transitions, origins[:-1], origins[1:], strict=True)
        )
        self.channels = [len(origin) for origin in origins]
        if cut == CLASSIFIER:
            scale, shift = scale_and_shift(stages.norm5)
            wide = torch.promote_types(dtype, torch.float32)
            self.register_buffer("scale", scale.to(wide))
            self.register_buffer("shift", (shift + scale * origins[-1]).to(wide))
        self._workspace = _Workspace()
        self._is_sound = _is_sound(before.values())

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """Return what stands at the cut, for images, (N, 3, H, W), normalised as the weights ask for.

        At the classifier these are embeddings, (N, num_features), float64 if that is what it computes in, else
        float32. At a block, the maps that enter it, (N, in_channels, H / stride, W / stride), in its own dtype.
        """
        maps = self.forward_features(images)
        return maps.mean(dim=(2, 3)) if self.cut == CLASSIFIER else maps

    @torch.inference_mode(False)  # what the workspace keeps is of use outside of it, too
    @torch.no_grad()
    def forward_features(self, images: Tensor) -> Tensor:
        """Return the last feature maps before the cut, (N, C, H / stride, W / stride).

        At the classifier: (N, num_features, H / 32, W / 32), after norm and ReLU.
        """
        _, _, h, w = images.shape
        at_once = max(1, CHUNK // (h * w * self.dtype.itemsize))
        with self._workspace.busy:  # its memory is for one thread at a time
            maps = torch.cat([self._chunk(chunk) for chunk in images.split(at_once)]).permute(0, 3, 1, 2)
        return self._told_nan(images, maps)

    def _told_nan(self, images: Tensor, maps: Tensor) -> Tensor:
        """Make the features of an image that holds a NaN, or of weights that do, NaN as in any other network.

        Rectified convolutions and integer clamps would take a NaN for a number, and nobody would notice.
        """
        if not self._is_sound:
            return torch.full_like(maps, torch.nan)
        wide = torch.promote_types(images.dtype, torch.float32)  # a bright image's sum overflows float16
        unknown = ~images.flatten(start_dim=1).sum(dim=1, dtype=wide).isfinite()  # (N,)
        if bool(unknown.any()):
            maps[unknown] = torch.nan
        return maps

    def _chunk(self, images: Tensor) -> Tensor:
        features = images
        entries = zip([self.stem, *self.transitions], self.channels, strict=True)
        for number, (enter, channels) in enumerate(entries):
            features = enter(features, channels, self._workspace)
            if number < len(self.blocks):
                self.blocks[number](features, self._workspace)
        if self.cut != CLASSIFIER:
            return features.clone()  # the workspace is used again
        return torch.addcmul(self.shift, features.to(self.scale.dtype), self.scale).relu_()  # (N, H, W, C)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "FrozenDenseNet":
        if fn(self.stem.origin[:0]).dtype != self.dtype:
            raise ConfigError(
                f"the dtype {self.dtype} is folded in: make another with frozen(network, dtype)"
            )
        return super()._apply(fn, recurse)  # type: ignore[no-untyped-call]


def _is_sound(modules: Iterable[nn.Module]) -> bool:
    """Say whether all weights and statistics are numbers, and no variance is below zero."""
    tensors = [item for module in modules for item in module.state_dict().items()]
    return all(
        bool(tensor.isfinite().all()) and not (name.endswith("running_var") and bool((tensor < 0).any()))
        for name, tensor in tensors
    )


def _entering(network: DenseNet, cut: str) -> int:
    """Return how many channels enter a block."""
    return next(stage.in_channels for stage in network.stages if stage.name == cut)


class _Stem(nn.Module):
    """First convolution, norm, ReLU and max pooling."""

    origin: Tensor

    def __init__(self, conv: nn.Conv2d, norm: nn.BatchNorm2d, origin: Tensor, dtype: torch.dtype) -> None:
        super().__init__()
        scale, shift = scale_and_shift(norm)
        weight = double(conv.weight) * scale[:, None, None, None]
        self.conv = Convolution(weight, shift, dtype, stride=2, padding=3, rectified=True)
        self.register_buffer("origin", origin[: conv.out_channels].to(dtype))

    def forward(self, images: Tensor, channels: int, workspace: "_Workspace") -> Tensor:
        """From images, (N, 3, H, W), return a buffer, (N, H / 4, W / 4, channels), with its start filled."""
        n, _, *size = images.shape
        h, w = ((edge + 3) // 4 for edge in size)  # halved and rounded up, twice
        features = workspace.memory(self, (n, h, w, channels), self.origin)
        for part, room in _in_parts(images, features, size=h * w * features.itemsize):
            image = part.to(self.origin.dtype, memory_format=torch.channels_last)
            x = self.conv(image).permute(0, 2, 3, 1)  # (n, H / 2, W / 2, 64)
            torch.sub(_max_pool(x), self.origin, out=room[..., : x.shape[3]])
        return features


class _Block(nn.Module):
    """A dense block, which fills the buffer that it is handed."""

    def __init__(self, block: DenseBlock, origin: Tensor, dtype: torch.dtype) -> None:
        super().__init__()
        layers: Any = block.values()
        self.layers = nn.ModuleList(_Layer(layer, origin, dtype) for layer in layers)
        self.out_channels = len(origin)

    def forward(self, features: Tensor, workspace: "_Workspace") -> None:
        """Fill features, (N, H, W, out_channels), of which the block's input channels are there."""
        _, h, w, _ = features.shape
        for (part,) in _in_parts(features, size=h * w * features.itemsize):
            for layer in self.layers:
                layer(part, workspace)


class _Layer(nn.Module):
    """A dense layer: reads the channels so far, writes the next ones."""

    def __init__(self, layer: DenseLayer, origin: Tensor, dtype: torch.dtype) -> None:
        super().__init__()
        self.first = layer.conv1.in_channels
        self.behind = self.first + layer.conv2.out_channels
        self.bottleneck = Squeeze(layer.norm1, layer.conv1, origin, dtype, after=scale_and_shift(layer.norm2))
        bias = -origin[self.first : self.behind]
        self.grow = Convolution(double(layer.conv2.weight), bias, dtype, padding=1)

    def forward(self, features: Tensor, workspace: "_Workspace") -> None:
        seen = features[..., : self.first]
        clamped = self.bottleneck.clamp(seen, out=workspace.memory("clamped", seen.shape, seen))
        new = self.grow(self.bottleneck.conv(clamped))  # (N, growth_rate, H, W)
        features[..., self.first : self.behind] = new.permute(0, 2, 3, 1)


class _Transition(nn.Module):
    """A transition, which pools before it convolves."""

    def __init__(self, stages: Any, before: Tensor, behind: Tensor, dtype: torch.dtype) -> None:
        super().__init__()
        norm, _, conv, _ = stages
        shift = -behind[: conv.out_channels]
        after = torch.ones_like(shift), shift
        self.squeeze = Squeeze(norm, conv, before, dtype, after, rectified=False)

    def forward(self, features: Tensor, channels: int, workspace: "_Workspace") -> Tensor:
        """From (N, H, W, C), return the next block's buffer, (N, H / 2, W / 2, channels), its start filled."""
        n, h, w, _ = features.shape
        smaller = workspace.memory(self, (n, h // 2, w // 2, channels), features)
        for part, room in _in_parts(features, smaller, size=h * w * features.itemsize):
            clamped = self.squeeze.clamp(part, out=workspace.memory("clamped", part.shape, part))
            new = self.squeeze.conv(F.avg_pool2d(clamped, kernel_size=2)).permute(0, 2, 3, 1)
            room[..., : new.shape[3]] = new
        return smaller


class _Workspace:
    """Memory that is used again: one piece for each owner, as large as its largest use so far."""

    def __init__(self) -> None:
        self.busy = threading.Lock()
        self._pieces: dict[object, Tensor] = {}

    def memory(self, owner: object, shape: tuple[int, ...], like: Tensor) -> Tensor:
        """Return memory of this shape, holding anything, until its owner asks again."""
        size = torch.Size(shape).numel()
        piece = self._pieces.get(owner)
        if piece is None or piece.numel() < size or piece.device != like.device:
            self._pieces[owner] = piece = torch.empty(size, dtype=like.dtype, device=like.device)
        return piece[:size].view(shape)

    def __reduce__(self) -> tuple[type, tuple[()]]:
        return _Workspace, ()  # a copy starts empty


def _in_parts(*batches: Tensor, size: int) -> Iterator[tuple[Tensor, ...]]:
    """Yield the batches in parts of as many images as fit, at `size` bytes per channel each, into PART."""
    at_once = max(1, PART // size)
    return zip(*(batch.split(at_once) for batch in batches), strict=True)


def _max_pool(x: Tensor) -> Tensor:
    """Pool 3×3 with stride 2 and padding 1: what comes out of a ReLU, (N, H, W, C).

    Faster than torch's own, which also notes where each maximum was; and the bits of numbers that are not
    negative compare as int16.
    """
    if x.shape[1] % 2 or x.shape[2] % 2:
        return F.max_pool2d(x.permute(0, 3, 1, 2), 3, stride=2, padding=1).permute(0, 2, 3, 1)
    dtype = x.dtype
    x = x.view(torch.int16) if dtype == torch.bfloat16 else x
    for axis in (1, 2):
        x = x.transpose(0, axis)
        here, right = x[::2], x[1::2]
        best = torch.maximum(here, right)
        torch.maximum(best[1:], right[:-1], out=best[1:])  # the one to the left
        x = best.transpose(0, axis)
    return x.view(dtype)
