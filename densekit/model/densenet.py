"""DenseNet, written to be read beside the paper.

Huang, Liu, van der Maaten and Weinberger, *Densely Connected Convolutional Networks*, CVPR 2017.

A layer of a dense block sees the feature maps of *all* layers before it, side by side along the channel axis:

    x_l = H_l([x_0, x_1, ..., x_(l-1)])                                    (equation 2)

with H_l = BatchNorm, ReLU, 1×1 convolution (the bottleneck), BatchNorm, ReLU, 3×3 convolution. Nothing is
added up, so nothing is overwritten: each layer appends `growth_rate` channels and leaves the rest as it is.

The names of the modules are torchvision's, so a state dict fits here and there, strictly and both ways.

Shapes below are those of DenseNet-121 for one batch of N images of 224×224: (N, 3, 224, 224).
"""

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from densekit.errors import ConfigError
from densekit.model.architectures import DenseNetConfig
from densekit.model.weights_info import BY_HAND


class DenseLayer(nn.Module):
    """One H_l: from all the features so far, `growth_rate` new ones.

    The 1×1 convolution first squeezes the many channels to `bn_size * growth_rate` (DenseNet-B, section 3),
    so that the 3×3 convolution, the costly one, always works on the same small number.

    Args:
        in_channels: channels of all features so far.
        growth_rate: channels that the layer adds.
        bn_size: width of the bottleneck, in growth rates.
        drop_rate: probability of dropping a new feature while training.
        memory_efficient: forget the concatenation and the bottleneck after the forward pass and compute them
            again in the backward pass: less memory for more time.
    """

    def __init__(
        self,
        in_channels: int,
        growth_rate: int,
        bn_size: int,
        drop_rate: float = 0.0,
        memory_efficient: bool = False,
    ) -> None:
        super().__init__()
        bottleneck = bn_size * growth_rate
        self.norm1 = nn.BatchNorm2d(in_channels)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(in_channels, bottleneck, kernel_size=1, bias=False)
        self.norm2 = nn.BatchNorm2d(bottleneck)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(bottleneck, growth_rate, kernel_size=3, padding=1, bias=False)
        self.drop_rate = drop_rate
        self.memory_efficient = memory_efficient

    def forward(self, features: list[Tensor]) -> Tensor:
        """Return the new features, (N, growth_rate, H, W), from those so far, each (N, C_i, H, W)."""
        squeeze = self._bottleneck_forgotten if self.memory_efficient else self._bottleneck
        squeezed = squeeze(*features)  # (N, bn_size * growth_rate, H, W)
        new = self.conv2(self.relu2(self.norm2(squeezed)))  # (N, growth_rate, H, W)
        return F.dropout(new, self.drop_rate, self.training) if self.drop_rate > 0 else new

    def _bottleneck(self, *features: Tensor) -> Tensor:
        everything = torch.cat(features, dim=1)  # (N, in_channels, H, W)
        return self.conv1(self.relu1(self.norm1(everything)))

    def _bottleneck_forgotten(self, *features: Tensor) -> Tensor:
        def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
            return nullcontext(), _statistics_kept(self.norm1)  # around the first and the second computation

        return cast(Tensor, checkpoint(self._bottleneck, *features, use_reentrant=False, context_fn=contexts))


@contextmanager
def _statistics_kept(norm: nn.BatchNorm2d) -> Iterator[None]:
    """Keep the running statistics: computing a batch a second time must not count it a second time.

    Copies stand in for them meanwhile, since the second computation has to save the same tensors as the first.
    """
    kept = dict(norm.named_buffers())
    for name, buffer in kept.items():
        setattr(norm, name, buffer.clone())
    try:
        yield
    finally:
        for name, buffer in kept.items():
            setattr(norm, name, buffer)


class DenseBlock(nn.ModuleDict):
    """`num_layers` dense layers at one resolution; every layer is wired to every earlier one.

    From `in_channels` channels it makes `in_channels + num_layers * growth_rate`.
    """

    def __init__(
        self,
        num_layers: int,
        in_channels: int,
        growth_rate: int,
        bn_size: int,
        drop_rate: float = 0.0,
        memory_efficient: bool = False,
    ) -> None:
        super().__init__()
        for index in range(num_layers):
            self[f"denselayer{index + 1}"] = DenseLayer(
                in_channels + index * growth_rate, growth_rate, bn_size, drop_rate, memory_efficient
            )

    def forward(self, x: Tensor) -> Tensor:
        features = [x]
        for layer in self.values():
            features.append(layer(features))
        return torch.cat(features, dim=1)  # (N, in_channels + num_layers * growth_rate, H, W)


