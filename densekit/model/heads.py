"""Heads: one backbone, many classifiers.

A head is the last linear layer alone, a few tens of kB beside the megabytes of the network. It is worth
nothing without the very features that it was trained on, so its file carries their fingerprint, and `attach`
refuses every other backbone.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import safetensors.torch
from torch import nn

from densekit.data.transforms import Preprocessing
from densekit.errors import FingerprintError, WeightsError
from densekit.files import write_atomically
from densekit.model.densenet import DenseNet
from densekit.model.state_dicts import fingerprint, read_weights_file

_FORMAT = "densekit head 1"
_KINDS: dict[str, tuple[type, str]] = {
    "classes": (list, "a list of names"),
    "preprocessing": (dict, "an object"),
    "backbone_fingerprint": (str, "a text"),
    "architecture": (str, "a text"),
    "weights": (str, "a text"),
}


@dataclass(frozen=True, eq=False)
class Head:
    """A classifier for one task.

    Args:
        classifier: the linear layer, from embeddings, (N, num_features), to logits, (N, num_classes).
        classes: what its outputs mean, in order.
        preprocessing: what its pictures went through.
        backbone_fingerprint: `fingerprint(network.features)` of the network that made its embeddings.
        architecture: that network's architecture, such as 'densenet121'.
        weights: that network's weights, such as 'embedded'.
    """

    classifier: nn.Linear
    classes: tuple[str, ...]
    preprocessing: Preprocessing
    backbone_fingerprint: str
    architecture: str
    weights: str


def save_head(
    path: Path,
    classifier: nn.Linear,
    classes: Sequence[str],
    preprocessing: Preprocessing,
    backbone_fingerprint: str,
    architecture: str,
    weights: str,
) -> None:
    """Write a head to a .safetensors file, which appears complete or not at all.

    The arguments are those of `Head`.

    Raises:
        WeightsError: as many names of classes as outputs are expected, and a bias.
    """
    if classifier.out_features != len(classes) or classifier.bias is None:
        raise WeightsError(
            f"a head needs a bias and one class for each output: it has {classifier.out_features} outputs, "
            f"{len(classes)} classes{'' if classifier.bias is not None else ' and no bias'}"
        )
    description = {
        "format": _FORMAT,
        "classes": list(classes),
        "preprocessing": preprocessing.to_dict(),
        "backbone_fingerprint": backbone_fingerprint,
        "architecture": architecture,
        "weights": weights,
    }
    tensors = {
        "weight": classifier.weight.detach().float().cpu().contiguous(),
        "bias": classifier.bias.detach().float().cpu(),
    }
    with write_atomically(path) as file:
        file.write(safetensors.torch.save(tensors, {"densekit": json.dumps(description, ensure_ascii=False)}))


def load_head(path: Path) -> Head:
    """Read a head that `save_head` wrote.

    Raises:
        WeightsError: there is no such file, it is damaged, or it is not a head.
    """
    file = read_weights_file(path)
    description = _read_description(path, file.metadata)
    if set(file.tensors) != {"weight", "bias"} or file.tensors["weight"].dim() != 2:
        raise WeightsError(f"{path} is not a head: it holds {', '.join(sorted(file.tensors)) or 'nothing'}")
    num_classes, num_features = file.tensors["weight"].shape
    if file.tensors["bias"].shape != (num_classes,) or len(description["classes"]) != num_classes:
        raise WeightsError(
            f"{path} does not agree with itself: weights for {num_classes} classes, "
            f"{file.tensors['bias'].numel()} biases, {len(description['classes'])} names of classes"
        )
    classifier = nn.Linear(num_features, num_classes, device="meta").to_empty(device="cpu")
    classifier.load_state_dict(file.tensors)
    return Head(
        classifier,
        tuple(description["classes"]),
        Preprocessing.from_dict(description["preprocessing"]),
        description["backbone_fingerprint"],
        description["architecture"],
        description["weights"],
    )


def attach(network: DenseNet, head: Head) -> DenseNet:
    """Give a network the head's classifier, classes and preprocessing; its features stay as they are.

    Returns:
        The same network, which now classifies the head's classes.

    Raises:
        FingerprintError: the head was trained on the embeddings of another network.
        WeightsError: the head takes another number of features.
    """
    found = fingerprint(network.features)
    if found != head.backbone_fingerprint:
        raise FingerprintError(
            f"this head was trained on another network: on {head.architecture} with the weights "
            f"'{head.weights}', fingerprint {head.backbone_fingerprint}; this one is "
            f"{network.weights.architecture} with '{network.weights.name}', fingerprint {found}. "
            "Build the network that it was trained on, or train a head for this one"
        )
    if head.classifier.in_features != network.num_features:
        raise WeightsError(
            f"the head takes {head.classifier.in_features} features, the network gives {network.num_features}"
        )
    network.reset_classifier(len(head.classes))
    network.classifier.load_state_dict(head.classifier.state_dict())
    network.preprocessing = head.preprocessing
    network.weights = replace(network.weights, classes=head.classes)
    return network


def _read_description(path: Path, metadata: dict[str, str]) -> dict[str, Any]:
    try:
        description = json.loads(metadata["densekit"])
        found = description["format"]
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(f"{path} is not a head that densekit wrote") from error
    if found != _FORMAT:
        raise WeightsError(f"the head {path} is a '{found}': expected a '{_FORMAT}'")
    missing = [key for key in _KINDS if key not in description]
    if missing:
        raise WeightsError(f"the head {path} lacks {', '.join(missing)}")
    for key, (kind, words) in _KINDS.items():
        value = description[key]
        names_only = kind is not list or all(isinstance(item, str) for item in value)
        if not (isinstance(value, kind) and names_only):
            raise WeightsError(f"the head {path}: '{key}' is {value!r}: expected {words}")
    return description
