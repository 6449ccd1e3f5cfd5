"""The network: torchvision's in every name and number, and what it offers beyond."""

import pytest
import torch
from torch import Tensor, nn

from densekit.errors import ConfigError
from densekit.model.architectures import ARCHITECTURES, DenseNetConfig, read_architecture
from densekit.model.densenet import DenseNet
from densekit.model.proof.parity import randomise
from densekit.vision import torchvision

TINY = DenseNetConfig(growth_rate=8, block_config=(2, 3), num_init_features=16)


def tiny(**options: object) -> DenseNet:
    torch.manual_seed(0)
    network = DenseNet(TINY, **{"num_classes": 5, **options})
    randomise(network, torch.Generator().manual_seed(1))
    return network


def images(size: int = 64) -> Tensor:
    return torch.randn(3, 3, size, size, generator=torch.Generator().manual_seed(2))


def on_meta(architecture: str) -> tuple[DenseNet, nn.Module]:
    with torch.device("meta"):  # names and shapes are all that is asked for
        ours = DenseNet(read_architecture(architecture))
        return ours, torchvision.models.get_model(architecture, weights=None)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_state_dict_has_the_keys_shapes_and_order_of_torchvisions(architecture: str) -> None:
    ours, theirs = on_meta(architecture)
    described = [
        [(key, tensor.shape, tensor.dtype) for key, tensor in network.state_dict().items()]
        for network in (ours, theirs)
    ]
    assert described[0] == described[1]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_modules_have_the_names_and_kinds_of_torchvisions(architecture: str) -> None:
    ours, theirs = (dict(network.named_modules()) for network in on_meta(architecture))
    assert list(ours) == list(theirs)
    kinds = {name: str(module) for name, module in theirs.items() if not list(module.children())}
    assert {name: str(ours[name]) for name in kinds} == kinds


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.slow
def test_weights_load_strictly_both_ways_and_logits_are_equal(architecture: str) -> None:
    torch.manual_seed(0)
    theirs = torchvision.models.get_model(architecture, weights=None)
    randomise(theirs, torch.Generator().manual_seed(0))
    ours = DenseNet(read_architecture(architecture))
    ours.load_state_dict(theirs.state_dict(), strict=True)
    with torch.inference_mode():
        assert torch.equal(ours.eval()(images(32)), theirs.eval()(images(32)))
    for parameter in theirs.parameters():
        nn.init.zeros_(parameter)
    theirs.load_state_dict(ours.state_dict(), strict=True)
    with torch.inference_mode():
        assert torch.equal(ours(images(32)), theirs(images(32)))


def test_initialisation_draws_the_same_numbers_as_torchvisions() -> None:
    torch.manual_seed(3)
    ours = DenseNet(TINY, num_classes=5)
    torch.manual_seed(3)
    theirs = torchvision.models.DenseNet(8, (2, 3), 16, num_classes=5)
    expected = theirs.state_dict()
    assert all(torch.equal(value, expected[key]) for key, value in ours.state_dict().items())


@pytest.mark.parametrize(
    ("architecture", "parameters"),
    [
        ("densenet121", 7_978_856),
        ("densenet161", 28_681_000),
        ("densenet169", 14_149_480),
        ("densenet201", 20_013_928),
    ],
)
def test_number_of_parameters_is_the_published_one(architecture: str, parameters: int) -> None:
    ours, _ = on_meta(architecture)
    assert sum(parameter.numel() for parameter in ours.parameters()) == parameters


def test_forward_is_features_then_head() -> None:
    network = tiny().eval()
    maps = network.forward_features(images())
    assert maps.shape == (3, network.num_features, 8, 8)  # one transition, so 64 / 4 / 2
    assert maps.min() == 0  # a ReLU came last
    assert torch.equal(network.forward_head(maps), network(images()))
    embeddings = network.forward_head(maps, pre_logits=True)
    assert torch.allclose(embeddings, maps.mean(dim=(2, 3)))
    assert torch.equal(network.classifier(embeddings), network(images()))


def test_head_works_on_maps_of_any_size() -> None:
    network = tiny().eval()
    assert network(images(32)).shape == network(images(96)).shape == (3, 5)


