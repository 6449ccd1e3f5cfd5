"""What a training leaves: heads that fit one backbone, and whole networks; and no file that is damaged."""

from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import nn

from densekit.errors import FingerprintError, WeightsError
from densekit.features.extractor import frozen_fingerprint
from densekit.model.densenet import DenseNet
from densekit.model.weights import fingerprint
from densekit.model.zoo import build, densenet121
from densekit.run.artefact import Artefact, attach, load_artefact, whole_network
from densekit.tensor_files import read_tensors, write_tensors

FORMAT = "densekit classifier 1"
CLASSES = ("ant", "bee", "꿀벌 🐝")
IMAGES = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def saved(path: Path, network: DenseNet, classes: tuple[str, ...] = CLASSES, cut: str = "classifier") -> Path:
    Artefact.of(network, classes, cut).save(path)
    return path


@pytest.fixture
def trained(tiny_json: str) -> DenseNet:
    network = build(tiny_json, "none", num_classes=3, seed=0).eval()
    nn.init.normal_(network.classifier.bias)
    network.preprocessing = network.preprocessing.with_size(64)
    return network


def test_a_head_comes_back_as_it_was_saved(tmp_path: Path, trained: DenseNet, tiny_json: str) -> None:
    head = load_artefact(saved(tmp_path / "head.safetensors", trained))
    assert torch.equal(head.tensors["weight"], trained.classifier.weight)
    assert torch.equal(head.tensors["bias"], trained.classifier.bias)
    assert head.classes == CLASSES
    assert head.preprocessing == trained.preprocessing
    assert head.backbone_fingerprint == frozen_fingerprint(trained, "classifier")
    assert (head.architecture, head.weights) == (tiny_json, "none")


def test_an_attached_head_gives_the_logits_it_was_trained_for(
    tmp_path: Path, trained: DenseNet, tiny_json: str
) -> None:
    head = load_artefact(saved(tmp_path / "head.safetensors", trained))
    network = build(tiny_json, "none", num_classes=10).eval()
    assert attach(network, head) is network
    assert torch.equal(network(IMAGES), trained(IMAGES))
    assert network.num_classes == 3
    assert network.weights.classes == CLASSES
    assert network.preprocessing == head.preprocessing


def test_the_network_and_the_head_do_not_share_memory(
    tmp_path: Path, trained: DenseNet, tiny_json: str
) -> None:
    head = load_artefact(saved(tmp_path / "head.safetensors", trained))
    network = attach(build(tiny_json, "none", num_classes=0), head)
    with torch.no_grad():
        network.classifier.weight.zero_()
    assert torch.equal(head.tensors["weight"], trained.classifier.weight)


def test_a_head_of_densenet121_is_a_few_tens_of_kilobytes(tmp_path: Path) -> None:
    network = densenet121("none", num_classes=8)
    path = saved(tmp_path / "head.safetensors", network, tuple("abcdefgh"))
    assert path.stat().st_size < 40_000


def test_another_backbone_is_refused_with_both_fingerprints(
    tmp_path: Path, trained: DenseNet, tiny_json: str
) -> None:
    head = load_artefact(saved(tmp_path / "head.safetensors", trained))
    other = build(tiny_json, "none", num_classes=3, seed=1)
    before = fingerprint(other)
    with pytest.raises(FingerprintError) as caught:
        attach(other, head)
    assert frozen_fingerprint(trained, "classifier") in str(caught.value)
    assert frozen_fingerprint(other, "classifier") in str(caught.value)
    assert fingerprint(other) == before


def test_a_backbone_that_was_trained_a_little_is_another_backbone(
    tmp_path: Path, trained: DenseNet, tiny_json: str
) -> None:
    head = load_artefact(saved(tmp_path / "head.safetensors", trained))
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
    with pytest.raises(WeightsError, match=r"2 outputs, one for each class: found Linear.*out_features=3"):
        saved(path, trained, ("ant", "bee"))
    assert path.read_bytes() == before
    assert [other.name for other in tmp_path.glob("*head*")] == ["head.safetensors"]


def test_a_classifier_without_a_bias_is_refused(tmp_path: Path, trained: DenseNet) -> None:
    trained.classifier = nn.Linear(trained.num_features, 3, bias=False)
    with pytest.raises(WeightsError, match="expected a classifier with a bias"):
        saved(tmp_path / "head.safetensors", trained)


