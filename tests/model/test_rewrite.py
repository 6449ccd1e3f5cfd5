import copy
import pickle

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from densekit.errors import ConfigError
from densekit.model.architectures import ARCHITECTURES, DenseNetConfig, read_architecture
from densekit.model.densenet import DenseNet
from densekit.model.frozen import convolution, folding, rewrite
from densekit.model.frozen.folding import Squeeze
from densekit.model.frozen.rewrite import frozen
from densekit.model.proof.planted import specimen

TINY = DenseNetConfig(growth_rate=8, block_config=(2, 3, 2), num_init_features=16)


def randomised(config: DenseNetConfig, dtype: torch.dtype = torch.float64) -> DenseNet:
    """A network whose norms have gains above, below and at zero, and statistics that are not 0 and 1."""
    torch.manual_seed(0)
    network = DenseNet(config, num_classes=5).to(dtype).eval()
    for norm in network.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.eps = 3e-4
            with torch.no_grad():
                norm.weight.uniform_(0.5, 1.5)
                norm.weight[torch.rand(norm.num_features) < 0.2] *= -1
                norm.weight[torch.rand(norm.num_features) < 0.1] = 0
                norm.bias.normal_(0, 0.3)
            assert norm.running_mean is not None and norm.running_var is not None
            norm.running_mean.normal_(0, 0.3)
            norm.running_var.uniform_(0.5, 2)
    return network


def eager(network: DenseNet, images: Tensor) -> tuple[Tensor, Tensor]:
    with torch.no_grad():
        maps = network.forward_features(images)
        return maps, network.forward_head(maps, pre_logits=True)


def difference(one: Tensor, other: Tensor) -> float:
    assert one.shape == other.shape
    return (one.double() - other.double()).abs().max().item()


@pytest.fixture(scope="module")
def tiny() -> DenseNet:
    return randomised(TINY)