def test_reset_classifier_leaves_the_features_as_they_are() -> None:
    network = tiny().double().eval()
    before = network.forward_features(images().double())
    network.reset_classifier(7)
    assert network.num_classes == 7
    assert network(images().double()).shape == (3, 7)
    assert network.classifier.weight.dtype == torch.float64
    assert network.classifier.bias.abs().max() == 0
    assert torch.equal(network.forward_features(images().double()), before)


def test_no_classes_means_embeddings() -> None:
    network = tiny(num_classes=0).eval()
    assert network(images()).shape == (3, network.num_features)
    assert not [key for key in network.state_dict() if key.startswith("classifier")]


def one_step(network: DenseNet) -> dict[str, Tensor]:
    """Outputs, gradients and buffers after one training step on fixed images."""
    network.train()
    pixels = images().requires_grad_()
    torch.manual_seed(5)  # for dropout
    outputs = network(pixels)
    outputs.square().sum().backward()
    return {
        "outputs": outputs.detach(),
        "gradient of images": pixels.grad,
        **{f"gradient of {name}": parameter.grad for name, parameter in network.named_parameters()},
        **dict(network.named_buffers()),
    }


@pytest.mark.parametrize("drop_rate", [0.0, 0.3])
def test_memory_efficient_changes_no_bit_of_outputs_gradients_or_statistics(drop_rate: float) -> None:
    plain = one_step(tiny(drop_rate=drop_rate))
    efficient = one_step(tiny(drop_rate=drop_rate, memory_efficient=True))
    assert plain.keys() == efficient.keys()
    assert [name for name in plain if not torch.equal(plain[name], efficient[name])] == []


def test_memory_efficient_counts_each_batch_once() -> None:
    # Computing the bottleneck again in the backward pass must not move the running statistics again.
    network = tiny(memory_efficient=True)
    before = {name: int(value) for name, value in network.named_buffers() if name.endswith("batches_tracked")}
    after = one_step(network)
    assert {int(after[name]) - count for name, count in before.items()} == {1}


def test_memory_efficient_keeps_the_very_buffers_it_had() -> None:
    network = tiny(memory_efficient=True)
    before = {name: buffer.data_ptr() for name, buffer in network.named_buffers()}
    one_step(network)
    assert {name: buffer.data_ptr() for name, buffer in network.named_buffers()} == before


def test_memory_efficient_keeps_less_for_the_backward_pass() -> None:
    def kept(network: DenseNet) -> int:
        total = 0

        def count(tensor: Tensor) -> Tensor:
            nonlocal total
            total += tensor.numel()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
            network.train()(images())
        return total

    config = DenseNetConfig(growth_rate=8, block_config=(12,), num_init_features=16)  # deep, as the real ones
    assert kept(DenseNet(config, memory_efficient=True)) < 0.7 * kept(DenseNet(config))


def test_memory_efficient_gives_the_same_in_evaluation() -> None:
    efficient = tiny(memory_efficient=True).eval()(images().requires_grad_())
    assert torch.equal(efficient, tiny().eval()(images()))


def test_dropout_acts_in_training_only() -> None:
    network = tiny(drop_rate=0.5)
    assert torch.equal(network.eval()(images()), tiny().eval()(images()))
    assert not torch.equal(network.train()(images()), tiny().train()(images()))


@pytest.mark.parametrize("drop_rate", [-0.1, 1.0, 3])
def test_an_impossible_drop_rate_is_refused(drop_rate: float) -> None:
    with pytest.raises(ConfigError, match=rf"drop_rate is {drop_rate}: expected 0 ≤ drop_rate < 1"):
        DenseNet(TINY, drop_rate=drop_rate)


@pytest.mark.parametrize("num_classes", [-1, 2.5, "10", True])
def test_an_impossible_number_of_classes_is_refused(num_classes: object) -> None:
    with pytest.raises(ConfigError, match=rf"num_classes is {num_classes!r}: expected 0 \(no"):
        DenseNet(TINY, num_classes=num_classes)  # type: ignore[arg-type]


def test_a_network_made_by_hand_says_so() -> None:
    network = tiny()
    assert network.weights.name == "by hand"
    assert network.preprocessing.crop == 128
