"""torchvision's zoo in one table: depth, parameters and multiply-adds counted, accuracy as published.

Counted is on torch's device 'meta', where tensors have a shape and no content: the real networks of the installed
torchvision, without their weights, in a few seconds and no memory. The accuracy is what torchvision publishes
with its weights (`weights.meta`), for one crop of each of the 50 000 validation images of ImageNet-1K.

Of networks with several sets of weights the first one is taken, IMAGENET1K_V1: the later ones were trained longer
and in other ways, so they would compare recipes, not networks.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from densekit.errors import ConfigError, nearest
from densekit.vision import torchvision

FAMILIES = {
    "alexnet": "AlexNet",
    "vgg16": "VGG",
    "squeezenet1_0": "SqueezeNet",
    "googlenet": "Inception",
    "inception_v3": "Inception",
    "resnet18": "ResNet",
    "resnet34": "ResNet",
    "resnet50": "ResNet",
    "resnet101": "ResNet",
    "resnet152": "ResNet",
    "wide_resnet50_2": "ResNet, wider",
    "resnext50_32x4d": "ResNet, wider",
    "shufflenet_v2_x1_0": "for phones",
    "mobilenet_v2": "for phones",
    "mnasnet1_0": "for phones",
    "densenet121": "DenseNet",
    "densenet161": "DenseNet",
    "densenet169": "DenseNet",
    "densenet201": "DenseNet",
}
"""The networks of the table, by torchvision's names, and the family of each."""

_LAYERS_IN_GRAPH = (
    "ConvolutionBackward",
    "AddmmBackward",
)  # what autograd calls convolutions and linear layers


@dataclass(frozen=True)
class ZooEntry:
    """A line of the table.

    Args:
        name: torchvision's.
        family: to which it belongs.
        depth: convolutions and linear layers on the longest way from the image to the scores.
        parameters: that are learned and take part in a prediction; auxiliary classifiers don't.
        multiply_adds: of convolutions and linear layers, for one image.
        image_size: pixels of a side, as the published accuracy was measured.
        accuracy: published share of right answers, in percent; ImageNet-1K, one crop.
        weights: torchvision's name of the weights with that accuracy.
    """

    name: str
    family: str
    depth: int
    parameters: int
    multiply_adds: int
    image_size: int
    accuracy: float
    weights: str


def zoo_table(names: Sequence[str] = tuple(FAMILIES)) -> pd.DataFrame:
    """Return the table: a row for each network, its name as the index, the fields of `ZooEntry` as columns.

    Raises:
        ConfigError: a network that is not in the table.
    """
    return pd.DataFrame([asdict(measure(name)) for name in names]).set_index("name")


def measure(name: str) -> ZooEntry:
    """Count a network of torchvision, and look up its published accuracy.

    Raises:
        ConfigError: a network that is not in the table.
    """
    if name not in FAMILIES:
        raise ConfigError(f"no network of the table is called '{name}': {nearest(name, FAMILIES)}")
    weights = published(name)[0]
    image_size = weights.transforms.keywords["crop_size"]
    depth, parameters, multiply_adds = count(build_empty(name), image_size)
    accuracy = accuracy_of(weights)
    return ZooEntry(
        name,
        FAMILIES[name],
        depth,
        parameters,
        multiply_adds,
        image_size,
        accuracy,
        str(weights).split(".")[-1],
    )


def published(name: str) -> list[Any]:
    """Return torchvision's sets of weights for ImageNet-1K, the oldest first."""
    every = torchvision.models.get_model_weights(name)
    # VGG-16 has weights for detection, too; their accuracy is "not a number".
    return [weights for weights in every if not math.isnan(accuracy_of(weights))]


def accuracy_of(weights: Any) -> float:
    """Return the published share of right answers in percent; not a number if there is none."""
    return float(weights.meta["_metrics"].get("ImageNet-1K", {}).get("acc@1", math.nan))


def build_empty(name: str) -> nn.Module:
    """Return a network of torchvision without content, on the device 'meta'."""
    skip_initialisation = {"init_weights": False} if FAMILIES.get(name) == "Inception" else {}
    with torch.device("meta"):
        network: nn.Module = getattr(torchvision.models, name)(**skip_initialisation)
    return network.eval()


def count(network: nn.Module, image_size: int) -> tuple[int, int, int]:
    """Return depth, parameters and multiply-adds of one forward pass on an image of `image_size` pixels."""
    used: dict[Tensor, int] = {}

    def note(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        used.update({parameter: parameter.numel() for parameter in module.parameters(recurse=False)})

    hooks = [module.register_forward_hook(note) for module in network.modules()]
    device = next(network.parameters()).device
    with FlopCounterMode(display=False) as counter:
        scores = network(torch.empty(1, 3, image_size, image_size, device=device))
    for hook in hooks:
        hook.remove()
    return _longest_way(scores), sum(used.values()), counter.get_total_flops() // 2  # multiply and add: two


def _longest_way(output: Tensor) -> int:
    """Count the convolutions and linear layers on the longest way through the graph that autograd kept."""
    longest: dict[Any, int] = {}
    waiting = [output.grad_fn]
    while waiting:
        node = waiting[-1]
        before = [parent for parent, _ in node.next_functions if parent is not None]  # type: ignore[union-attr]
        missing = [parent for parent in before if parent not in longest]
        if missing:
            waiting.extend(missing)
            continue
        waiting.pop()
        is_layer = node.name().startswith(_LAYERS_IN_GRAPH)  # type: ignore[union-attr]
        longest[node] = max((longest[parent] for parent in before), default=0) + is_layer
    return longest[output.grad_fn]