def rewritten(path: Path, **changes: object) -> Path:
    """Write the file again with parts of it changed, or left out where the change is None."""
    tensors, description = read_tensors(path, FORMAT)
    for key, value in changes.items():
        target = tensors if key in ("weight", "bias") else description
        target.pop(key, None)
        if value is not None:
            target[key] = value  # type: ignore[index, assignment]
    write_tensors(path, FORMAT, tensors, description)
    return path


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"classes": ["ant", "bee"]}, "does not agree with itself: for 2 classes and 14 features"),
        ({"classes": None}, "lacks classes"),
        ({"classes": "abc"}, "'classes' is 'abc': expected a list of names"),
        ({"backbone_fingerprint": None, "weights": None}, "lacks backbone_fingerprint, weights"),
        ({"backbone_fingerprint": 7}, "'backbone_fingerprint' is 7: expected a text"),
        ({"preprocessing": {"crop": 64}}, "can't be read"),
        ({"preprocessing": 64}, "'preprocessing' is 64: expected an object"),
        ({"cut": "denseblock9"}, "has no cut 'denseblock9'"),
        ({"shape": {"depth": 3}}, "can't be read"),
        ({"bias": None}, "does not agree with itself"),
        ({"bias": torch.zeros(2)}, "does not agree with itself"),
        ({"weight": torch.zeros(3)}, "does not agree with itself"),
    ],
)
def test_a_file_that_was_tampered_with_is_refused(
    tmp_path: Path, trained: DenseNet, changes: dict[str, object], complaint: str
) -> None:
    path = rewritten(saved(tmp_path / "head.safetensors", trained), **changes)
    with pytest.raises(WeightsError, match=complaint):
        load_artefact(path)


@pytest.mark.parametrize("cut", ["classifier", "denseblock2"])
def test_one_byte_that_changed_is_noticed_wherever_it_is(tmp_path: Path, trained: DenseNet, cut: str) -> None:
    path = saved(tmp_path / "a.safetensors", trained, cut=cut)
    intact = path.read_bytes()
    length = int.from_bytes(intact[:8], "little")
    last_text = intact.index(b"densekit classifier") + 30
    for place in (0, 8, 20, last_text, 8 + length, 8 + length + 5, len(intact) - 1):
        damaged = bytearray(intact)
        damaged[place] ^= 1
        path.write_bytes(damaged)
        with pytest.raises(WeightsError, match=r"a.safetensors is of no use: .*Put an intact copy back"):
            load_artefact(path)


def test_weights_are_not_a_classifier(tmp_path: Path, trained: DenseNet) -> None:
    safetensors.torch.save_file(trained.state_dict(), tmp_path / "model.safetensors")
    with pytest.raises(WeightsError, match="is of no use: it is something else, not a 'densekit classifier"):
        load_artefact(tmp_path / "model.safetensors")


def test_a_missing_file_is_refused_with_the_nearest(tmp_path: Path, trained: DenseNet) -> None:
    saved(tmp_path / "flowers.safetensors", trained)
    with pytest.raises(WeightsError, match=r"did you mean 'flowers\.safetensors'\?"):
        load_artefact(tmp_path / "flower.safetensors")


class TestWholeNetwork:
    def test_it_comes_back_from_its_file_alone(self, tmp_path: Path, trained: DenseNet) -> None:
        path = saved(tmp_path / "model.safetensors", trained, cut="denseblock1")
        (tmp_path / "tiny.json").unlink()
        network = whole_network(load_artefact(path)).eval()
        assert torch.equal(network(IMAGES), trained(IMAGES))
        assert network.weights.classes == CLASSES
        assert network.preprocessing == trained.preprocessing

    def test_it_knows_its_frozen_part(self, tmp_path: Path, trained: DenseNet) -> None:
        artefact = load_artefact(saved(tmp_path / "model.safetensors", trained, cut="denseblock2"))
        assert artefact.backbone_fingerprint == frozen_fingerprint(whole_network(artefact), "denseblock2")
        assert load_artefact(saved(tmp_path / "a.safetensors", trained, cut="all")).backbone_fingerprint == ""

    def test_a_head_and_a_network_are_not_taken_for_each_other(
        self, tmp_path: Path, trained: DenseNet
    ) -> None:
        head = load_artefact(saved(tmp_path / "head.safetensors", trained))
        model = load_artefact(saved(tmp_path / "model.safetensors", trained, cut="all"))
        with pytest.raises(WeightsError, match="attach it to the network"):
            whole_network(head)
        with pytest.raises(WeightsError, match="a whole network, trained from all, and no head"):
            attach(trained, model)

    def test_one_that_lacks_a_weight_is_refused(self, tmp_path: Path, trained: DenseNet) -> None:
        path = saved(tmp_path / "model.safetensors", trained, cut="all")
        tensors, description = read_tensors(path, FORMAT)
        del tensors["features.norm5.weight"]
        write_tensors(path, FORMAT, tensors, description)
        with pytest.raises(WeightsError, match=r"don't fit the network .*norm5.weight"):
            whole_network(load_artefact(path))
