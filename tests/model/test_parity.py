"""Parity: the real networks agree to the last bit, and every planted mistake is found where it was planted."""

import copy
import json
from collections.abc import Callable
from types import MethodType
from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from densekit.errors import DataError, WeightsError
from densekit.model.architectures import ARCHITECTURES, DenseNetConfig, read_architecture
from densekit.model.densenet import DenseBlock, DenseLayer, DenseNet, Transition
from densekit.model.proof.parity import compare, compare_networks, randomise
from densekit.model.proof.parity_report import ParityReport
from densekit.model.proof.tracing import named_modules, run_traced
from densekit.vision import torchvision

CONFIG = DenseNetConfig(growth_rate=8, block_config=(3, 4, 2), num_init_features=16)
BLOCK = "features.denseblock2"
LAYER = f"{BLOCK}.denselayer3"
TRANSITION = "features.transition1"
IMAGES = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.fixture(scope="module")
def reference() -> nn.Module:
    network = torchvision.models.DenseNet(8, (3, 4, 2), 16, num_classes=6).double()
    randomise(network, torch.Generator().manual_seed(0))
    return network


@pytest.fixture
def ours(reference: nn.Module) -> DenseNet:
    network = DenseNet(CONFIG, num_classes=6).double()
    network.load_state_dict(reference.state_dict())
    return network


def compared(ours: nn.Module, reference: nn.Module) -> ParityReport:
    report = compare_networks(ours, reference, IMAGES)
    json.dumps(report.to_dict(), allow_nan=False)
    return report


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.slow
def test_every_module_of_every_variant_agrees_with_torchvisions(architecture: str) -> None:
    report = compare(architecture, image_size=32)
    assert report.agree, str(report)
    modules = named_modules(torchvision.models.get_model(architecture, weights=None))
    for mode in ("eval", "train"):
        assert {row.name for row in report.select(mode, "output")} == set(modules)
        assert max(row.difference for row in report.select(mode)) < 1e-12
    gradients = {row.name for row in report.select("train", "gradient")}
    assert len(gradients) == 1 + sum(
        1 for module in modules.values() for _ in module.parameters(recurse=False)
    )
    assert len(report.select("train", "statistic")) == 3 * sum(
        isinstance(module, nn.BatchNorm2d) for module in modules.values()
    )


def test_randomised_networks_hide_nothing() -> None:
    network = DenseNet(read_architecture("densenet121")).double().eval()
    randomise(network, torch.Generator().manual_seed(0))
    for event, tensor in run_traced(network, IMAGES, named_modules(network)).trace.items():
        assert 0.1 < tensor.square().mean().sqrt() < 10, event
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    gains = torch.cat([norm.weight for norm in norms])
    assert {int(sign) for sign in gains.sign()} == {-1, 0, 1}
    assert min(norm.bias.abs().max().item() for norm in norms) > 0.1
    assert all((norm.bias[norm.weight == 0] > 0).all() for norm in norms)  # else a ReLU would stop them all
    assert network.classifier.bias.abs().max() > 0.1


def test_an_architecture_that_torchvision_does_not_have_is_refused() -> None:
    with pytest.raises(WeightsError, match=r"no 'densenet264'.*'densenet121'"):
        compare("densenet264")


def test_the_memory_efficient_network_agrees_too(reference: nn.Module) -> None:
    efficient = DenseNet(CONFIG, num_classes=6, memory_efficient=True).double()
    efficient.load_state_dict(reference.state_dict())
    assert compared(efficient, reference).agree


def test_dropout_drops_the_same_in_both(reference: nn.Module) -> None:
    dropping = torchvision.models.DenseNet(8, (3, 4, 2), 16, num_classes=6, drop_rate=0.3).double()
    dropping.load_state_dict(reference.state_dict())
    ours = DenseNet(CONFIG, num_classes=6, drop_rate=0.3).double()
    ours.load_state_dict(reference.state_dict())
    assert compared(ours, dropping).agree


def test_the_networks_that_are_given_stay_as_they_are(ours: DenseNet, reference: nn.Module) -> None:
    before = copy.deepcopy(ours.state_dict())
    ours.eval()
    compared(ours, reference)
    assert not ours.training
    assert all(torch.equal(value, before[key]) for key, value in ours.state_dict().items())
    assert all(parameter.grad is None for parameter in ours.parameters())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in ours.modules())


def test_the_random_state_is_left_alone(ours: DenseNet, reference: nn.Module) -> None:
    before = torch.get_rng_state()
    compared(ours, reference)
    assert torch.equal(torch.get_rng_state(), before)


# Planted mistakes: what is changed in ours, and where the report must point.


def forward_of(name: str, forward: Callable[..., Tensor]) -> Callable[[DenseNet], None]:
    def plant(network: DenseNet) -> None:
        module = network.get_submodule(name)
        module.forward = MethodType(forward, module)  # type: ignore[method-assign]

    return plant


def replaced(name: str, module: nn.Module) -> Callable[[DenseNet], None]:
    return lambda network: network.set_submodule(name, module)