@pytest.fixture(scope="module")
def images() -> Tensor:
    return torch.randn(3, 3, 64, 96, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.slow
def test_the_rewrite_equals_the_network(architecture: str) -> None:
    network = randomised(read_architecture(architecture))
    images = torch.randn(2, 3, 64, 96, dtype=torch.float64)
    maps, embeddings = eager(network, images)
    assert difference(frozen(network).forward_features(images), maps) < 1e-12
    assert difference(frozen(network)(images), embeddings) < 1e-12

    network, images = network.float(), images.float()
    _, embeddings = eager(network, images)
    assert difference(frozen(network)(images), embeddings) < 1e-5


@pytest.mark.parametrize("size", [(32, 32), (33, 47), (75, 96), (64, 34), (130, 61)])
@pytest.mark.parametrize("number", [0, 1, 5])
def test_any_size_and_number_of_images_will_do(tiny: DenseNet, size: tuple[int, int], number: int) -> None:
    images = torch.randn(number, 3, *size, dtype=torch.float64)
    maps, _ = eager(tiny, images)
    found = frozen(tiny).forward_features(images)
    assert found.shape == maps.shape
    assert torch.allclose(found, maps, rtol=0, atol=1e-12)


def test_images_in_chunks_and_parts_give_the_same(
    tiny: DenseNet, images: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = frozen(tiny)(images)
    monkeypatch.setattr(rewrite, "CHUNK", 2 * 64 * 96 * 8)  # two images, then one
    monkeypatch.setattr(rewrite, "PART", 1)  # image by image
    assert difference(frozen(tiny)(images), whole) < 1e-12


def without_negative_gains(self: Squeeze, x: Tensor, out: Tensor) -> Tensor:
    return torch.maximum(x, torch.maximum(self.lower, -self.upper), out=out).permute(0, 3, 1, 2)


def without_upper_bounds(self: Squeeze, x: Tensor, out: Tensor) -> Tensor:
    return torch.maximum(x, self.lower, out=out).permute(0, 3, 1, 2)


def without_clamps(self: Squeeze, x: Tensor, out: Tensor) -> Tensor:
    return out.copy_(x).permute(0, 3, 1, 2)


@pytest.mark.parametrize("wrong", [without_negative_gains, without_upper_bounds, without_clamps])
def test_a_wrong_clamp_would_be_seen(
    tiny: DenseNet, images: Tensor, monkeypatch: pytest.MonkeyPatch, wrong: object
) -> None:
    monkeypatch.setattr(Squeeze, "clamp", wrong)
    assert difference(frozen(tiny)(images), eager(tiny, images)[1]) > 1e-3


@pytest.mark.parametrize("mistake", ["eps", "zero gains", "running mean"])
def test_a_wrong_norm_would_be_seen(
    tiny: DenseNet, images: Tensor, monkeypatch: pytest.MonkeyPatch, mistake: str
) -> None:
    other = copy.deepcopy(tiny)
    for norm in other.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.eps = 1e-5 if mistake == "eps" else norm.eps
            with torch.no_grad():
                norm.bias[(norm.weight == 0) & (mistake == "zero gains")] = 0
            assert norm.running_mean is not None
            norm.running_mean *= mistake != "running mean"
    assert difference(frozen(other)(images), eager(tiny, images)[1]) > 1e-6


@pytest.mark.parametrize("gain", [1.0, -1.0, 0.0, 1e-300, -1e-300])
@pytest.mark.parametrize("offset", [0.0, 0.7, -0.7])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_one_channel_is_folded_for_every_sign(gain: float, offset: float, dtype: torch.dtype) -> None:
    norm, conv = nn.BatchNorm2d(1, eps=0).double(), nn.Conv2d(1, 1, 1, bias=False).double()
    with torch.no_grad():
        norm.weight.fill_(gain)
        norm.bias.fill_(offset)
        conv.weight.fill_(2)
    zero = torch.zeros(1, dtype=torch.float64)
    squeeze = Squeeze(norm, conv, zero, dtype, after=(zero + 1, zero), rectified=False)
    x = torch.linspace(-3, 3, 25, dtype=dtype).view(1, 5, 5, 1)
    found = squeeze.conv(squeeze.clamp(x, out=torch.empty_like(x)))
    expected = 2 * F.relu(gain * x.double() + offset).permute(0, 3, 1, 2)
    assert difference(found, expected) < {8: 1e-14, 4: 1e-6, 2: 0.05}[dtype.itemsize]


class TestBfloat16:
    @pytest.mark.slow
    def test_it_is_as_near_to_the_network_as_autocast(self) -> None:
        network = randomised(read_architecture("densenet121"), torch.float32)
        images = torch.randn(2, 3, 64, 64)
        _, exact = eager(network.double(), images.double())
        network = network.float()
        with torch.autocast("cpu", torch.bfloat16):
            _, autocast = eager(network, images)
        found = frozen(network, torch.bfloat16)(images)
        assert found.dtype == torch.float32
        assert difference(found, exact) < 2 * difference(autocast, exact)
        assert F.cosine_similarity(found.double(), exact).min() > 0.9999

    def test_integer_clamps_equal_clamps_in_floating_point(self) -> None:
        network = randomised(TINY, torch.float32)
        rewrite = frozen(network, torch.bfloat16)
        squeezes = [module for module in rewrite.modules() if isinstance(module, Squeeze)]
        assert squeezes and all(squeeze.lower.dtype == torch.int16 for squeeze in squeezes)
        for squeeze in squeezes:
            x = torch.randn(1, 9, 9, squeeze.lower.numel()).bfloat16() * 3
            lower, upper = (edge.clone().view(torch.bfloat16) for edge in (squeeze.lower, squeeze.upper))
            lower[squeeze.lower == torch.iinfo(torch.int16).min] = -torch.inf
            upper[squeeze.upper == torch.iinfo(torch.int16).max] = torch.inf
            found = squeeze.clamp(x, out=torch.empty_like(x)).permute(0, 2, 3, 1)
            assert torch.equal(found, torch.clamp(x, lower, upper))

    def test_a_layer_that_hardly_rectifies_clamps_in_floating_point(self, images: Tensor) -> None:
        network = randomised(TINY, torch.float32)
        layer = network.get_submodule("features.denseblock2.denselayer2")
        with torch.no_grad():
            layer.get_parameter("norm1.weight").fill_(1e-3)
            layer.get_parameter("norm1.bias").fill_(1)
        rewrite = frozen(network, torch.bfloat16)
        assert rewrite.get_buffer("blocks.1.layers.1.bottleneck.lower").dtype == torch.bfloat16
        _, exact = eager(network.double(), images)
        assert F.cosine_similarity(rewrite(images.float()).double(), exact).min() > 0.999

    def test_the_origin_is_never_above_a_bend(self) -> None:
        network = randomised(TINY, torch.float32)
        block = network.get_submodule("features.denseblock3")
        reader = network.get_submodule("features.norm5")
        origin = folding.origin_of(block, reader, torch.bfloat16)  # type: ignore[arg-type]
        assert torch.equal(origin, origin.bfloat16().double())
        scale, shift = folding.scale_and_shift(reader)  # type: ignore[arg-type]
        assert (origin <= -shift / scale)[scale != 0].all()


def test_the_network_is_left_as_it_is_and_nothing_is_shared(tiny: DenseNet, images: Tensor) -> None:
    network = copy.deepcopy(tiny).train()
    before = copy.deepcopy(network.state_dict())
    rewrite = frozen(network)
    embeddings = rewrite(images)
    assert network.training
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    with torch.no_grad():
        for value in network.state_dict().values():
            value.zero_()
    assert torch.equal(rewrite(images), embeddings)


def test_what_is_returned_is_not_overwritten_and_can_be_trained_on(tiny: DenseNet, images: Tensor) -> None:
    rewrite = frozen(tiny)
    maps, embeddings = rewrite.forward_features(images), rewrite(images)
    kept = maps.clone(), embeddings.clone()
    rewrite(images.flip(0) * 2)
    assert torch.equal(maps, kept[0]) and torch.equal(embeddings, kept[1])
    assert not embeddings.requires_grad
    head = nn.Linear(rewrite.num_features, 2).double()
    head(embeddings).sum().backward()
    assert head.weight.grad is not None


def test_a_size_that_comes_back_after_another_gives_the_same(tiny: DenseNet, images: Tensor) -> None:
    rewrite = frozen(tiny)
    first = rewrite(images)
    rewrite(torch.randn(2, 3, 160, 128, dtype=torch.float64))
    rewrite(images[:1, :, :32, :32])
    assert torch.equal(rewrite(images), first)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 0.05)])
