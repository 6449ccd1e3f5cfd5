"""Mistakes that people make when they write a DenseNet: one catalogue of changes to a good one.

Each can be made to a whole network or to a part of it.

Two readers share it. A checker compares a reader's part with what each mistake would compute, and names the one
that fits:

    for words, mistake in STEM.items():
        if torch.equal(answer, mistake(stem, images)): ...        # "They are what comes out " + words

And `densekit.model.proof.planted` puts them into whole networks, for a proof to be tried on.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from densekit.model.densenet import DenseBlock, DenseLayer, DenseNet, Transition

Change = Callable[[nn.Module], None]
"""Puts a mistake into a network, or into a part of one, in place."""


@dataclass(frozen=True)
class Mistake:
    """A mistake in a part: call it with a good part and its inputs, and it returns what would come out.

    Args:
        change: puts it into the part.
    """

    change: Change

    def __call__(self, part: nn.Module, inputs: Any) -> Tensor:
        """Compute what a part with the mistake would; part and inputs stay as they are."""
        mistaken = copy.deepcopy(part)
        with torch.no_grad():
            self.change(mistaken)
        output: Tensor = mistaken(copy.deepcopy(inputs))
        return output


class NewestFirst(DenseLayer):
    """Joins its inputs in the opposite order."""

    def forward(self, features: list[Tensor]) -> Tensor:
        return super().forward(features[::-1])


class FirstReluBeforeNorm(DenseLayer):
    """Rectifies before its first norm."""

    def _bottleneck(self, *features: Tensor) -> Tensor:
        everything = torch.cat(features, dim=1)  # (N, in_channels, H, W)
        return self.conv1(self.norm1(self.relu1(everything)))


class _SecondReluBeforeNorm(DenseLayer):
    def forward(self, features: list[Tensor]) -> Tensor:
        return self.conv2(self.norm2(self.relu2(self._bottleneck(*features))))


class _RelusBeforeNorms(FirstReluBeforeNorm):
    def forward(self, features: list[Tensor]) -> Tensor:
        return self.conv2(self.norm2(self.relu2(self._bottleneck(*features))))


class _RectifiedAtTheEnd(DenseLayer):
    def forward(self, features: list[Tensor]) -> Tensor:
        return F.relu(super().forward(features))


class _NewFeaturesFirst(DenseBlock):
    def forward(self, x: Tensor) -> Tensor:
        features = [x]
        for layer in self.values():
            features.insert(0, layer(features))
        return torch.cat(features, dim=1)


class _JoinedBackwards(DenseBlock):
    def forward(self, x: Tensor) -> Tensor:
        features = [x]
        for layer in self.values():
            features.append(layer(features))
        return torch.cat(features[::-1], dim=1)


class PoolBeforeConvolution(Transition):
    """Pools before it convolves, which changes nothing."""

    def forward(self, x: Tensor) -> Tensor:
        norm, relu, conv, pool = self
        return conv(pool(relu(norm(x))))


class NoLastRelu(DenseNet):
    """Forgets the ReLU behind the last norm."""

    def forward_features(self, images: Tensor) -> Tensor:
        return self.features(images)


class MaxPooledEmbeddings(DenseNet):
    """Takes the largest value of each map in the place of its average."""

    def forward_head(self, feature_maps: Tensor, pre_logits: bool = False) -> Tensor:
        embeddings = F.adaptive_max_pool2d(feature_maps, (1, 1)).flatten(start_dim=1)  # (N, num_features)
        return embeddings if pre_logits else self.classifier(embeddings)


class _SoftmaxAtTheEnd(DenseNet):
    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images).softmax(dim=1)


def written_as(kind: type[nn.Module], instead_of: type[nn.Module]) -> Change:
    """Let every module of one class compute as a subclass of it does; its weights stay."""

    def change(network: nn.Module) -> None:
        for module in network.modules():
            if type(module) is instead_of:
                module.__class__ = kind

    return change


def replaced(name: str, by: Callable[[], nn.Module]) -> Change:
    """Put another module in the place of every one that has this name."""

    def change(network: nn.Module) -> None:
        for module in list(network.modules()):
            if hasattr(module, name) and isinstance(getattr(module, name), nn.Module):
                setattr(module, name, by())

    return change


def ordered(*names: str) -> Change:
    """Let the modules of a sequence with these names come first, in this order."""

    def change(network: nn.Module) -> None:
        for module in list(network.modules()):
            if isinstance(module, nn.Sequential) and all(name in module._modules for name in names):
                there = dict(module._modules)
                module._modules.clear()
                module._modules.update({name: there.pop(name) for name in names} | there)

    return change


def several(*changes: Change) -> Change:
    """Make several changes at once."""

    def change(network: nn.Module) -> None:
        for one in changes:
            one(network)

    return change


average_pool_in_the_stem = replaced("pool0", lambda: nn.AvgPool2d(kernel_size=3, stride=2, padding=1))
max_pool_in_transitions = replaced("pool", lambda: nn.MaxPool2d(kernel_size=2, stride=2))
newest_first = written_as(NewestFirst, instead_of=DenseLayer)
no_last_relu = written_as(NoLastRelu, instead_of=DenseNet)
max_pooled_embeddings = written_as(MaxPooledEmbeddings, instead_of=DenseNet)

_without_relu1, _without_relu2 = replaced("relu1", nn.Identity), replaced("relu2", nn.Identity)

# The keys complete the sentence "They are what comes out …".
STEM = {
    "without the ReLU": Mistake(replaced("relu0", nn.Identity)),
    "with an average in the place of the largest value": Mistake(average_pool_in_the_stem),
    "when the pool stands before the norm": Mistake(ordered("conv0", "pool0", "norm0", "relu0")),
    "when the ReLU stands before the norm": Mistake(ordered("conv0", "relu0", "norm0", "pool0")),
}
LAYER = {
    "when the features are joined in the opposite order": Mistake(newest_first),
    "without the first ReLU": Mistake(_without_relu1),
    "without the second ReLU": Mistake(_without_relu2),
    "without the two ReLUs": Mistake(several(_without_relu1, _without_relu2)),
    "when the first ReLU stands before its norm": Mistake(
        written_as(FirstReluBeforeNorm, instead_of=DenseLayer)
    ),
    "when the second ReLU stands before its norm": Mistake(
        written_as(_SecondReluBeforeNorm, instead_of=DenseLayer)
    ),
    "when the ReLUs stand before the norms": Mistake(written_as(_RelusBeforeNorms, instead_of=DenseLayer)),
    "with one more ReLU at the end": Mistake(written_as(_RectifiedAtTheEnd, instead_of=DenseLayer)),
}
BLOCK = {
    "when new features are put before the earlier ones": Mistake(
        written_as(_NewFeaturesFirst, instead_of=DenseBlock)
    ),
    "when the output is joined in the opposite order": Mistake(
        written_as(_JoinedBackwards, instead_of=DenseBlock)
    ),
}
TRANSITION = {
    "without the ReLU": Mistake(replaced("relu", nn.Identity)),
    "with the largest value in the place of the average": Mistake(max_pool_in_transitions),
    "when the pool stands before the ReLU": Mistake(ordered("norm", "pool", "relu", "conv")),
    "when the ReLU stands before the norm": Mistake(ordered("relu", "norm", "conv", "pool")),
}
NETWORK = {
    "without the ReLU behind norm5": Mistake(no_last_relu),
    "with the largest value in the place of the average": Mistake(max_pooled_embeddings),
    "with a softmax at the end": Mistake(written_as(_SoftmaxAtTheEnd, instead_of=DenseNet)),
}
