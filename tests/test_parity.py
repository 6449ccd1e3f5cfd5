"""Parity: the real networks agree to the last bit, and every planted mistake is found where it was planted."""

import copy
import json
from collections.abc import Callable
from types import MethodType

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from densekit.errors import WeightsError
from densekit.model.architectures import ARCHITECTURES, DenseNetConfig, read_architecture
from densekit.model.densenet import DenseBlock, DenseLayer, DenseNet, Transition
from densekit.model.parity import compare, compare_networks, randomise
from densekit.model.parity_report import ParityReport
from densekit.model.tracing import named_modules, run_traced
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
    assert network.classifier.bias.abs().max() > 0.1


def test_an_architecture_that_torchvision_does_not_have_is_refused() -> None:
    with pytest.raises(WeightsError, match="no 'densenet264'.*'densenet121'"):
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


def no_last_relu(self: DenseNet, images: Tensor) -> Tensor:
    return self.features(images)


def max_pooled_embedding(self: DenseNet, maps: Tensor) -> Tensor:
    return self.classifier(F.adaptive_max_pool2d(maps, (1, 1)).flatten(start_dim=1))


def detached(self: DenseLayer, features: list[Tensor]) -> Tensor:
    return DenseLayer.forward(self, [feature.detach() for feature in features])


def detached_result(self: DenseLayer, features: list[Tensor]) -> Tensor:
    return DenseLayer.forward(self, features).detach()


PLANTED = {
    # name: (mistake, module to look at, where it shows, mode)
    "wrong eps": (changed(f"{LAYER}.norm1", eps=1e-3), f"{LAYER}.norm1", f"{LAYER}.norm1", "eval"),
    "slightly wrong eps": (changed("features.norm5", eps=1e-6), "features.norm5", "features.norm5", "eval"),
    "wrong momentum": (changed(f"{LAYER}.norm2", momentum=0.01), f"{LAYER}.norm2", f"{LAYER}.norm2.running_mean", "train"),
    "concat swapped in a layer": (forward_of(LAYER, newest_first_in_layer), LAYER, f"{LAYER}.norm1", "eval"),
    "concat swapped in a block": (forward_of(BLOCK, newest_first_in_block), BLOCK, f"{BLOCK}.denselayer2", "eval"),
    "concat swapped at a block's end": (forward_of(BLOCK, newest_first_at_the_end), BLOCK, BLOCK, "eval"),
    "added up instead of concatenated": (forward_of(BLOCK, adds_instead), BLOCK, BLOCK, "eval"),
    "ReLU replaced": (replaced(f"{LAYER}.relu1", nn.Identity()), f"{LAYER}.relu1", f"{LAYER}.relu1", "eval"),
    "ReLU never called": (forward_of(LAYER, forgets_relu2), f"{LAYER}.relu2", f"{LAYER}.relu2", "eval"),
    "ReLU before norm": (forward_of(LAYER, relu_before_norm), LAYER, f"{LAYER}.norm1", "eval"),
    "leaky ReLU": (replaced("features.relu0", nn.LeakyReLU()), "features.relu0", "features.relu0", "eval"),
    "last ReLU missing": (changed("", forward_features=None), "network", "classifier", "eval"),
    "pool and conv swapped": (forward_of(TRANSITION, pool_before_conv), TRANSITION, f"{TRANSITION}.conv", "eval"),
    "max pool in a transition": (replaced(f"{TRANSITION}.pool", nn.MaxPool2d(2)), f"{TRANSITION}.pool", f"{TRANSITION}.pool", "eval"),
    "average pool in the stem": (replaced("features.pool0", nn.AvgPool2d(3, 2, 1)), "features.pool0", "features.pool0", "eval"),
    "stride 1 in the stem": (changed("features.conv0", stride=(1, 1)), "features.conv0", "features.conv0", "eval"),
    "stride 2 in a layer": (changed(f"{LAYER}.conv2", stride=(2, 2)), f"{LAYER}.conv2", f"{LAYER}.conv2", "eval"),
    "padding forgotten": (changed(f"{LAYER}.conv2", padding=(0, 0)), f"{LAYER}.conv2", f"{LAYER}.conv2", "eval"),
    "padding forgotten before pooling": (changed("features.pool0", padding=0), "features.pool0", "features.pool0", "eval"),
    "a weight nudged": (nudged(f"{LAYER}.conv2.weight", 1e-6), f"{LAYER}.conv2", f"{LAYER}.conv2", "eval"),
    "a bias nudged": (nudged("classifier.bias", 1e-6), "classifier", "classifier", "eval"),
    "a weight that is not a number": (nudged(f"{LAYER}.norm1.bias", float("nan")), f"{LAYER}.norm1", f"{LAYER}.norm1", "eval"),
    "max pooling to embeddings": (changed("", forward_head=None), "network", "classifier", "eval"),
    "features detached": (forward_of(LAYER, detached), f"{BLOCK}.denselayer2.conv2", f"{BLOCK}.denselayer2.conv2.weight", "eval"),
    "result detached": (forward_of(LAYER, detached_result), f"{LAYER}.conv2", f"{LAYER}.conv2.weight", "eval"),
}  # fmt: skip
PLANTED["last ReLU missing"] = (
    lambda network: setattr(network, "forward_features", MethodType(no_last_relu, network)),
    "network", "classifier", "eval",
)  # fmt: skip
PLANTED["max pooling to embeddings"] = (
    lambda network: setattr(network, "forward_head", MethodType(max_pooled_embedding, network)),
    "network", "classifier", "eval",
)  # fmt: skip


@pytest.mark.parametrize("mistake", PLANTED)
def test_a_planted_mistake_is_found_where_it_was_planted(
    mistake: str, ours: DenseNet, reference: nn.Module
) -> None:
    plant, module, seen_at, mode = PLANTED[mistake]
    plant(ours)
    report = compared(ours, reference)
    assert not report.agree
    assert report.first_difference is not None
    found = report.first_difference
    print(found)
    assert (found.module, found.seen_at, found.mode) == (module, seen_at, mode)
    assert found.explanation in str(report)