def test_a_torch_without_packed_convolutions_gives_the_same(
    tiny: DenseNet, images: Tensor, monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype, tolerance: float
) -> None:
    rewrite = frozen(tiny, dtype)
    packed = rewrite(images)
    monkeypatch.setattr(convolution, "_has_packed_convolution", lambda dtype: False)
    monkeypatch.setattr(convolution, "_packed_convolution", None)
    assert difference(rewrite(images), packed) < tolerance


def test_weights_that_change_are_packed_again(tiny: DenseNet, images: Tensor) -> None:
    rewrite = frozen(tiny, torch.float32)
    rewrite(images)
    other = frozen(DenseNet(TINY).eval(), torch.float32)
    rewrite.load_state_dict(other.state_dict())
    assert torch.equal(rewrite(images), other(images))


def test_it_can_be_copied_and_pickled(tiny: DenseNet, images: Tensor) -> None:
    rewrite = frozen(tiny, torch.float32)
    expected = rewrite(images)
    assert torch.equal(copy.deepcopy(rewrite)(images), expected)
    assert torch.equal(pickle.loads(pickle.dumps(rewrite))(images), expected)


def test_other_dtypes_are_refused(tiny: DenseNet) -> None:
    with pytest.raises(ConfigError, match=r"dtype is torch.float16: expected torch.float64"):
        frozen(tiny, torch.float16)
    with pytest.raises(ConfigError, match=r"torch.float64 is folded in: make another with frozen"):
        frozen(tiny).to(torch.bfloat16)
    assert frozen(tiny).to("cpu", torch.float64).dtype == torch.float64


class TestWhatIsNoNumber:
    @pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
    @pytest.mark.parametrize("cut", ["classifier", "denseblock2"])
    def test_an_image_with_a_nan_has_nan_features_and_the_others_theirs(
        self, dtype: torch.dtype, cut: str
    ) -> None:
        network = specimen().float()
        images = torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
        expected = frozen(network, dtype, cut)(images)
        images[1, 0, 5, 5] = torch.nan
        found = frozen(network, dtype, cut)(images)
        assert bool(found[1].isnan().all())
        assert torch.equal(found[[0, 2]], expected[[0, 2]])

    def test_a_bright_image_in_half_precision_has_the_features_of_its_numbers(self) -> None:
        rewritten = frozen(specimen().float())
        bright = torch.full((1, 3, 224, 224), 2.0)  # which add up to more than half precision has numbers for
        found = rewritten(bright.half())
        assert bool(found.isfinite().all())
        assert torch.equal(found, rewritten(bright))

    @pytest.mark.parametrize("value", [torch.nan, torch.inf])
    def test_an_image_in_half_precision_that_holds_no_number_has_nan_features(self, value: float) -> None:
        images = torch.zeros(2, 3, 32, 32, dtype=torch.half)
        images[1, 0, 5, 5] = value
        found = frozen(specimen().float())(images)
        assert bool(found[0].isfinite().all()) and bool(found[1].isnan().all())

    @pytest.mark.parametrize("value", [torch.nan, torch.inf])
    @pytest.mark.parametrize(
        "name",
        [
            "features.conv0.weight",
            "features.norm0.bias",
            "features.denseblock1.denselayer1.norm1.running_mean",
            "features.denseblock1.denselayer2.norm1.weight",
            "features.transition1.norm.bias",
        ],
    )
    def test_weights_that_are_no_numbers_give_none(self, name: str, value: float) -> None:
        network = specimen().float()
        with torch.no_grad():
            network.state_dict()[name].view(-1)[0] = value
        assert bool(frozen(network)(torch.zeros(2, 3, 32, 32)).isnan().all())

    def test_a_variance_below_zero_gives_none(self) -> None:
        network = specimen().float()
        network.state_dict()["features.norm0.running_var"][0] = -1.0
        assert bool(frozen(network)(torch.zeros(1, 3, 32, 32)).isnan().all())


@pytest.mark.parametrize("made_inside", [True, False])
def test_inference_mode_leaves_nothing_behind_that_is_of_no_use_outside(made_inside: bool) -> None:
    network = specimen().float()
    few, more = torch.randn(1, 3, 32, 32), torch.randn(3, 3, 64, 64)
    with torch.inference_mode(made_inside):
        rewritten = frozen(network)
    expected = rewritten(more)
    with torch.inference_mode():
        rewritten(few)
        first_used_inside = frozen(network)
        found = first_used_inside(more)
        assert torch.equal(rewritten(more), expected)
    assert torch.equal(found, expected)
    assert torch.equal(rewritten(more), expected)
    assert torch.equal(first_used_inside(few), rewritten(few))
