"""Planted bugs: mistakes that people make when they write a DenseNet, each put into a good one.

They are what a proof is tried on. One that finds none of them would prove nothing, and whoever has seen where
each first shows will find their own:

    buggy = PLANTED["newest first"](network)          # a copy; the network stays as it is
    report = compare_networks(buggy, network, images)
    report.first_difference.seen_at                   # 'features.denseblock1.denselayer2.norm1'

They suit every DenseNet with two blocks or more, and two layers or more in the first; `specimen()` is one.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn

from densekit.errors import DensekitError, nearest
from densekit.model.architectures import DenseNetConfig
from densekit.model.densenet import DenseLayer, DenseNet, Transition
from densekit.model.proof import mistakes
from densekit.model.proof.parity import randomise
from densekit.model.weights import seeded

_LAYER = "features.denseblock1.denselayer"


@dataclass(frozen=True)
class PlantedBug:
    """A mistake: call it with a good network, and it returns a copy that has the mistake in it.

    Args:
        name: a few words.
        written: the line of code that is wrong.
        meant: the line that it should be.
        shows_at: the module whose output is the first to differ.
        look_at: the module whose own code is to blame: the same one, or the one that feeds it.
        reason: why it shows there and no earlier.
        hidden_by: what hides it as long as it is freshly made, so that in evaluation mode the logits agree up to
            rounding: 'BatchNorms' (gain 1, bias 0, mean 0, variance 1) or 'classifier' (bias 0); else empty.
        harmless: whether the logits agree with any weights.
        plant: puts it into a network, in place.
    """

    name: str
    written: str
    meant: str
    shows_at: str
    look_at: str
    reason: str
    plant: Callable[[DenseNet], None]
    hidden_by: Literal["", "BatchNorms", "classifier"] = ""
    harmless: bool = False

    @property
    def hidden(self) -> bool:
        """Whether a freshly made network hides it."""
        return bool(self.hidden_by)

    def __call__(self, network: DenseNet) -> DenseNet:
        """Return a copy of the network with the mistake in it."""
        buggy = copy.deepcopy(network)
        with torch.no_grad():
            self.plant(buggy)
        return buggy


def _wrong_eps(network: DenseNet) -> None:
    for norm in _norms(network):
        norm.eps = 1e-3


def _statistics_left_behind(network: DenseNet) -> None:
    for norm in _norms(network):
        norm.reset_running_stats()


def _gains_and_biases_exchanged(network: DenseNet) -> None:
    for norm in _norms(network):
        norm.weight, norm.bias = norm.bias, norm.weight


def _stride_for_a_pool(network: DenseNet) -> None:
    for transition in _transitions(network):
        conv: Any = transition.conv
        conv.stride = (2, 2)
        transition.pool = nn.Identity()


def _border_repeated(network: DenseNet) -> None:
    for layer in network.modules():
        if isinstance(layer, DenseLayer):
            layer.conv2.padding_mode = "replicate"


def _classifier_bias_dropped(network: DenseNet) -> None:
    if isinstance(network.classifier, nn.Linear):
        nn.init.zeros_(network.classifier.bias)


def _norms(network: DenseNet) -> list[nn.BatchNorm2d]:
    return [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]


def _transitions(network: DenseNet) -> list[Transition]:
    return [module for module in network.modules() if isinstance(module, Transition)]


_BUGS = (
    PlantedBug(
        name="newest first",
        written="torch.cat([new, everything], dim=1)",
        meant="torch.cat([everything, new], dim=1)",
        shows_at=f"{_LAYER}2.norm1",
        look_at=f"{_LAYER}2",
        reason="The first layer of a block has nothing to put side by side; the second is the first that does.",
        plant=mistakes.newest_first,
    ),
    PlantedBug(
        name="wrong eps",
        written="nn.BatchNorm2d(channels, eps=1e-3)",
        meant="nn.BatchNorm2d(channels)  # eps=1e-5",
        shows_at="features.norm0",
        look_at="features.norm0",
        reason="Every norm has it, and the stem's is the first. The difference is small, but not rounding.",
        plant=_wrong_eps,
    ),
    PlantedBug(
        name="statistics left behind",
        written="for mine, theirs in zip(own.parameters(), reference.parameters()): mine.copy_(theirs)",
        meant="own.load_state_dict(reference.state_dict())",
        shows_at="features.norm0",
        look_at="features.norm0",
        reason="Running mean and variance are buffers, not parameters: each norm still has 0 and 1.",
        plant=_statistics_left_behind,
        hidden_by="BatchNorms",
    ),
    PlantedBug(
        name="filled by position",
        written="own.norm.bias, own.norm.weight = weights[5], weights[6]",
        meant="own.norm.bias, own.norm.weight = weights['norm.bias'], weights['norm.weight']",
        shows_at="features.norm0",
        look_at="features.norm0",
        reason="Gain and bias of a norm have the same shape, so nothing complains when they change places.",
        plant=_gains_and_biases_exchanged,
    ),
    PlantedBug(
        name="average pool in the stem",
        written="nn.AvgPool2d(kernel_size=3, stride=2, padding=1)",
        meant="nn.MaxPool2d(kernel_size=3, stride=2, padding=1)",
        shows_at="features.pool0",
        look_at="features.pool0",
        reason="The shapes are right, the values are not: the stem takes the largest of nine.",
        plant=mistakes.average_pool_in_the_stem,
    ),
    PlantedBug(
        name="ReLU before norm",
        written="self.conv1(self.norm1(everything.relu()))",
        meant="self.conv1(self.norm1(everything).relu())",
        shows_at=f"{_LAYER}1.relu1",
        look_at=f"{_LAYER}1",
        reason="What comes from the stem has no negative values, so the first norm1 does not notice the ReLU "
        "before it; but what leaves the norm is not rectified any more.",
        plant=mistakes.written_as(mistakes.FirstReluBeforeNorm, instead_of=DenseLayer),
        hidden_by="BatchNorms",
    ),
    PlantedBug(
        name="border repeated",
        written='nn.Conv2d(128, 32, 3, padding=1, padding_mode="replicate", bias=False)',
        meant="nn.Conv2d(128, 32, 3, padding=1, bias=False)",
        shows_at=f"{_LAYER}1.conv2",
        look_at=f"{_LAYER}1.conv2",
        reason="A 1×1 convolution has no border. The first 3×3 one stands at the end of the first dense layer.",
        plant=_border_repeated,
    ),
    PlantedBug(
        name="max pool in the transitions",
        written="nn.MaxPool2d(kernel_size=2, stride=2)",
        meant="nn.AvgPool2d(kernel_size=2, stride=2)",
        shows_at="features.transition1.pool",
        look_at="features.transition1.pool",
        reason="The whole first block is right; the pool is the last step of a transition.",
        plant=mistakes.max_pool_in_transitions,
    ),
    PlantedBug(
        name="stride for a pool",
        written="nn.Conv2d(256, 128, 1, stride=2, bias=False)",
        meant="nn.Conv2d(256, 128, 1, bias=False), nn.AvgPool2d(2)",
        shows_at="features.transition1.conv",
        look_at="features.transition1.conv",
        reason="The map is half as large already behind the convolution. After the pool's place the shapes agree "
        "again, the values don't: three quarters of them were never looked at.",
        plant=_stride_for_a_pool,
    ),
    PlantedBug(
        name="pool before convolution",
        written="self.conv(self.pool(x))",
        meant="self.pool(self.conv(x))",
        shows_at="features.transition1.conv",
        look_at="features.transition1",
        reason="Inside a transition the maps have other shapes, but what leaves it is the same.",
        plant=mistakes.written_as(mistakes.PoolBeforeConvolution, instead_of=Transition),
        harmless=True,
    ),
    PlantedBug(
        name="last ReLU forgotten",
        written="maps = self.features(images)",
        meant="maps = self.features(images).relu()",
        shows_at="classifier",
        look_at="network",
        reason="That ReLU is no module, so it has no rung: norm5 agrees, and the next one that computes is "
        "the classifier.",
        plant=mistakes.no_last_relu,
    ),
    PlantedBug(
        name="max-pooled embeddings",
        written="maps.amax(dim=(2, 3))",
        meant="maps.mean(dim=(2, 3))",
        shows_at="classifier",
        look_at="network",
        reason="That pool is a function call between norm5 and the classifier, which gets another input.",
        plant=mistakes.max_pooled_embeddings,
    ),
    PlantedBug(
        name="classifier without its bias",
        written="own.classifier.weight.copy_(weights['classifier.weight'])  # and that was all",
        meant="own.classifier.load_state_dict(…)  # weight and bias",
        shows_at="classifier",
        look_at="classifier",
        reason="Everything before it agrees, its input too: it is the classifier itself.",
        plant=_classifier_bias_dropped,
        hidden_by="classifier",
    ),
)

PLANTED: dict[str, PlantedBug] = {bug.name: bug for bug in _BUGS}
"""All planted bugs by their names, in the order in which a network meets them."""

Norms = Literal["randomised", "freshly made"]

NORMS: tuple[Norms, Norms] = ("randomised", "freshly made")


def specimen(norms: Norms = "randomised", num_classes: int = 3, seed: int = 0) -> DenseNet:
    """Return a good network to plant bugs in: one of everything, float64, so small that it takes milliseconds.

    Args:
        norms: BatchNorms with random gains, biases and statistics, and a classifier with a random bias; or both
            as torch and `DenseNet` make them.
        num_classes: outputs of its classifier.
        seed: of all weights.

    Raises:
        DensekitError: no such BatchNorms.
    """
    if norms not in NORMS:
        raise DensekitError(f"no BatchNorms are called '{norms}': {nearest(str(norms), NORMS)}")
    config = DenseNetConfig(growth_rate=4, block_config=(2, 2), num_init_features=8)
    with seeded(seed):
        network = DenseNet(config, num_classes).double().eval()
    if norms == "randomised":
        randomise(network, torch.Generator().manual_seed(seed))
    return network
