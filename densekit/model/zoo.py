"""The four DenseNets, with weights: what most people want, in one call.

>>> network = densenet121(num_classes=5)    # embedded weights, a fresh classifier
>>> network = densenet121()                 # embedded weights, no classifier: returns embeddings
>>> network = densenet201("imagenet")       # fetched once; classifies ImageNet's 1000 classes
>>> network = densenet169("none")           # random weights

The network says what it carries: `network.weights` (a `WeightsInfo`) and `network.preprocessing`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import torch

from densekit.model.architectures import read_architecture
from densekit.model.densenet import DenseNet
from densekit.model.weights import load_weights, seeded
from densekit.vision import mend_torchvision

mend_torchvision()  # who has a network of densekit's may want torchvision's beside it

_IMAGENET_CLASSES = 1000


@contextmanager
def float32_on_cpu() -> Iterator[None]:
    """Make tensors as torch does by itself, whatever else a notebook has set as the default."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        with torch.device("cpu"):
            yield
    finally:
        torch.set_default_dtype(before)


@float32_on_cpu()
def build(
    architecture: str = "densenet121",
    weights: str | Path = "embedded",
    num_classes: int | None = None,
    drop_rate: float = 0.0,
    memory_efficient: bool = False,
    seed: int = 0,
) -> DenseNet:
    """Build a DenseNet and load its weights.

    Args:
        architecture: 'densenet121', 'densenet161', 'densenet169', 'densenet201', or a JSON file of your own.
        weights: 'embedded', 'imagenet', 'none', or the path of a file.
        num_classes: outputs of the classifier. If not given, the classifier is the one that the weights
            bring: 'embedded' brings none, so the network returns embeddings; 'none' has 1000 random outputs,
            as the paper's. A number other than the weights' own makes a fresh one; 0 leaves it out.
        drop_rate: dropout in every dense layer while training, 0 ≤ p < 1.
        memory_efficient: trade time for memory while training.
        seed: of whatever is random: a fresh classifier, and the weights 'none'.

    Returns:
        The network in training mode, as torch makes them, in float32 on the CPU. Its `weights.classes` says
        what its outputs mean; None for a fresh classifier.

    Raises:
        ConfigError: no such architecture, or an impossible value.
        WeightsError: weights can't be found, fetched or read, or don't fit.
    """
    loaded = load_weights(weights, architecture, seed)
    if num_classes is None:
        num_classes = _IMAGENET_CLASSES if weights == "none" else loaded.num_classes
    keeps_classifier = num_classes > 0 and num_classes == loaded.num_classes

    with seeded(seed):
        network = DenseNet(read_architecture(architecture), 0, drop_rate, memory_efficient)
    with seeded(seed):  # so that a fresh classifier is the same whatever the weights
        network.reset_classifier(num_classes)
    state = {
        key: tensor
        for key, tensor in loaded.state_dict.items()
        if keeps_classifier or not key.startswith("classifier.")
    }
    if not keeps_classifier:
        state |= network.classifier.state_dict(prefix="classifier.")
    network.load_state_dict(state)
    network.weights = loaded.info if keeps_classifier else replace(loaded.info, classes=None)
    network.preprocessing = loaded.info.preprocessing
    return network


def densenet121(
    weights: str | Path = "embedded",
    num_classes: int | None = None,
    drop_rate: float = 0.0,
    memory_efficient: bool = False,
) -> DenseNet:
    """DenseNet-121: 8.0 million parameters, 1024 features. See `build` for the arguments."""
    return build("densenet121", weights, num_classes, drop_rate, memory_efficient)


def densenet161(
    weights: str | Path = "imagenet",
    num_classes: int | None = None,
    drop_rate: float = 0.0,
    memory_efficient: bool = False,
) -> DenseNet:
    """DenseNet-161: 28.7 million parameters, 2208 features. See `build` for the arguments."""
    return build("densenet161", weights, num_classes, drop_rate, memory_efficient)


def densenet169(
    weights: str | Path = "imagenet",
    num_classes: int | None = None,
    drop_rate: float = 0.0,
    memory_efficient: bool = False,
) -> DenseNet:
    """DenseNet-169: 14.1 million parameters, 1664 features. See `build` for the arguments."""
    return build("densenet169", weights, num_classes, drop_rate, memory_efficient)


def densenet201(
    weights: str | Path = "imagenet",
    num_classes: int | None = None,
    drop_rate: float = 0.0,
    memory_efficient: bool = False,
) -> DenseNet:
    """DenseNet-201: 20.0 million parameters, 1920 features. See `build` for the arguments."""
    return build("densenet201", weights, num_classes, drop_rate, memory_efficient)
