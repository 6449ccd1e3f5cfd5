"""What exercises need to judge a layer or a network: one to try it on, and how far two answers are apart."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from densekit.model.densenet import DenseLayer
from densekit.model.proof.parity import randomise

ROUNDING = 1e-9
"""Differences in float64 that are rounding."""


def logits_apart(one: nn.Module, other: nn.Module) -> float:
    """Return how far the logits of two networks are apart, max|Δ| in evaluation mode."""
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    with torch.no_grad():
        return float((one.eval()(images) - other.eval()(images)).abs().max())


def random_dense_layer(count: int) -> tuple[DenseLayer, list[Tensor]]:
    """Return a random dense layer and `count` tensors of features for it."""
    generator = torch.Generator().manual_seed(count)
    layer = DenseLayer(in_channels=4 + 4 * count, growth_rate=4, bn_size=2).double().eval()
    randomise(layer, generator)
    channels = [8] + [4] * (count - 1)
    return layer, [torch.randn(2, c, 6, 6, generator=generator, dtype=torch.float64) for c in channels]


def layer_ladder(
    dense_layer: Callable[[list[Tensor], DenseLayer], Tensor], layer: DenseLayer, features: list[Tensor]
) -> dict[str, float]:
    """Return max|Δ| of what each module inside a layer is given, and of what the layer returns."""
    expected, right = _recorded(DenseLayer.forward, layer, features)
    found, result = _recorded(lambda layer, features: dense_layer(features, layer), layer, features)
    ladder = {f"of the input of {name}": max_difference(found.get(name), expected[name]) for name in expected}
    return ladder | {"of the new features": max_difference(result, right)}


def _recorded(
    forward: Callable[[DenseLayer, list[Tensor]], Any], layer: DenseLayer, features: list[Tensor]
) -> tuple[dict[str, Tensor], Any]:
    given: dict[str, Tensor] = {}
    hooks = [
        getattr(layer, name).register_forward_pre_hook(
            lambda _, inputs, name=name: given.update({name: inputs[0].detach().clone()})
        )
        for name in ("norm1", "conv1", "norm2", "conv2")
    ]
    try:
        with torch.no_grad():
            result = forward(layer, [feature.clone() for feature in features])
    finally:
        for hook in hooks:
            hook.remove()
    return given, result


def max_difference(found: Any, expected: Tensor) -> float:
    """Return max|Δ|; infinite for another shape, for what is no tensor, and for values that are no numbers."""
    if not isinstance(found, Tensor) or found.shape != expected.shape:
        return math.inf
    difference = float((found.double() - expected).abs().max())
    return math.inf if math.isnan(difference) else difference
