"""Plausible mistakes in a DenseNet, so that a checker can name the one that a reader has made.

Each is a function of densekit's own part, with its weights, and of the inputs; it returns what the mistake would.
The keys complete the sentence "They are what comes out …".
"""

from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional as F


def _stem_without_relu(stem: Any, images: Tensor) -> Tensor:
    return stem.pool0(stem.norm0(stem.conv0(images)))


def _stem_with_average(stem: Any, images: Tensor) -> Tensor:
    return F.avg_pool2d(F.relu(stem.norm0(stem.conv0(images))), 3, 2, 1)


def _stem_pooling_first(stem: Any, images: Tensor) -> Tensor:
    return F.relu(stem.norm0(stem.pool0(stem.conv0(images))))


STEM = {
    "without the ReLU": _stem_without_relu,
    "with an average in the place of the largest value": _stem_with_average,
    "when the pool stands before the norm": _stem_pooling_first,
    "when the ReLU stands before the norm": lambda stem, images: stem.pool0(
        stem.norm0(F.relu(stem.conv0(images)))
    ),
}


def _layer(layer: Any, x: Tensor, relu1: bool = True, relu2: bool = True) -> Tensor:
    """Compute a dense layer, with or without its ReLUs."""
    x = layer.norm1(x)
    x = layer.norm2(layer.conv1(F.relu(x) if relu1 else x))
    return cast(Tensor, layer.conv2(F.relu(x) if relu2 else x))


def _layer_activated_first(layer: Any, features: list[Tensor]) -> Tensor:
    x = layer.conv1(layer.norm1(F.relu(torch.cat(features, dim=1))))
    return cast(Tensor, layer.conv2(layer.norm2(F.relu(x))))


LAYER = {
    "when the features are joined in the opposite order": lambda layer, x: _layer(
        layer, torch.cat(x[::-1], 1)
    ),
    "without the first ReLU": lambda layer, x: _layer(layer, torch.cat(x, 1), relu1=False),
    "without the second ReLU": lambda layer, x: _layer(layer, torch.cat(x, 1), relu2=False),
    "without the two ReLUs": lambda layer, x: _layer(layer, torch.cat(x, 1), relu1=False, relu2=False),
    "when the ReLUs stand before the norms": _layer_activated_first,
    "with one more ReLU at the end": lambda layer, x: F.relu(_layer(layer, torch.cat(x, 1))),
}


def _block_newest_first(block: Any, x: Tensor) -> Tensor:
    features = [x]
    for layer in block.values():
        features.insert(0, layer(features))
    return torch.cat(features, dim=1)


def _block_joined_backwards(block: Any, x: Tensor) -> Tensor:
    features = [x]
    for layer in block.values():
        features.append(layer(features))
    return torch.cat(features[::-1], dim=1)


BLOCK = {
    "when new features are put before the earlier ones": _block_newest_first,
    "when the output is joined in the opposite order": _block_joined_backwards,
}


TRANSITION = {
    "without the ReLU": lambda part, x: part.pool(part.conv(part.norm(x))),
    "with the largest value in the place of the average": lambda part, x: F.max_pool2d(
        part.conv(F.relu(part.norm(x))), 2
    ),
    "when the pool stands before the ReLU": lambda part, x: part.conv(F.relu(part.pool(part.norm(x)))),
    "when the ReLU stands before the norm": lambda part, x: part.pool(part.conv(part.norm(F.relu(x)))),
}
NETWORK = {
    "without the ReLU behind norm5": lambda network, x: network.forward_head(network.features(x)),
    "with the largest value in the place of the average": lambda network, x: network.classifier(
        network.forward_features(x).amax(dim=(2, 3))
    ),
    "with a softmax at the end": lambda network, x: network(x).softmax(dim=1),
}
