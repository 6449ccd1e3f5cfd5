"""Weights by one word: 'embedded', 'imagenet', 'none', or a file of your own.

    embedded   comes with densekit, works offline (DenseNet-121); see embedded/README.md     the default
    imagenet   torchvision's, fetched once and checked (all four DenseNets)
    none       random, but the same each time, until another seed is given
    a path     .safetensors, or .pth with a state dict

Weights bring the preprocessing that their features depend on, and what is known of their origin.
"""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from densekit.data.transforms import Preprocessing
from densekit.errors import FingerprintError, WeightsError, nearest
from densekit.files import expanded, is_file, is_folder, parse_json, read_json, write_atomically
from densekit.model.architectures import DenseNetConfig, read_architecture
from densekit.model.densenet import DenseNet
from densekit.model.downloads import fetch_imagenet, official_release
from densekit.model.state_dicts import SUFFIXES, check_fit, fingerprint, read_weights_file
from densekit.model.weights_info import IMAGENET, SMALL, WeightsInfo

__all__ = ["WEIGHTS", "Weights", "WeightsInfo", "fingerprint", "load_weights", "save_weights", "seeded"]

WEIGHTS: tuple[str, ...] = ("embedded", "imagenet", "none")
"""The weights that have a name; every other word is the path of a file."""

EMBEDDED = Path(__file__).parent / "embedded"


@dataclass(frozen=True, eq=False)
class Weights:
    """Tensors for a DenseNet, and what is known of them.

    Args:
        state_dict: float32 tensors by the network's names, with or without those of a classifier.
        info: their origin, classes and preprocessing.
    """

    state_dict: dict[str, Tensor]
    info: WeightsInfo

    @property
    def num_classes(self) -> int:
        """The outputs of the classifier that they bring; 0 if they bring none."""
        classifier = self.state_dict.get("classifier.weight")
        return 0 if classifier is None else len(classifier)


def load_weights(
    name_or_file: str | Path = "embedded", architecture: str = "densenet121", seed: int = 0
) -> Weights:
    """Load weights for an architecture.

    Args:
        name_or_file: 'embedded', 'imagenet', 'none', or the path of a .safetensors or .pth file.
        architecture: the DenseNet they are for, such as 'densenet121'.
        seed: of the random weights 'none'; equal seeds give equal weights.

    Raises:
        WeightsError: no such weights, a file that can't be read, or one that does not fit the architecture.
        DownloadError: 'imagenet' is not here yet and can't be fetched.
        FingerprintError: the embedded file is not the one that densekit came with.
        ConfigError: no such architecture.
    """
    config = read_architecture(architecture)
    if name_or_file == "embedded":
        return _embedded(architecture)
    if name_or_file == "imagenet":
        return _imagenet(architecture, config)
    if name_or_file == "none":
        return _random(architecture, config, seed)
    return _from_file(_file_named(name_or_file), architecture, config)


def save_weights(path: Path, network: DenseNet, classes: tuple[str, ...] | None) -> None:
    """Write a network's weights so that `load_weights(path)` brings back its classes and preprocessing too.

    Args:
        path: a .safetensors file; it appears complete or not at all.
        network: the network, on any device.
        classes: what its outputs mean, in order.
    """
    description = {
        "architecture": network.weights.architecture,
        "classes": classes,
        "preprocessing": network.preprocessing.to_dict(),
    }
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    with write_atomically(path) as file:
        file.write(safetensors.torch.save(state, {"densekit": json.dumps(description, ensure_ascii=False)}))


ONE_DRAWS = threading.RLock()
"""Held by who draws from torch's generator, which is everybody's: two threads may train at once."""


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw random numbers on the CPU from `seed`, and leave everybody else's as if nothing had been drawn."""
    with ONE_DRAWS, torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