class Transition(nn.Sequential):
    """Between two blocks: half the channels (DenseNet-C, compression 0.5), half the height and width."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(
            OrderedDict(
                norm=nn.BatchNorm2d(in_channels),
                relu=nn.ReLU(inplace=True),
                conv=nn.Conv2d(in_channels, out_channels, kernel_size=1, bias=False),
                pool=nn.AvgPool2d(kernel_size=2, stride=2),
            )
        )


class DenseNet(nn.Module):
    """A whole DenseNet: stem, dense blocks with transitions between them, last norm, classifier.

    `forward` is `forward_head(forward_features(images))`, and the two halves can be called on their own: the
    features of a picture stay the same however many heads are tried on them.

    Args:
        config: the shape of the network; DenseNet-121 if not given.
        num_classes: outputs of the classifier; 0 for none, so that the network returns embeddings.
        drop_rate: dropout on the new features of every dense layer while training, 0 ≤ p < 1.
        memory_efficient: trade time for memory while training (see `DenseLayer`).

    Raises:
        ConfigError: `num_classes` below 0 or `drop_rate` out of range.
    """

    weights = BY_HAND  # what is known of the weights in it, and
    preprocessing = BY_HAND.preprocessing  # what pictures must go through: `densekit.model.zoo` sets both

    def __init__(
        self,
        config: DenseNetConfig | None = None,
        num_classes: int = 1000,
        drop_rate: float = 0.0,
        memory_efficient: bool = False,
    ) -> None:
        super().__init__()
        if not 0 <= drop_rate < 1:
            raise ConfigError(f"drop_rate is {drop_rate}: expected 0 ≤ drop_rate < 1")
        self.config = config = config or DenseNetConfig()

        self.features = nn.Sequential(
            OrderedDict(
                conv0=nn.Conv2d(
                    3, config.num_init_features, kernel_size=7, stride=2, padding=3, bias=False
                ),  # (N, 64, 112, 112)
                norm0=nn.BatchNorm2d(config.num_init_features),
                relu0=nn.ReLU(inplace=True),
                pool0=nn.MaxPool2d(kernel_size=3, stride=2, padding=1),  # (N, 64, 56, 56)
            )
        )
        self.stages = config.stages
        for number, stage in enumerate(self.stages, start=1):
            block = DenseBlock(
                stage.num_layers,
                stage.in_channels,  # 64, 128, 256, 512
                config.growth_rate,
                config.bn_size,
                drop_rate,
                memory_efficient,
            )
            self.features.add_module(stage.name, block)
            if number < len(self.stages):
                halved = stage.out_channels // 2  # 128, 256, 512
                self.features.add_module(f"transition{number}", Transition(stage.out_channels, halved))
        self.num_features = config.num_features
        self.features.add_module("norm5", nn.BatchNorm2d(self.num_features))

        self.classifier = self._new_classifier(num_classes)
        self._initialise()

    def forward(self, images: Tensor) -> Tensor:
        """Return logits, (N, num_classes), for images, (N, 3, H, W), normalised as the weights ask for."""
        return self.forward_head(self.forward_features(images))

    def forward_features(self, images: Tensor) -> Tensor:
        """Return the last feature maps, (N, num_features, H / 32, W / 32), after norm and ReLU."""
        return F.relu(self.features(images), inplace=True)

    def forward_head(self, feature_maps: Tensor, pre_logits: bool = False) -> Tensor:
        """Pool the feature maps to embeddings, (N, num_features), and classify them, (N, num_classes).

        With `pre_logits`, stop at the embeddings.
        """
        embeddings = F.adaptive_avg_pool2d(feature_maps, (1, 1)).flatten(start_dim=1)  # (N, num_features)
        return embeddings if pre_logits else self.classifier(embeddings)

    def reset_classifier(self, num_classes: int) -> None:
        """Replace the classifier by a fresh one for `num_classes` classes; the features stay as they are."""
        old = next(self.parameters())
        self.classifier = self._new_classifier(num_classes).to(device=old.device, dtype=old.dtype)

    def _new_classifier(self, num_classes: int) -> nn.Module:
        if type(num_classes) is not int or num_classes < 0:
            raise ConfigError(f"num_classes is {num_classes!r}: expected 0 (no classifier) or more")
        self.num_classes = num_classes
        if num_classes == 0:
            return nn.Identity()
        classifier = nn.Linear(self.num_features, num_classes)
        nn.init.zeros_(classifier.bias)
        return classifier

    def _initialise(self) -> None:
        """Initialise as the paper does, after He et al. 2015; BatchNorm starts as the identity anyway."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)
