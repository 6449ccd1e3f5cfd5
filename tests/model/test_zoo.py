"""The four DenseNets in one call: weights, classifier, what they say of themselves."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from densekit.errors import ConfigError, WeightsError
from densekit.model import zoo
from densekit.model.architectures import ARCHITECTURES, read_architecture
from densekit.model.densenet import DenseNet
from densekit.model.weights import fingerprint, load_weights, save_weights
from densekit.model.zoo import build, densenet121, densenet161, densenet169, densenet201

IMAGES = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def logits(network: DenseNet) -> Tensor:
    with torch.inference_mode():
        return network.eval()(IMAGES)


def test_the_default_is_embedded_weights_without_a_classifier() -> None:
    network = densenet121()
    assert logits(network).shape == (2, 1024)
    assert network.weights == load_weights("embedded").info
    assert network.preprocessing == network.weights.preprocessing


def test_embedded_features_are_those_of_the_file() -> None:
    expected = load_weights("embedded").state_dict
    state = densenet121(num_classes=3).state_dict()
    assert all(torch.equal(state[key], value) for key, value in expected.items())
    assert set(state) - set(expected) == {"classifier.weight", "classifier.bias"}


def test_a_network_is_float32_on_the_cpu_whatever_torch_makes_by_default(tiny_json: str) -> None:
    expected = build(tiny_json, "none", num_classes=3).state_dict()
    torch.set_default_dtype(torch.float64)
    try:
        with torch.device("meta"):
            state = build(tiny_json, "none", num_classes=3).state_dict()
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
    assert all(torch.equal(state[key], value) for key, value in expected.items())
    assert {value.dtype for value in state.values()} == {torch.float32, torch.int64}


def test_embedded_features_vary_between_pictures() -> None:
    embeddings = logits(densenet121())
    assert embeddings.isfinite().all()
    assert embeddings.std(dim=0).mean() > 0.001


def test_classes_give_a_fresh_classifier() -> None:
    network = densenet121(num_classes=5)
    assert logits(network).shape == (2, 5)
    assert network.weights.classes is None
    assert network.weights.name == "embedded"


def test_without_weights_the_network_has_the_papers_1000_outputs(tiny_json: str) -> None:
    assert logits(build(tiny_json, "none")).shape == (2, 1000)
    assert logits(build(tiny_json, "none", num_classes=0)).shape == (2, 14)


SISTERS = [(densenet161, 2208), (densenet169, 1664), (densenet201, 1920)]


@pytest.mark.parametrize(("make", "features"), SISTERS)
def test_the_sisters_are_built_under_their_names(
    make: object, features: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zoo, "build", lambda *arguments: arguments)  # which takes long for a large one
    asked = make("none", 2, 0.1, True)  # type: ignore[operator]
    assert asked == (make.__name__, "none", 2, 0.1, True)  # type: ignore[attr-defined]
    with torch.device("meta"):  # shapes only, no memory
        network = DenseNet(read_architecture(asked[0]), 2)
    assert network.num_features == features
    assert network.eval()(IMAGES.to("meta")).shape == (2, 2)


@pytest.mark.slow
@pytest.mark.parametrize(("make", "features"), SISTERS)
def test_the_sisters(make: object, features: int) -> None:
    network = make("none", num_classes=2)  # type: ignore[operator]
    assert network.num_features == features
    assert logits(network).shape == (2, 2)
    assert network.weights.architecture == make.__name__  # type: ignore[attr-defined]


def test_the_same_call_gives_the_same_network(tiny_json: str) -> None:
    for options in ({"num_classes": 4}, {"architecture": tiny_json, "weights": "none"}):
        torch.manual_seed(1)
        first = build(**options)
        torch.manual_seed(2)
        assert fingerprint(build(**options)) == fingerprint(first)


def test_the_seed_changes_what_is_random_and_nothing_else(tiny_json: str) -> None:
    first, second = (build(num_classes=4, seed=seed) for seed in (0, 1))
    assert fingerprint(first.features) == fingerprint(second.features)
    assert fingerprint(first.classifier) != fingerprint(second.classifier)
    first, second = (build(tiny_json, "none", seed=seed) for seed in (0, 1))
    assert fingerprint(first.features) != fingerprint(second.features)


def test_a_fresh_classifier_is_the_same_whatever_the_weights() -> None:
    first, second = (build(weights=name, num_classes=4) for name in ("embedded", "none"))
    assert fingerprint(first.classifier) == fingerprint(second.classifier)


def test_building_leaves_the_random_state_alone(tiny_json: str) -> None:
    before = torch.get_rng_state()
    densenet121(num_classes=3)
    build(tiny_json, "none")
    assert torch.equal(torch.get_rng_state(), before)


def test_options_reach_the_network(tiny_json: str) -> None:
    network = build(tiny_json, "none", drop_rate=0.2, memory_efficient=True)
    layer = network.features.denseblock1.denselayer1
    assert (layer.drop_rate, layer.memory_efficient) == (0.2, True)
    assert network.training


@pytest.fixture
def three_classes(tmp_path: Path, tiny_json: str) -> Path:
    path = tmp_path / "mine.safetensors"
    save_weights(path, build(tiny_json, "none", num_classes=3, seed=7), ("ant", "bee", "cat"))
    return path


@pytest.mark.parametrize("num_classes", [None, 3])
def test_the_classifier_in_a_file_is_taken(
    three_classes: Path, tiny_json: str, num_classes: int | None
) -> None:
    network = build(tiny_json, three_classes, num_classes)
    expected = build(tiny_json, "none", num_classes=3, seed=7)
    assert torch.equal(logits(network), logits(expected))
    assert network.weights.classes == ("ant", "bee", "cat")


@pytest.mark.parametrize("num_classes", [0, 2, 4])
def test_another_number_of_classes_replaces_it(three_classes: Path, tiny_json: str, num_classes: int) -> None:
    network = build(tiny_json, str(three_classes), num_classes)
    assert network.num_classes == num_classes
    assert network.weights.classes is None
    assert fingerprint(network.features) == fingerprint(build(tiny_json, "none", seed=7).features)


@pytest.mark.slow
def test_a_pth_file_of_torchvisions_network_loads(tmp_path: Path) -> None:
    from densekit.vision import torchvision

    theirs = torchvision.models.densenet121(num_classes=6)
    torch.save(theirs.state_dict(), tmp_path / "theirs.pth")
    network = densenet121(str(tmp_path / "theirs.pth"))
    assert torch.equal(logits(network), logits(theirs))


@pytest.mark.parametrize("architecture", [name for name in ARCHITECTURES if name != "densenet121"])
def test_embedded_weights_for_a_sister_are_refused(architecture: str) -> None:
    with pytest.raises(WeightsError, match="densenet121 alone"):
        build(architecture, "embedded")


def test_an_impossible_value_is_refused() -> None:
    with pytest.raises(ConfigError, match="num_classes is -1"):
        densenet121(num_classes=-1)
    with pytest.raises(ConfigError, match="drop_rate is 1"):
        densenet121(drop_rate=1)