def _embedded(architecture: str) -> Weights:
    description_file = EMBEDDED / f"{architecture}.json"
    if not description_file.is_file():
        raise WeightsError(
            f"the embedded weights are for densenet121 alone, not for '{architecture}': use "
            "architecture='densenet121', or weights='imagenet' or 'none'"
        )
    description = json.loads(description_file.read_text(encoding="utf-8"))
    path = EMBEDDED / description["file"]
    file = read_weights_file(path)
    if file.sha256 != description["sha256"]:
        raise FingerprintError(
            f"{path} is not the file that densekit came with: its SHA-256 is {file.sha256}, it should be "
            f"{description['sha256']}; install densekit again"
        )
    # Its classifier is of no use (embedded/README.md), and a useless one would be taken for a real one.
    features = {key: value for key, value in file.tensors.items() if key.startswith("features.")}
    preprocessing = Preprocessing.from_dict(description["preprocessing"])
    return Weights(
        features,
        WeightsInfo("embedded", architecture, None, preprocessing, description["source"], file.sha256),
    )


def _imagenet(architecture: str, config: DenseNetConfig) -> Weights:
    release = official_release(architecture)
    path = fetch_imagenet(architecture)
    file = read_weights_file(path)
    check_fit(file.tensors, config, architecture, path)
    return Weights(
        file.tensors,
        WeightsInfo(
            "imagenet", architecture, release.classes, release.preprocessing, release.url, file.sha256
        ),
    )


def _random(architecture: str, config: DenseNetConfig, seed: int) -> Weights:
    with seeded(seed):
        state = DenseNet(config, num_classes=0).state_dict()
    # The embedded weights' preprocessing: who compares the two changes the weights and nothing else.
    info = WeightsInfo("none", architecture, None, SMALL, f"random, seed {seed}", fingerprint(state))
    return Weights(dict(state), info)


def _from_file(path: Path, architecture: str, config: DenseNetConfig) -> Weights:
    file = read_weights_file(path)
    check_fit(file.tensors, config, architecture, path)
    classes, preprocessing = _description(path, file.metadata)
    outputs = len(file.tensors.get("classifier.weight", ()))
    if classes is not None and len(classes) != outputs:
        raise WeightsError(f"{path} names {len(classes)} classes, but its classifier has {outputs} outputs")
    source = "; ".join([f"the file {path.name}", *file.told])
    info = WeightsInfo(str(path), architecture, classes, preprocessing, source, file.sha256)
    return Weights(file.tensors, info)


def _file_named(name_or_file: str | Path) -> Path:
    path = expanded(name_or_file)
    looks_like_a_file = path.suffix in SUFFIXES or len(path.parts) > 1 or is_file(path) or is_folder(path)
    if isinstance(name_or_file, str) and not looks_like_a_file:
        raise WeightsError(
            f"neither weights nor a file (.safetensors, .pth) are called '{name_or_file}': "
            f"{nearest(name_or_file, WEIGHTS)}"
        )
    return path


def _description(path: Path, metadata: Mapping[str, str]) -> tuple[tuple[str, ...] | None, Preprocessing]:
    """Read classes and preprocessing from the .json file beside the weights, else from their metadata."""
    beside = path.with_suffix(".json")
    where = str(beside) if beside.is_file() else f"the metadata of {path}"
    try:
        values: Any = read_json(beside) if beside.is_file() else _described(metadata)
    except ValueError as error:
        raise WeightsError(f"{where} can't be read as JSON: {error}") from error
    if not isinstance(values, dict):
        raise WeightsError(f"{where} holds a {type(values).__name__}: expected a JSON object")
    classes, preprocessing = values.get("classes"), values.get("preprocessing")
    if not (classes is None or _is_list_of_texts(classes)):
        raise WeightsError(f"{where}: 'classes' is {classes!r}: expected a list of names, or null")
    if not (preprocessing is None or isinstance(preprocessing, dict)):
        raise WeightsError(f"{where}: 'preprocessing' is {preprocessing!r}: expected an object, or null")
    try:
        read = IMAGENET if preprocessing is None else Preprocessing.from_dict(preprocessing)
    except WeightsError as error:
        raise WeightsError(f"{where}: {error}") from error
    return None if classes is None else tuple(classes), read


def _described(metadata: Mapping[str, str]) -> Any:
    """Read what a file of densekit's own says of itself: weights directly, a run's network one level deeper."""
    values = parse_json(metadata.get("densekit", "{}"))
    within = values.get("description") if isinstance(values, dict) else None
    return parse_json(within) if isinstance(within, str) else values


def _is_list_of_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
