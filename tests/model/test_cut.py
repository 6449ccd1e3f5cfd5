"""A network in two halves: together they are the whole, and the frozen half stays what it is."""

import pytest
import torch
from torch import nn

from densekit.errors import ConfigError
from densekit.model.architectures import DenseNetConfig, read_architecture
from densekit.model.cut import behind, cuts, draws_random_numbers, frozen_modules, parameter_groups
from densekit.model.densenet import DenseNet
from densekit.model.frozen.rewrite import frozen

CONFIG = DenseNetConfig(growth_rate=4, block_config=(1, 2, 2, 1), num_init_features=8)
CUTS = cuts(CONFIG)


@pytest.fixture
def network() -> DenseNet:
    torch.manual_seed(0)
    network = DenseNet(CONFIG, num_classes=3).double()
    network.train()
    for _ in range(3):  # statistics that are not those of a fresh network
        network(torch.randn(4, 3, 64, 64).double())
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight)  # gains below zero as well
            nn.init.normal_(module.bias)
    return network.eval()


def images(count: int = 2, side: int = 64) -> torch.Tensor:
    return torch.randn(count, 3, side, side, generator=torch.Generator().manual_seed(1)).double()


class TestStages:
    @pytest.mark.parametrize("name", ["densenet121", "densenet161", "densenet169", "densenet201"])
    def test_they_tell_what_the_modules_do(self, name: str) -> None:
        with torch.device("meta"):  # shapes only, no memory
            network = DenseNet(read_architecture(name), 0).eval()
        seen: dict[str, tuple[torch.Size, torch.Size]] = {}
        for stage in network.stages:
            network.features.get_submodule(stage.name).register_forward_hook(
                lambda _, inputs, output, name=stage.name: seen.update(
                    {name: (inputs[0].shape, output.shape)}
                )
            )
        with torch.no_grad():
            network(torch.zeros(1, 3, 64, 64, device="meta"))
        for stage in network.stages:
            entering, leaving = seen[stage.name]
            assert entering == (1, stage.in_channels, 64 // stage.stride, 64 // stage.stride)
            assert leaving[1] == stage.out_channels
        assert network.num_features == network.stages[-1].out_channels


class TestCuts:
    def test_all_of_them_are_named_the_shallowest_last(self) -> None:
        assert cuts(DenseNetConfig(block_config=(1, 1))) == (
            "classifier",
            "denseblock2",
            "denseblock1",
            "all",
        )

    @pytest.mark.parametrize("cut", CUTS)
    def test_the_two_halves_share_nothing_and_leave_nothing_out(self, network: DenseNet, cut: str) -> None:
        before = [id(one) for module in frozen_modules(network, cut).values() for one in module.parameters()]
        after = [id(one) for one in behind(network, cut).parameters()]
        assert sorted(before + after) == sorted(id(one) for one in network.parameters())

    @pytest.mark.parametrize("cut", CUTS)
    def test_the_names_behind_are_those_of_the_network(self, network: DenseNet, cut: str) -> None:
        whole = network.state_dict()
        part = behind(network, cut).state_dict()
        assert part.keys() <= whole.keys()
        assert all(part[name].data_ptr() == whole[name].data_ptr() for name in part)

    @pytest.mark.parametrize("cut", [cut for cut in CUTS if cut != "all"])
    @pytest.mark.parametrize("side", [64, 75, 33])
    def test_frozen_and_trained_half_together_are_the_network(
        self, network: DenseNet, cut: str, side: int
    ) -> None:
        half = frozen(network, cut=cut)
        inputs = half(images(3, side))
        with torch.no_grad():
            torch.testing.assert_close(
                behind(network, cut).eval()(inputs), network(images(3, side)), rtol=1e-10, atol=1e-10
            )

    @pytest.mark.parametrize("cut", ["denseblock1", "denseblock4"])
    def test_what_the_frozen_half_handed_out_is_not_overwritten(self, network: DenseNet, cut: str) -> None:
        half = frozen(network, cut=cut)
        first = half(images())
        kept = first.clone()
        half(images() + 1)
        assert torch.equal(first, kept)

    @pytest.mark.parametrize("cut", ["denseblock1", "denseblock3"])
    def test_in_bfloat16_the_maps_are_bfloat16_and_near(self, network: DenseNet, cut: str) -> None:
        exact = frozen(network, cut=cut)(images())
        rounded = frozen(network, torch.bfloat16, cut)(images())
        assert rounded.dtype == torch.bfloat16
        assert (rounded.double() - exact).abs().max() < 0.05 * exact.abs().max()

    def test_for_all_there_is_nothing_to_freeze(self, network: DenseNet) -> None:
        assert frozen_modules(network, "all") == {}
        with pytest.raises(ConfigError, match="nothing stands before the cut 'all'"):
            frozen(network, cut="all")
        with torch.no_grad():
            assert torch.equal(behind(network, "all").eval()(images()), network(images()))

    def test_a_cut_that_the_network_lacks_is_refused_with_the_nearest(self, network: DenseNet) -> None:
        with pytest.raises(ConfigError, match="4 blocks has no cut 'denseblock5': did you mean 'denseblock"):
            behind(network, "denseblock5")
        with pytest.raises(ConfigError, match="did you mean 'classifier'"):
            frozen(network, cut="clasifier")


class TestGroups:
    def test_every_parameter_is_in_one_group_and_norms_and_biases_do_not_decay(
        self, network: DenseNet
    ) -> None:
        module = behind(network, "denseblock3")
        groups = parameter_groups(module, 0.1, 0.01)
        chosen = [id(one) for group in groups for one in group["params"]]
        assert sorted(chosen) == sorted(id(one) for one in module.parameters())
        for group in groups:
            assert {one.dim() > 1 for one in group["params"]} == {group["weight_decay"] > 0}

    def test_each_block_learns_slower_than_the_one_behind_it(self, network: DenseNet) -> None:
        module = behind(network, "all")
        rates = {
            id(one): group["lr"]
            for group in parameter_groups(module, 1.0, 0.0, layer_decay=0.5)
            for one in group["params"]
        }
        named = {name: rates[id(one)] for name, one in module.named_parameters()}
        assert named["classifier.weight"] == 1.0
        assert named["features.norm5.weight"] == named["features.denseblock4.denselayer1.conv1.weight"] == 0.5
        assert named["features.transition3.conv.weight"] == 0.25
        assert named["features.denseblock1.denselayer1.conv2.weight"] == 0.5**4
        assert named["features.conv0.weight"] == 0.5**5

    def test_a_parameter_that_asks_for_no_gradient_is_left_out(self) -> None:
        module = nn.Linear(2, 2)
        module.bias.requires_grad_(False)
        assert [group["params"] for group in parameter_groups(module, 1.0, 0.0)] == [[module.weight]]


@pytest.mark.parametrize(
    ("module", "draws"),
    [
        (nn.Linear(2, 2), False),
        (nn.Dropout(0.0), False),
        (nn.Sequential(nn.Dropout(0.1)), True),
        (DenseNet(CONFIG, 2), False),
        (DenseNet(CONFIG, 2, drop_rate=0.2), True),
    ],
)
def test_a_module_with_dropout_draws_random_numbers(module: nn.Module, draws: bool) -> None:
    assert draws_random_numbers(module) is draws
