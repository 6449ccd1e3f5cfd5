"""What a training leaves: one file that a classifier is made from again.

A head-only run leaves a head, a few tens of kB: weight and bias. It fits one backbone and refuses every other,
which it knows by the fingerprint of the frozen part; many heads can be attached to one backbone in turn. A run
that trained more leaves the whole network. Both are files of one format with classes, preprocessing, cut, and a
checksum.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from densekit.data.transforms import Preprocessing
from densekit.errors import ConfigError, FingerprintError, WeightsError, nearest, one_line
from densekit.features.extractor import frozen_fingerprint
from densekit.model.architectures import DenseNetConfig
from densekit.model.cut import CLASSIFIER, check_cut
from densekit.model.densenet import DenseNet
from densekit.model.weights import seeded
from densekit.model.weights_info import WeightsInfo
from densekit.model.zoo import float32_on_cpu
from densekit.tensor_files import UnreadableError, read_tensors, write_tensors

_FORMAT = "densekit classifier 1"
_KINDS: dict[str, tuple[type, str]] = {
    "classes": (list, "a list of names"),
    "preprocessing": (dict, "an object"),
    "cut": (str, "a text"),
    "backbone_fingerprint": (str, "a text"),
    "architecture": (str, "a text"),
    "shape": (dict, "an object"),
    "weights": (str, "a text"),
}


@dataclass(frozen=True, eq=False)
class Artefact:
    """A trained classifier, or the part of one that was trained.

    Args:
        tensors: a head's `weight`, (classes, num_features), and `bias`; or the state dict of a whole network.
        classes: what its outputs mean, in order.
        preprocessing: what its pictures went through.
        cut: where training began (`densekit.model.cut`).
        backbone_fingerprint: `frozen_fingerprint` of what stood before the cut; empty for `all`.
        architecture: the network's, such as 'densenet121'.
        shape: the numbers of that architecture.
        weights: those it began with, such as 'embedded'.
    """

    tensors: dict[str, Tensor]
    classes: tuple[str, ...]
    preprocessing: Preprocessing
    cut: str
    backbone_fingerprint: str
    architecture: str
    shape: DenseNetConfig
    weights: str

    @classmethod
    def of(
        cls, network: DenseNet, classes: Sequence[str], cut: str, fingerprint: str | None = None
    ) -> "Artefact":
        """Take what was trained out of a network.

        Args:
            network: it is in float32; the tensors are shared with it.
            classes: one name for each output.
            cut: where training began.
            fingerprint: of the frozen part, if it is known already.

        Raises:
            WeightsError: another number of classes than outputs, or a classifier without a bias.
        """
        head = network.classifier
        if not isinstance(head, nn.Linear) or head.bias is None or head.out_features != len(classes):
            raise WeightsError(
                f"expected a classifier with a bias and {len(classes)} outputs, one for each class: found {head}"
            )
        whole = head if cut == CLASSIFIER else network
        return cls(
            dict(whole.state_dict()),
            tuple(classes),
            network.preprocessing,
            cut,
            frozen_fingerprint(network, cut) if fingerprint is None else fingerprint,
            network.weights.architecture,
            network.config,
            network.weights.name,
        )

    def save(self, path: Path) -> None:
        """Write it to a .safetensors file, which appears complete or not at all."""
        description = {
            "classes": list(self.classes),
            "preprocessing": self.preprocessing.to_dict(),
            "cut": self.cut,
            "backbone_fingerprint": self.backbone_fingerprint,
            "architecture": self.architecture,
            "shape": asdict(self.shape),
            "weights": self.weights,
        }
        write_tensors(path, _FORMAT, self.tensors, description)


def load_artefact(path: Path | str) -> Artefact:
    """Read what `Artefact.save` wrote.

    Raises:
        WeightsError: there is no such file, it is damaged, or it is something else.
    """
    path = Path(path)
    try:
        tensors, values = read_tensors(path, _FORMAT)
    except FileNotFoundError as error:
        siblings = [other.name for other in path.parent.glob("*.safetensors")] if path.parent.is_dir() else []
        hint = nearest(path.name, siblings) if siblings else "put it back, or train again"
        raise WeightsError(f"there is no classifier {path}: {hint}") from error
    except UnreadableError as error:
        raise WeightsError(
            f"the classifier {path} is of no use: {error}. Put an intact copy back, or train again"
        ) from error
    _check(path, values)
    try:
        shape = DenseNetConfig(**values["shape"])
        check_cut(shape, values["cut"])
        preprocessing = Preprocessing.from_dict(values["preprocessing"])
    except (ConfigError, WeightsError, TypeError) as error:
        raise WeightsError(f"the classifier {path} can't be read: {error}") from error
    classes = tuple(values["classes"])
    cut, backbone, architecture, weights = (
        values[key] for key in ("cut", "backbone_fingerprint", "architecture", "weights")
    )
    artefact = Artefact(tensors, classes, preprocessing, cut, backbone, architecture, shape, weights)
    _check_tensors(path, artefact)
    return artefact


def attach(network: DenseNet, head: Artefact, fingerprint: str | None = None) -> DenseNet:
    """Give a network a head's classifier, classes and preprocessing; its features stay as they are.

    Args:
        network: the one that the head was trained on.
        head: with the cut `classifier`.
        fingerprint: of the network's features, if it is known already.

    Returns:
        The same network, which now classifies the head's classes.

    Raises:
        FingerprintError: the head was trained on the embeddings of another network.
        WeightsError: it is a whole network and no head.
    """
    if head.cut != CLASSIFIER:
        raise WeightsError(f"this is a whole network, trained from {head.cut}, and no head: use it as it is")
    found = frozen_fingerprint(network, CLASSIFIER) if fingerprint is None else fingerprint
    if found != head.backbone_fingerprint:
        raise FingerprintError(
            f"this head was trained on another network: on {head.architecture} with the weights "
            f"'{head.weights}', fingerprint {head.backbone_fingerprint}; this one is "
            f"{network.weights.architecture} with '{network.weights.name}', fingerprint {found}. "
            f"{_remedy(head.shape, network.config)}"
        )
    with seeded(0):  # the first weights are replaced at once
        network.reset_classifier(len(head.classes))
    network.classifier.load_state_dict(head.tensors)
    network.preprocessing = head.preprocessing
    network.weights = replace(network.weights, classes=head.classes)
    return network


def _remedy(was: DenseNetConfig, is_now: DenseNetConfig) -> str:
    """Say what to do about another network; where its file was changed, what it said at the training."""
    values = asdict(was)
    changed = [
        f"{key} is {now}, and was {values[key]}" for key, now in asdict(is_now).items() if now != values[key]
    ]
    if changed:
        told = "; ".join(changed)
        return f"Its numbers are others now: {told}. Put them back, or train a head for this network"
    return "Build the network that it was trained on, or train a head for this one"


def whole_network(model: Artefact) -> DenseNet:
    """Build the network that a run which trained more than a head has left; nothing else is needed for it.

    Raises:
        WeightsError: it is a head, which needs a backbone, or its tensors are not those of its network.
    """
    if model.cut == CLASSIFIER:
        raise WeightsError("this is a head: attach it to the network that it was trained on")
    with float32_on_cpu(), seeded(0):  # as it was trained, and the first weights are replaced at once
        network = DenseNet(model.shape, len(model.classes))
    try:
        network.load_state_dict(model.tensors)
    except RuntimeError as error:
        raise WeightsError(
            f"the weights don't fit the network that they should be of: {one_line(error)}"
        ) from error
    network.preprocessing = model.preprocessing
    told = f"trained from {model.cut}, beginning with '{model.weights}'"
    network.weights = WeightsInfo(
        model.weights, model.architecture, model.classes, model.preprocessing, told, ""
    )
    return network


def _check(path: Path, values: dict[str, Any]) -> None:
    missing = [key for key in _KINDS if key not in values]
    if missing:
        raise WeightsError(f"the classifier {path} lacks {', '.join(missing)}")
    for key, (kind, words) in _KINDS.items():
        value = values[key]
        names_only = kind is not list or all(isinstance(item, str) for item in value)
        if not (isinstance(value, kind) and names_only):
            raise WeightsError(f"the classifier {path}: '{key}' is {value!r}: expected {words}")


def _check_tensors(path: Path, artefact: Artefact) -> None:
    """Refuse a file that does not agree with itself."""
    with_classifier = "" if artefact.cut == CLASSIFIER else "classifier."
    classes, features = len(artefact.classes), artefact.shape.num_features
    expected = {f"{with_classifier}weight": (classes, features), f"{with_classifier}bias": (classes,)}
    found = {name: tuple(artefact.tensors[name].shape) for name in expected if name in artefact.tensors}
    if found != expected:
        raise WeightsError(
            f"{path} does not agree with itself: for {classes} classes and {features} features {expected} is "
            f"expected, found {found or 'nothing of the kind'}"
        )
