"""Heads: small files that fit one backbone and refuse every other."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import nn

from densekit.errors import FingerprintError, WeightsError
from densekit.model.densenet import DenseNet
from densekit.model.heads import attach, load_head, save_head
from densekit.model.weights import fingerprint
from densekit.model.zoo import build, densenet121

CLASSES = ("ant", "bee", "꿀벌 🐝")
IMAGES = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def saved(path: Path, network: DenseNet, classes: tuple[str, ...] = CLASSES) -> Path:
    save_head(
        path,
        network.classifier,
        classes,
        network.preprocessing,
        fingerprint(network.features),
        network.weights.architecture,
        network.weights.name,
    )
    return path


@pytest.fixture
def trained(tiny_json: str) -> DenseNet:
    network = build(tiny_json, "none", num_classes=3, seed=0).eval()
    nn.init.normal_(network.classifier.bias)
    network.preprocessing = network.preprocessing.with_size(64)
    return network


def test_a_head_comes_back_as_it_was_saved(tmp_path: Path, trained: DenseNet, tiny_json: str) -> None:
    head = load_head(saved(tmp_path / "head.safetensors", trained))
    assert torch.equal(head.classifier.weight, trained.classifier.weight)
    assert torch.equal(head.classifier.bias, trained.classifier.bias)
    assert head.classes == CLASSES
    assert head.preprocessing == trained.preprocessing
    assert head.backbone_fingerprint == fingerprint(trained.features)
    assert (head.architecture, head.weights) == (tiny_json, "none")


def test_an_attached_head_gives_the_logits_it_was_trained_for(
    tmp_path: Path, trained: DenseNet, tiny_json: str
) -> None:
    head = load_head(saved(tmp_path / "head.safetensors", trained))
    network = build(tiny_json, "none", num_classes=10).eval()
    assert attach(network, head) is network
    assert torch.equal(network(IMAGES), trained(IMAGES))
    assert network.num_classes == 3
    assert network.weights.classes == CLASSES
    assert network.preprocessing == head.preprocessing


def test_the_network_and_the_head_do_not_share_memory(
    tmp_path: Path, trained: DenseNet, tiny_json: str
) -> None:
    head = load_head(saved(tmp_path / "head.safetensors", trained))
    network = attach(build(tiny_json, "none", num_classes=0), head)
    with torch.no_grad():
        network.classifier.weight.zero_()
    assert torch.equal(head.classifier.weight, trained.classifier.weight)


def test_a_head_of_densenet121_is_a_few_tens_of_kilobytes(tmp_path: Path) -> None:
    network = densenet121("none", num_classes=8)
    path = saved(tmp_path / "head.safetensors", network, tuple("abcdefgh"))
    assert path.stat().st_size < 40_000


def test_another_backbone_is_refused_with_both_fingerprints(
    tmp_path: Path, trained: DenseNet, tiny_json: str
) -> None:
    head = load_head(saved(tmp_path / "head.safetensors", trained))
    other = build(tiny_json, "none", num_classes=3, seed=1)
    before = fingerprint(other)
    with pytest.raises(FingerprintError) as caught:
        attach(other, head)
    assert fingerprint(trained.features) in str(caught.value)
    assert fingerprint(other.features) in str(caught.value)
    assert fingerprint(other) == before


def test_a_backbone_that_was_trained_a_little_is_another_backbone(
    tmp_path: Path, trained: DenseNet, tiny_json: str
) -> None:
    head = load_head(saved(tmp_path / "head.safetensors", trained))
    drifted = build(tiny_json, "none", num_classes=3)
    drifted.train()(IMAGES)  # no optimiser step: BatchNorm's statistics alone have moved
    with pytest.raises(FingerprintError):
        attach(drifted, head)


def test_saving_twice_gives_the_same_bytes(tmp_path: Path, trained: DenseNet) -> None:
    first = saved(tmp_path / "a.safetensors", trained).read_bytes()
    assert saved(tmp_path / "b.safetensors", trained).read_bytes() == first


def test_a_failed_save_keeps_the_earlier_head(tmp_path: Path, trained: DenseNet) -> None:
    path = saved(tmp_path / "head.safetensors", trained)
    before = path.read_bytes()
    with pytest.raises(WeightsError, match="3 outputs, 2 classes"):
        saved(path, trained, ("ant", "bee"))
    assert path.read_bytes() == before
    assert [other.name for other in tmp_path.glob("*head*")] == ["head.safetensors"]


def test_a_classifier_without_a_bias_is_refused(tmp_path: Path, trained: DenseNet) -> None:
    trained.classifier = nn.Linear(trained.num_features, 3, bias=False)
    with pytest.raises(WeightsError, match="and no bias"):
        saved(tmp_path / "head.safetensors", trained)


def rewritten(path: Path, **changes: object) -> Path:
    """Write the head again with parts of it changed, or left out where the change is None."""
    tensors = dict(safetensors.torch.load_file(path))
    with safetensors.safe_open(path, "pt") as file:
        description = json.loads(file.metadata()["densekit"])
    for key, value in changes.items():
        target = tensors if key in ("weight", "bias", "extra") else description
        target.pop(key, None)
        if value is not None:
            target[key] = value
    safetensors.torch.save_file(tensors, path, {"densekit": json.dumps(description)})
    return path


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"format": "densekit head 9"}, "is a 'densekit head 9': expected a 'densekit head 1'"),
        ({"format": None}, "not a head that densekit wrote"),
        ({"classes": ["ant", "bee"]}, "does not agree with itself: .* 3 classes, 3 biases, 2 names"),
        ({"classes": None}, "lacks classes"),
        ({"classes": "abc"}, "'classes' is 'abc': expected a list of names"),
        ({"backbone_fingerprint": None, "weights": None}, "lacks backbone_fingerprint, weights"),
        ({"backbone_fingerprint": 7}, "'backbone_fingerprint' is 7: expected a text"),
        ({"preprocessing": {"crop": 64}}, "can't be read"),
        ({"preprocessing": 64}, "'preprocessing' is 64: expected an object"),
        ({"bias": None}, "is not a head: it holds weight"),
        ({"bias": torch.zeros(2)}, "does not agree with itself"),
        ({"weight": torch.zeros(3)}, "is not a head"),
        ({"extra": torch.zeros(3)}, "is not a head: it holds bias, extra, weight"),
    ],
)
def test_a_head_that_was_tampered_with_is_refused(
    tmp_path: Path, trained: DenseNet, changes: dict[str, object], complaint: str
) -> None:
    path = rewritten(saved(tmp_path / "head.safetensors", trained), **changes)
    with pytest.raises(WeightsError, match=complaint):
        load_head(path)


def test_weights_are_not_a_head(tmp_path: Path, trained: DenseNet) -> None:
    safetensors.torch.save_file(trained.state_dict(), tmp_path / "model.safetensors")
    with pytest.raises(WeightsError, match="is not a head that densekit wrote"):
        load_head(tmp_path / "model.safetensors")


def test_a_missing_head_is_refused_with_the_nearest(tmp_path: Path, trained: DenseNet) -> None:
    saved(tmp_path / "flowers.safetensors", trained)
    with pytest.raises(WeightsError, match=r"did you mean 'flowers\.safetensors'\?"):
        load_head(tmp_path / "flower.safetensors")


def test_a_truncated_head_is_refused(tmp_path: Path, trained: DenseNet) -> None:
    path = saved(tmp_path / "head.safetensors", trained)
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(WeightsError, match="is damaged"):
        load_head(path)


def test_a_head_with_other_features_is_refused(tmp_path: Path, trained: DenseNet, tiny_json: str) -> None:
    head = load_head(saved(tmp_path / "head.safetensors", trained))
    wider = replace(head, classifier=nn.Linear(5, 3))
    with pytest.raises(WeightsError, match="takes 5 features, the network gives 14"):
        attach(build(tiny_json, "none"), wider)