def changed(name: str, **attributes: object) -> Callable[[DenseNet], None]:
    def plant(network: DenseNet) -> None:
        for key, value in attributes.items():
            setattr(network.get_submodule(name), key, value)

    return plant


def nudged(name: str, amount: float) -> Callable[[DenseNet], None]:
    def plant(network: DenseNet) -> None:
        with torch.no_grad():
            network.get_parameter(name).view(-1)[-1] += amount

    return plant


def newest_first_in_layer(self: DenseLayer, features: list[Tensor]) -> Tensor:
    squeezed = self.conv1(self.relu1(self.norm1(torch.cat(features[::-1], dim=1))))
    return self.conv2(self.relu2(self.norm2(squeezed)))


def newest_first_in_block(self: DenseBlock, x: Tensor) -> Tensor:
    features = [x]
    for layer in self.values():
        features.insert(0, layer(features))
    return torch.cat(features, dim=1)


def newest_first_at_the_end(self: DenseBlock, x: Tensor) -> Tensor:
    features = [x]
    for layer in self.values():
        features.append(layer(features))
    return torch.cat(features[::-1], dim=1)


def forgets_relu2(self: DenseLayer, features: list[Tensor]) -> Tensor:
    return self.conv2(self.norm2(self.conv1(self.relu1(self.norm1(torch.cat(features, dim=1))))))


def relu2_as_a_function(self: DenseLayer, features: list[Tensor]) -> Tensor:
    squeezed = self.conv1(self.relu1(self.norm1(torch.cat(features, dim=1))))
    return self.conv2(F.relu(self.norm2(squeezed)))


def relu_before_norm(self: DenseLayer, features: list[Tensor]) -> Tensor:
    squeezed = self.conv1(self.norm1(self.relu1(torch.cat(features, dim=1))))
    return self.conv2(self.relu2(self.norm2(squeezed)))


def adds_instead(self: DenseBlock, x: Tensor) -> Tensor:
    features = [x]
    for layer in self.values():
        features.append(layer(features))
    features[-1] = features[-1] + features[-2]
    return torch.cat(features, dim=1)


def pool_before_conv(self: Transition, x: Tensor) -> Tensor:
    return self.conv(self.pool(self.relu(self.norm(x))))


def joins_along_the_wrong_axis(self: DenseLayer, features: list[Tensor]) -> Tensor:
    return self.conv2(self.relu2(self.norm2(torch.cat(features, dim=2))))


def no_last_relu(self: DenseNet, images: Tensor) -> Tensor:
    return self.forward_head(self.features(images))


def max_pooled_embedding(self: DenseNet, images: Tensor) -> Tensor:
    maps = self.forward_features(images)
    return self.classifier(F.adaptive_max_pool2d(maps, (1, 1)).flatten(start_dim=1))


def detached(self: DenseLayer, features: list[Tensor]) -> Tensor:
    return DenseLayer.forward(self, [feature.detach() for feature in features])


def detached_result(self: DenseLayer, features: list[Tensor]) -> Tensor:
    return DenseLayer.forward(self, features).detach()


class Planted(NamedTuple):
    """A mistake in ours, the module that the report must point at, and where the mistake shows."""

    plant: Callable[[DenseNet], None]
    module: str
    seen_at: str
    mode: str = "eval"


def at(module: str, plant: Callable[[DenseNet], None]) -> Planted:
    return Planted(plant, module, module)


