"""The block that saves memory has the gradients and the statistics of the plain one, and keeps less."""

import copy
import pickle
from collections.abc import Callable
from dataclasses import replace
from multiprocessing import get_context

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from densekit.devices import bf16_is_fast, peak_memory
from densekit.model.architectures import ARCHITECTURES, DenseNetConfig, read_architecture
from densekit.model.cut import behind, keep_norm_statistics
from densekit.model.densenet import DenseBlock, DenseNet
from densekit.model.proof import mistakes
from densekit.model.saving.block import SavingBlock, save_memory
from densekit.model.zoo import densenet121
from densekit.vision import torchvision

TINY = DenseNetConfig(growth_rate=8, block_config=(2, 3, 2), num_init_features=16)
# Three layers in each block, where the paper has up to 48.
SMALL = {name: replace(read_architecture(name), block_config=(3, 3, 3, 3)) for name in ARCHITECTURES}


def pair(config: DenseNetConfig = TINY, drop_rate: float = 0.0) -> tuple[DenseNet, DenseNet]:
    """Two equal networks, the second of which saves memory; with gains on both sides of zero and at it."""
    torch.manual_seed(0)
    network = DenseNet(config, num_classes=5, drop_rate=drop_rate).double()
    for number, norm in enumerate(one for one in network.modules() if isinstance(one, nn.BatchNorm2d)):
        norm.eps = (1e-5, 3e-4, 1e-2)[number % 3]
        norm.momentum = (0.1, 0.3, None)[number % 3]
        with torch.no_grad():
            norm.weight.normal_(0.7, 0.5)
            norm.weight[torch.rand(norm.num_features) < 0.1] = 0
            norm.bias.normal_(0, 0.3)
    network = network.to(memory_format=torch.channels_last).train()
    saving = copy.deepcopy(network)
    save_memory(saving)
    return network, saving


