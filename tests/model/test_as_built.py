"""A network that was changed is not rewritten: its rewrite would have the features of another one."""

from collections.abc import Callable
from types import MethodType

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, prune

from densekit.errors import ConfigError
from densekit.model.cut import CLASSIFIER
from densekit.model.densenet import DenseLayer, DenseNet
from densekit.model.frozen.rewrite import frozen
from densekit.model.proof import mistakes
from densekit.model.proof.planted import PLANTED, specimen
from densekit.model.saving.block import save_memory

LAYER = "features.denseblock2.denselayer1"


def images() -> Tensor:
    return torch.randn(2, 3, 32, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def embeddings(network: DenseNet) -> Tensor:
    with torch.no_grad():
        return network.forward_head(network.forward_features(images()), pre_logits=True)


def put(name: str, module: nn.Module) -> Callable[[DenseNet], None]:
    """Return a change that puts another module in the place of one."""
    where, _, last = name.rpartition(".")
    return lambda network: setattr(network.get_submodule(where), last, module.double().eval())


def switch(name: str, **settings: object) -> Callable[[DenseNet], None]:
    """Return a change that sets attributes of a module."""
    return lambda network: vars(network.get_submodule(name)).update(settings)


def rectified_twice(layer: DenseLayer, features: list[Tensor]) -> Tensor:
    return DenseLayer.forward(layer, features).relu()


def own_forward(network: DenseNet) -> None:
    layer = network.get_submodule(LAYER)
    layer.forward = MethodType(rectified_twice, layer)  # type: ignore[method-assign]


def without_statistics(network: DenseNet) -> None:
    norm = network.features.norm5
    norm.running_mean = norm.running_var = None


CHANGES: dict[str, tuple[Callable[[DenseNet], object], str]] = {
    "another activation": (
        put(f"{LAYER}.relu1", nn.LeakyReLU()),
        rf"{LAYER}\.relu1 has the type .*LeakyReLU",
    ),
    "no activation": (put("features.relu0", nn.Identity()), r"features\.relu0 has the type .*Identity"),
    "an average in the stem": (put("features.pool0", nn.AvgPool2d(3, 2, 1)), r"features\.pool0 has the type"),
    "a wider pool": (
        put("features.pool0", nn.MaxPool2d(5, 2, 2)),
        r"pool0 has the kernel_size 5: expected 3",
    ),
    "pools rounded up": (switch("features.transition1.pool", ceil_mode=True), "pool has the ceil_mode True"),
    "a bias in the stem": (
        put("features.conv0", nn.Conv2d(3, 8, 7, 2, 3)),
        "conv0 has the tensors bias, weight",
    ),
    "a bias in a layer": (
        put(f"{LAYER}.conv2", nn.Conv2d(16, 4, 3, padding=1)),
        "conv2 has the tensors bias",
    ),
    "a bias in a transition": (put("features.transition1.conv", nn.Conv2d(16, 8, 1)), "has the tensors bias"),
    "wider holes": (switch(f"{LAYER}.conv2", dilation=(2, 2), padding=(2, 2)), "conv2 has the padding 2"),
    "a norm of another kind": (put("features.norm5", nn.GroupNorm(2, 16)), "norm5 has the type .*GroupNorm"),
    "a norm without gains": (
        put("features.norm5", nn.BatchNorm2d(16, affine=False)),
        "norm5 has the tensors",
    ),
    "a norm without statistics": (without_statistics, "norm5 has the tensors bias, .*weight: expected"),
    "a forward of its own": (
        own_forward,
        rf"{LAYER} has the type .*DenseLayer with a forward of its own: expected",
    ),
    "pruned weights": (
        lambda network: prune.l1_unstructured(network.get_submodule(f"{LAYER}.conv1"), "weight", 0.5),
        r"conv1 has the tensors weight_mask, weight_orig",
    ),
    "weights made from others": (
        lambda network: parametrizations.weight_norm(network.get_submodule(f"{LAYER}.conv1")),
        "conv1 has the type .*Parametrized",
    ),
    "one more module in a layer": (
        lambda network: network.get_submodule("features.transition1").add_module("last", nn.ReLU()),
        "transition1 has the modules norm, relu, conv, pool, last: expected norm, relu, conv, pool",
    ),
    "one more module at the end": (
        lambda network: network.features.add_module("more", nn.ReLU()),
        "norm5, more: expected .*norm5;",
    ),
    "another order": (mistakes.ordered("conv0", "pool0", "norm0", "relu0"), "conv0, pool0, norm0"),
    "new features first": (
        mistakes.BLOCK["when new features are put before the earlier ones"].change,
        "Block",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_network_that_was_changed_is_refused_with_what_was_changed(change: str) -> None:
    network = specimen()
    make, told = CHANGES[change]
    make(network)
    with pytest.raises(ConfigError, match=told) as caught:
        frozen(network)
    assert "network.forward_features(images)" in str(caught.value), "it is not said what to do"


# What is in these networks' weights and settings of norms is taken over; or it stands behind the embeddings.
TAKEN_OVER = {"wrong eps", "statistics left behind", "filled by position", "classifier without its bias"}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_bug_is_taken_over_or_refused(name: str) -> None:
    network = PLANTED[name](specimen())
    if name in TAKEN_OVER:
        assert torch.allclose(frozen(network)(images()), embeddings(network), rtol=0, atol=1e-12)
    else:
        with pytest.raises(ConfigError, match="can't be rewritten"):
            frozen(network)


def test_what_stands_behind_the_cut_may_be_changed() -> None:
    network = specimen()
    expected = frozen(network, cut="denseblock2")(images())
    put(f"{LAYER}.relu1", nn.LeakyReLU())(network)
    put("features.norm5", nn.GroupNorm(2, 16))(network)
    assert torch.equal(frozen(network, cut="denseblock2")(images()), expected)
    with pytest.raises(ConfigError, match="LeakyReLU"):
        frozen(network, cut=CLASSIFIER)


@pytest.mark.parametrize(
    "change",
    [
        save_memory,
        nn.SyncBatchNorm.convert_sync_batchnorm,
        lambda network: network.train().requires_grad_(False),
        lambda network: network.reset_classifier(7),
        lambda network: network.features.conv0.register_forward_hook(lambda *_: None),
        switch("features.denseblock1.denselayer1", drop_rate=0.5, memory_efficient=True),
        switch("features.relu0", inplace=False),
        switch("features.norm5", momentum=None, eps=1e-5),
        put("features.pool0", nn.MaxPool2d((3, 3), (2, 2), (1, 1))),
    ],
)
def test_what_changes_no_feature_is_no_change(change: Callable[[DenseNet], object]) -> None:
    network = specimen()
    expected = frozen(network)(images())
    change(network)
    assert torch.equal(frozen(network)(images()), expected)


def test_the_check_draws_no_random_numbers() -> None:
    network = specimen()
    torch.manual_seed(3)
    before = torch.get_rng_state()
    frozen(network)
    assert torch.equal(torch.get_rng_state(), before)