PLANTED = {
    "wrong eps": at(f"{LAYER}.norm1", changed(f"{LAYER}.norm1", eps=1e-3)),
    "slightly wrong eps": at("features.norm5", changed("features.norm5", eps=1e-6)),
    "wrong momentum": Planted(
        changed(f"{LAYER}.norm2", momentum=0.01), f"{LAYER}.norm2", f"{LAYER}.norm2.running_mean", "train"
    ),
    "concat swapped in a layer": Planted(forward_of(LAYER, newest_first_in_layer), LAYER, f"{LAYER}.norm1"),
    "concat swapped in a block": Planted(
        forward_of(BLOCK, newest_first_in_block), BLOCK, f"{BLOCK}.denselayer2"
    ),
    "concat swapped at a block's end": at(BLOCK, forward_of(BLOCK, newest_first_at_the_end)),
    "added up instead of concatenated": at(BLOCK, forward_of(BLOCK, adds_instead)),
    "ReLU replaced": at(f"{LAYER}.relu1", replaced(f"{LAYER}.relu1", nn.Identity())),
    "ReLU never called": Planted(forward_of(LAYER, forgets_relu2), f"{LAYER}.relu2", f"{LAYER}.conv2"),
    "ReLU before norm": Planted(forward_of(LAYER, relu_before_norm), LAYER, f"{LAYER}.norm1"),
    "leaky ReLU": at("features.relu0", replaced("features.relu0", nn.LeakyReLU())),
    "last ReLU missing": Planted(forward_of("", no_last_relu), "network", "classifier"),
    "max pooling to embeddings": Planted(forward_of("", max_pooled_embedding), "network", "classifier"),
    "pool and conv swapped": Planted(
        forward_of(TRANSITION, pool_before_conv), TRANSITION, f"{TRANSITION}.conv"
    ),
    "max pool in a transition": at(f"{TRANSITION}.pool", replaced(f"{TRANSITION}.pool", nn.MaxPool2d(2))),
    "average pool in the stem": at("features.pool0", replaced("features.pool0", nn.AvgPool2d(3, 2, 1))),
    "pool and conv swapped, with a max pool": Planted(
        lambda network: (
            forward_of(TRANSITION, pool_before_conv)(network),
            replaced(f"{TRANSITION}.pool", nn.MaxPool2d(2))(network),
        ),
        TRANSITION,
        f"{TRANSITION}.conv",
    ),
    "stride 1 in the stem": at("features.conv0", changed("features.conv0", stride=(1, 1))),
    "stride 2 in a layer": at(f"{LAYER}.conv2", changed(f"{LAYER}.conv2", stride=(2, 2))),
    "padding forgotten": at(f"{LAYER}.conv2", changed(f"{LAYER}.conv2", padding=(0, 0))),
    "padding of the pool forgotten": at("features.pool0", changed("features.pool0", padding=0)),
    "a weight nudged": at(f"{LAYER}.conv2", nudged(f"{LAYER}.conv2.weight", 1e-6)),
    "a bias nudged": at("classifier", nudged("classifier.bias", 1e-6)),
    "a value that is not a number": at(f"{LAYER}.norm1", nudged(f"{LAYER}.norm1.bias", float("nan"))),
    "fails in the middle": Planted(forward_of(LAYER, joins_along_the_wrong_axis), LAYER, f"{LAYER}.norm1"),
    "result detached": Planted(forward_of(LAYER, detached_result), f"{LAYER}.conv2", f"{LAYER}.conv2.weight"),
    "input detached": Planted(
        forward_of(LAYER, detached), f"{BLOCK}.denselayer2.conv2", f"{BLOCK}.denselayer2.conv2.weight"
    ),
}


@pytest.mark.parametrize("mistake", PLANTED)
def test_a_planted_mistake_is_found_where_it_was_planted(
    mistake: str, ours: DenseNet, reference: nn.Module
) -> None:
    planted = PLANTED[mistake]
    planted.plant(ours)
    report = compared(ours, reference)
    assert not report.agree
    found = report.first_difference
    assert found is not None
    assert (found.module, found.seen_at, found.mode) == (planted.module, planted.seen_at, planted.mode)
    assert found.explanation in str(report)


def test_a_function_in_place_of_a_module_is_no_difference(ours: DenseNet, reference: nn.Module) -> None:
    forward_of(LAYER, relu2_as_a_function)(ours)
    report = compared(ours, reference)
    assert report.agree
    assert f"{LAYER}.relu2" not in {row.name for row in report.rows}


def test_explanations_tell_what_to_look_at(ours: DenseNet, reference: nn.Module) -> None:
    forward_of("", no_last_relu)(ours)
    explanation = str(compared(ours, reference).first_difference.explanation)
    assert explanation.startswith("classifier gets another input (max|Δ| ")
    assert explanation.endswith("), though all before it agrees: look at network")


def test_only_what_lies_behind_a_mistake_is_marked(ours: DenseNet, reference: nn.Module) -> None:
    changed(f"{LAYER}.norm1", eps=1e-3)(ours)
    rows = compared(ours, reference).select("eval", "output")
    names = [row.name for row in rows]
    marks = [row.close for row in rows]
    assert marks.index(False) == names.index(f"{LAYER}.norm1")
    assert not any(marks[names.index(BLOCK) :])


def test_the_table_shows_every_row_or_the_different_ones(ours: DenseNet, reference: nn.Module) -> None:
    nudged("classifier.bias", 1e-6)(ours)
    report = compared(ours, reference)
    assert len(report.table().splitlines()) == 1 + len(report.rows)
    different = report.table(only_different=True).splitlines()[1:]
    assert [line.split()[:3] for line in different] == [
        [mode, "output", name] for mode in ("eval", "train") for name in ("classifier", "network")
    ]
    assert all(line.endswith("DIFFERENT") for line in different)


def test_the_json_form_has_no_infinities(ours: DenseNet, reference: nn.Module) -> None:
    changed("features.conv0", stride=(1, 1))(ours)
    values = json.loads(json.dumps(compared(ours, reference).to_dict(), allow_nan=False))
    assert values["agree"] is False
    assert values["first_difference"]["module"] == "features.conv0"
    assert values["first_difference"]["difference"] is None
    assert values["rows"][0]["name"] == "features.conv0"


@pytest.mark.parametrize(("channels", "side", "number"), [(1, 32, 2), (3, 4, 2), (3, 16, 1)])
def test_images_that_the_reference_can_not_take_prove_nothing(channels: int, side: int, number: int) -> None:
    """One colour; too small for the pooling; and one picture of which BatchNorm has one value a channel."""
    network = DenseNet(CONFIG, num_classes=3)
    with pytest.raises(
        DataError, match=r"the reference itself fails on images .* give images that it can take"
    ):
        compare_networks(network, network, torch.randn(number, channels, side, side))