def images(height: int = 64, width: int = 96, number: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    pixels = torch.randn(number, 3, height, width, dtype=torch.float64, generator=generator)
    return pixels.contiguous(memory_format=torch.channels_last)


def one_step(network: nn.Module, pixels: Tensor) -> dict[str, Tensor]:
    """Outputs, gradients and buffers after one step."""
    pixels = pixels.clone().requires_grad_()
    torch.manual_seed(5)  # for dropout
    outputs = network(pixels)
    outputs.square().sum().backward()
    assert pixels.grad is not None
    gradients = {name: weight.grad for name, weight in network.named_parameters() if weight.grad is not None}
    return {"outputs": outputs.detach(), "images": pixels.grad, **gradients, **dict(network.named_buffers())}


def furthest(plain: dict[str, Tensor], saving: dict[str, Tensor]) -> float:
    """The largest difference of any number, as a share of the largest number beside it."""
    assert list(plain) == list(saving)
    return max(
        float((saving[name] - plain[name]).abs().max() / plain[name].abs().max().clamp(min=1e-6))
        for name in plain
    )


def strayed_in_bfloat16(plain: DenseNet, saving: DenseNet) -> tuple[list[float], ...]:
    """How far each gradient of two networks in bfloat16 has turned away from that of the first in float32."""
    pixels = images(number=8).float()
    expected = one_step(copy.deepcopy(plain), pixels)

    def strayed(network: nn.Module) -> list[float]:
        with torch.autocast("cpu", torch.bfloat16):
            found = one_step(network, pixels)
        names = [name for name, _ in network.named_parameters()]
        return [
            1 - float(F.cosine_similarity(found[n].flatten(), expected[n].flatten(), dim=0)) for n in names
        ]

    return strayed(plain), strayed(saving)


class TestExactness:
    @pytest.mark.parametrize("architecture", ARCHITECTURES)
    def test_gradients_and_statistics_are_those_of_the_plain_network(self, architecture: str) -> None:
        plain, saving = pair(SMALL[architecture])
        assert furthest(one_step(plain, images()), one_step(saving, images())) < 1e-10

    @pytest.mark.parametrize("size", [(32, 32), (33, 47), (75, 96), (130, 61)])
    @pytest.mark.parametrize("number", [2, 5])
    def test_any_size_and_number_of_images_will_do(self, size: tuple[int, int], number: int) -> None:
        plain, saving = pair()
        pixels = images(*size, number)
        assert furthest(one_step(plain, pixels), one_step(saving, pixels)) < 1e-10

    def test_pictures_that_lie_channels_first_in_memory_will_do(self) -> None:
        plain, saving = pair()
        first = images().contiguous()
        assert (
            furthest(
                one_step(plain, first), one_step(saving.to(memory_format=torch.contiguous_format), first)
            )
            < 1e-10
        )

    def test_dropout_drops_the_same_features(self) -> None:
        plain, saving = pair(drop_rate=0.4)
        expected = one_step(plain, images())
        assert furthest(expected, one_step(saving, images())) < 1e-10
        assert furthest(expected, one_step(pair()[1], images())) > 1e-3

    @pytest.mark.slow
    def test_its_gradients_are_those_that_finite_differences_find(self) -> None:
        block = SavingBlock(DenseBlock(2, 3, growth_rate=2, bn_size=2)).double().train()
        torch.manual_seed(0)
        maps = torch.randn(2, 3, 3, 3, dtype=torch.float64, requires_grad=True)
        weights = list(block.parameters())
        assert torch.autograd.gradcheck(lambda *_: block(maps), (maps, *weights), atol=1e-6)

    def test_twenty_steps_of_training_end_the_same(self) -> None:
        ends = []
        for network in pair():
            optimizer = torch.optim.SGD(network.parameters(), 0.01, momentum=0.9)
            for _ in range(20):
                optimizer.zero_grad()
                F.cross_entropy(network(images(32, 32)), torch.tensor([0, 1, 2])).backward()
                optimizer.step()
            ends.append(network.state_dict())
        assert furthest(*ends) < 1e-8

    @pytest.mark.slow
    def test_in_bfloat16_it_is_no_further_from_float32_than_autocast_is(self) -> None:
        plain, saving = (network.float() for network in pair(SMALL["densenet121"]))
        by_autocast, by_saving = strayed_in_bfloat16(plain, saving)
        assert sum(by_saving) < 1.2 * sum(by_autocast)
        assert max(by_saving) < 2 * max(by_autocast)


class TestStatistics:
    def test_each_batch_counts_once_however_often_it_goes_back(self) -> None:
        _, saving = pair()
        loss = saving(images()).sum()
        after_forward = copy.deepcopy(dict(saving.named_buffers()))
        loss.backward(retain_graph=True)
        first = {name: one.grad.clone() for name, one in saving.named_parameters() if one.grad is not None}
        loss.backward()
        assert all(torch.equal(one, after_forward[name]) for name, one in saving.named_buffers())
        for name, one in saving.named_parameters():
            torch.testing.assert_close(one.grad, 2 * first[name])

    def test_norms_without_running_statistics_stay_without(self) -> None:
        plain, saving = pair()
        for network in (plain, saving):
            for norm in network.modules():
                if isinstance(norm, nn.BatchNorm2d):
                    norm.running_mean = norm.running_var = norm.num_batches_tracked = None
        assert furthest(one_step(plain, images()), one_step(saving, images())) < 1e-10

    def test_norms_that_are_told_to_keep_none_leave_theirs_alone(self) -> None:
        plain, saving = pair()
        for network in (plain, saving):
            for norm in network.modules():
                if isinstance(norm, nn.BatchNorm2d):
                    norm.track_running_stats = False
        assert furthest(one_step(plain, images()), one_step(saving, images())) < 1e-10


class TestKeptStatistics:
    """Norms that normalise by the statistics that they have, while gains, biases and convolutions learn."""

    @staticmethod
    def keeping(config: DenseNetConfig = TINY, drop_rate: float = 0.0) -> tuple[DenseNet, DenseNet]:
        both = pair(config, drop_rate)
        one_step(both[0], images())  # running statistics that differ from layer to layer, as momentums do
        both[1].load_state_dict(both[0].state_dict())
        for network in both:
            network.zero_grad()
            keep_norm_statistics(network)
        return both

    @pytest.mark.parametrize("architecture", ARCHITECTURES)
    def test_gradients_are_those_of_the_plain_network(self, architecture: str) -> None:
        plain, saving = self.keeping(SMALL[architecture])
        before = copy.deepcopy(dict(saving.named_buffers()))
        assert furthest(one_step(plain, images()), one_step(saving, images())) < 1e-10
        assert all(torch.equal(one, before[name]) for name, one in saving.named_buffers())

    def test_less_is_kept_for_the_way_back(self) -> None:
        plain, saving = self.keeping(SMALL["densenet121"])
        assert kept(saving) < 0.6 * kept(plain)

    def test_dropout_drops_the_same_features(self) -> None:
        plain, saving = self.keeping(drop_rate=0.4)
        expected = one_step(plain, images())
        assert furthest(expected, one_step(saving, images())) < 1e-10
        saving.zero_grad()
        saving.features.denseblock1.denselayer1.drop_rate = 0.1
        assert furthest(expected, one_step(saving, images())) > 1e-3

    def test_a_single_picture_will_do(self) -> None:
        plain, saving = self.keeping()
        assert furthest(one_step(plain, images(32, 32, 1)), one_step(saving, images(32, 32, 1))) < 1e-10

    def test_frozen_weights_get_no_gradient_and_the_others_the_same(self) -> None:
        plain, saving = self.keeping()
        for network in (plain, saving):
            network.features.denseblock1.requires_grad_(False)
            network.features.denseblock2.denselayer2.norm2.requires_grad_(False)
        assert furthest(one_step(plain, images()), one_step(saving, images())) < 1e-10

    def test_norms_in_two_minds_compute_as_before(self) -> None:
        plain, saving = self.keeping()
        for network in (plain, saving):
            network.features.denseblock2.denselayer1.norm1.train()
        assert furthest(one_step(plain, images()), one_step(saving, images())) < 1e-10

    def test_norms_without_statistics_compute_as_before(self) -> None:
        plain, saving = self.keeping()
        for network in (plain, saving):
            norm = network.features.denseblock2.denselayer1.norm1
            norm.running_mean = norm.running_var = None  # then BatchNorm takes the batch's, in either mode
        assert furthest(one_step(plain, images()), one_step(saving, images())) < 1e-10

    @pytest.mark.slow
    def test_in_bfloat16_it_is_no_further_from_float32_than_autocast_is(self) -> None:
        plain, saving = (network.float() for network in self.keeping(SMALL["densenet121"]))
        by_autocast, by_saving = strayed_in_bfloat16(plain, saving)
        assert sum(by_saving) < 1.2 * sum(by_autocast)
        assert max(by_saving) < 2 * max(by_autocast)


class TestUse:
    def test_two_ways_forward_before_the_ways_back(self) -> None:
        found = []
        for network in pair():
            first, second = network(images(32, 32)), network(images(64, 33))
            (first.sum() * second.square().sum()).backward()
            found.append({name: one.grad for name, one in network.named_parameters()})
        assert furthest(*found) < 1e-10

    def test_evaluation_computes_as_before(self) -> None:
        plain, saving = (network.eval() for network in pair())
        assert torch.equal(plain(images()), saving(images()))
        assert furthest(one_step(plain, images()), one_step(saving, images())) == 0

    def test_norms_that_are_kept_in_evaluation_mode_stay_as_they_are(self) -> None:
        plain, saving = pair()
        for network in (plain, saving):
            for norm in network.features.denseblock2.modules():
                if isinstance(norm, nn.BatchNorm2d):
                    norm.eval()
        assert furthest(one_step(plain, images()), one_step(saving, images())) < 1e-10

    @pytest.mark.parametrize(
        "norm",
        [nn.InstanceNorm2d(16, affine=True), nn.BatchNorm2d(16, affine=False), nn.BatchNorm2d(16).eval()],
    )
    def test_norms_of_another_kind_compute_as_before(self, norm: nn.Module) -> None:
        plain, saving = pair()
        for network in (plain, saving):
            network.features.denseblock1.denselayer1.norm1 = copy.deepcopy(norm).double()
        assert furthest(one_step(plain, images()), one_step(saving, images())) < 1e-10

    def test_norms_that_learn_statistics_alone_drop_nothing_out(self) -> None:
        plain, saving = (network.eval() for network in pair(drop_rate=0.5))
        for network in (plain, saving):
            for norm in network.modules():
                if isinstance(norm, nn.BatchNorm2d):
                    norm.train()
        assert furthest(one_step(plain, images()), one_step(saving, images())) < 1e-10

    @pytest.mark.parametrize(
        ("name", "other"),
        [
            ("relu1", nn.GELU()),
            ("relu2", nn.LeakyReLU()),
            ("conv1", nn.Conv2d(16, 32, 3, padding=1, bias=False)),
            ("conv2", nn.Conv2d(32, 8, 3, padding=2, dilation=2, bias=False)),
            ("conv2", nn.Conv2d(32, 8, 3, padding=1, padding_mode="reflect", bias=False)),
            ("conv2", nn.Conv2d(32, 8, 3, padding=1, groups=2, bias=False)),
        ],
    )
    def test_other_modules_in_a_layer_compute_as_they_are(self, name: str, other: nn.Module) -> None:
        plain, saving = pair()
        for network in (plain, saving):
            setattr(network.features.denseblock1.denselayer1, name, copy.deepcopy(other).double())
        assert furthest(one_step(plain, images()), one_step(saving, images())) < 1e-10

    @pytest.mark.parametrize(
        "change",
        [mistakes.newest_first, mistakes.BLOCK["when the output is joined in the opposite order"].change],
    )
    def test_layers_and_blocks_of_a_subclass_compute_as_they_are(self, change: mistakes.Change) -> None:
        plain, _ = pair()
        change(plain)
        saving = copy.deepcopy(plain)
        save_memory(saving)
        assert furthest(one_step(plain, images()), one_step(saving, images())) < 1e-10

    def test_evaluation_under_autocast_computes_as_before(self) -> None:
        plain, saving = (network.float().eval() for network in pair())
        with torch.autocast("cpu", torch.bfloat16):
            expected, found = (one_step(network, images().float()) for network in (plain, saving))
        assert furthest(expected, found) == 0
        assert all(found[name].dtype == one.dtype for name, one in expected.items())

    @pytest.mark.parametrize("training", [True, False])
    def test_float64_stays_float64_under_autocast(self, training: bool) -> None:
        plain, saving = (network.train(training) for network in pair())
        with torch.autocast("cpu", torch.bfloat16):
            expected, found = (one_step(network, images()) for network in (plain, saving))
        assert furthest(expected, found) < 1e-10
        assert found["outputs"].dtype == torch.float64

    def test_a_network_that_is_bfloat16_throughout_computes_as_before(self) -> None:
        plain, saving = (network.bfloat16() for network in pair())
        pixels = images().bfloat16()
        assert furthest(one_step(plain, pixels), one_step(saving, pixels)) == 0

    def test_without_data_it_tells_the_shapes(self) -> None:
        saving = DenseNet(TINY, num_classes=5)
        save_memory(saving)
        assert saving.to("meta")(images().float().to("meta")).shape == (3, 5)

    def test_who_changes_the_features_in_place_is_told(self) -> None:
        _, saving = pair()
        maps = saving.features.denseblock1(torch.randn(3, 16, 8, 8, dtype=torch.float64))
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            maps.mul_(2).sum().backward()

    def test_frozen_weights_get_no_gradient_and_the_others_the_same(self) -> None:
        plain, saving = pair()
        for network in (plain, saving):
            network.features.denseblock1.requires_grad_(False)
            network.features.denseblock2.denselayer2.conv1.weight.requires_grad_(False)
        expected, found = one_step(plain, images()), one_step(saving, images())
        assert furthest(expected, found) < 1e-10
        assert saving.features.denseblock1.denselayer1.conv1.weight.grad is None

    def test_a_part_behind_a_cut_takes_maps_that_need_no_gradient(self) -> None:
        maps = torch.randn(3, 20, 8, 8, dtype=torch.float64)
        found = []
        for network in pair():
            part = behind(network, "denseblock3")
            part(maps).square().sum().backward()
            found.append({name: one.grad for name, one in part.named_parameters() if one.grad is not None})
        assert furthest(*found) < 1e-10

    def test_one_value_for_each_channel_is_refused_as_ever(self) -> None:
        _, saving = pair(SMALL["densenet121"])  # whose last block has one position at 32 px
        with pytest.raises(ValueError, match="more than 1 value per channel"):
            saving(images(32, 32, number=1))

    def test_a_gradient_of_the_gradient_is_refused(self) -> None:
        _, saving = pair()
        pixels = images().requires_grad_()
        (gradient,) = torch.autograd.grad(saving(pixels).sum(), pixels, create_graph=True)
        with pytest.raises(RuntimeError, match="once_differentiable"):
            gradient.sum().backward()

    def test_a_loss_that_is_no_number_stays_none(self) -> None:
        _, saving = pair()
        pixels = images()
        pixels[0, 0, 0, 0] = torch.nan
        assert saving(pixels).isnan().all()


class TestNames:
    def test_weights_fit_both_ways_and_are_the_same_tensors(self) -> None:
        network = DenseNet(TINY, num_classes=5)
        before = dict(network.named_parameters())
        save_memory(network)
        assert dict(network.named_parameters()) == before
        assert all(one is before[name] for name, one in network.named_parameters())
        DenseNet(TINY, num_classes=5).load_state_dict(network.state_dict())
        assert sum(isinstance(one, SavingBlock) for one in network.modules()) == 3

    def test_torchvisions_weights_fit(self) -> None:
        with torch.device("meta"):  # names and shapes only, no memory
            network = DenseNet(read_architecture("densenet121"), num_classes=7)
            theirs = torchvision.models.densenet121(num_classes=7)
        save_memory(network)
        network.load_state_dict(theirs.state_dict())
        theirs.load_state_dict(network.state_dict())

    @pytest.mark.parametrize("again", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
    def test_copies_save_memory_too(self, again: Callable[[DenseNet], DenseNet]) -> None:
        _, saving = pair()
        copied = again(saving)
        assert furthest(one_step(saving, images()), one_step(copied, images())) == 0
        assert isinstance(copied.features.denseblock1, SavingBlock)

    def test_asking_twice_changes_nothing(self) -> None:
        plain, saving = pair()
        save_memory(saving)
        assert furthest(one_step(plain, images()), one_step(saving, images())) < 1e-10


def kept(network: nn.Module) -> int:
    """Bytes that a network keeps for the way back, each tensor's memory counted once."""
    found: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        found[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        outputs = network(images(number=8))
    assert outputs.requires_grad
    return sum(found.values())


def test_a_deep_network_keeps_less_than_half_for_the_way_back() -> None:
    plain, saving = pair(DenseNetConfig(growth_rate=8, block_config=(12, 12), num_init_features=16))
    assert kept(saving) < 0.5 * kept(plain)


def grown_by_two_steps(saves: bool) -> float:
    """By how many MiB two steps in bfloat16 with tiny pictures grow a process: its kernels, for the most part."""
    network = densenet121("none", 10).to(memory_format=torch.channels_last).train()
    if saves:
        save_memory(network)
    before = peak_memory()
    for _ in range(2):
        with torch.autocast("cpu", torch.bfloat16):
            outputs = network(torch.ones(2, 3, 32, 32).contiguous(memory_format=torch.channels_last))
        outputs.float().square().sum().backward()
    return (peak_memory() - before) / 2**20


@pytest.mark.slow
@pytest.mark.skipif(
    not bf16_is_fast(torch.device("cpu")), reason="the processor has no instructions for bfloat16"
)
def test_in_bfloat16_its_kernels_take_about_the_memory_of_the_plain_networks() -> None:
    # Matrix products in place of 1×1 convolutions took 90 MiB more: oneDNN keeps a kernel for each shape.
    with get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        plain, saving = pool.map(grown_by_two_steps, [False, True], chunksize=1)
    assert saving < plain + 20
