"""The table of torchvision's networks: counted here, and held to what is known of them."""

import pytest
import torch
from torch import nn

from densekit.errors import ConfigError
from densekit.model.proof.zoo_table import (
    FAMILIES,
    accuracy_of,
    build_empty,
    count,
    measure,
    published,
    zoo_table,
)
from densekit.vision import torchvision


class Branches(nn.Module):
    """Two convolutions in a row beside a single one, and a layer that is not used."""

    def __init__(self):
        super().__init__()
        self.long = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 4, 1, bias=False))
        self.short = nn.Conv2d(3, 4, 1, bias=False)
        self.auxiliary = nn.Linear(4, 1000)
        self.classifier = nn.Linear(4, 2)

    def forward(self, images):
        return self.classifier((self.long(images) + self.short(images)).mean((2, 3)))


class TestCount:
    def test_the_longest_way_counts_as_depth_and_what_is_not_used_does_not_count(self):
        depth, parameters, multiply_adds = count(Branches(), image_size=5)
        assert depth == 3  # two convolutions and the classifier
        assert parameters == (3 * 4 * 9 + 4) + 4 * 4 + 3 * 4 + (4 * 2 + 2)
        assert multiply_adds == 25 * (3 * 4 * 9 + 4 * 4 + 3 * 4) + 4 * 2

    def test_a_convolution_in_groups_does_less(self):
        one = nn.Sequential(nn.Conv2d(3, 6, 1), nn.Conv2d(6, 6, 3, groups=6), nn.AdaptiveAvgPool2d(1))
        assert count(one, image_size=5) == (2, 3 * 6 + 6 + 6 * 9 + 6, 25 * 18 + 9 * 54)

    def test_a_layer_that_is_used_twice_works_twice_and_is_learned_once(self):
        shared = nn.Conv2d(3, 3, 1, bias=False)
        assert count(nn.Sequential(shared, shared), image_size=2) == (2, 9, 2 * 4 * 9)


@pytest.mark.parametrize(
    ("name", "depth"),
    [("alexnet", 8), ("vgg16", 16), ("resnet18", 18), ("resnet50", 50), ("densenet121", 121)],
)
def test_the_counted_numbers_are_the_known_ones(name, depth):
    entry = measure(name)
    weights = published(name)[0]
    assert entry.depth == depth  # the number that most of them carry in their name
    assert entry.parameters == weights.meta["num_params"]
    assert round(entry.multiply_adds / 1e9, 3) == weights.meta["_ops"]


def test_auxiliary_classifiers_are_left_out():
    assert measure("googlenet").parameters == published("googlenet")[0].meta["num_params"]
    everything = sum(parameter.numel() for parameter in build_empty("googlenet").parameters())
    assert measure("googlenet").parameters < everything


def test_the_accuracy_is_that_of_the_first_weights():
    weights = torchvision.models.ResNet50_Weights
    entry = measure("resnet50")
    assert entry.weights == "IMAGENET1K_V1"
    assert entry.accuracy == accuracy_of(weights.IMAGENET1K_V1) == 76.13
    assert published("resnet50") == [weights.IMAGENET1K_V1, weights.IMAGENET1K_V2]


def test_weights_for_something_else_are_left_out():
    assert len(torchvision.models.VGG16_Weights) > len(published("vgg16")) == 1


def test_the_table_has_a_row_for_each_network():
    table = zoo_table(["alexnet", "squeezenet1_0"])
    assert list(table.index) == ["alexnet", "squeezenet1_0"]
    assert table.loc["alexnet", "family"] == FAMILIES["alexnet"] == "AlexNet"
    assert {"depth", "parameters", "multiply_adds", "image_size", "accuracy", "weights"} < set(table.columns)


def test_nothing_is_kept_in_memory():
    assert all(parameter.device == torch.device("meta") for parameter in build_empty("alexnet").parameters())


def test_an_unknown_network_is_refused_with_the_nearest_name():
    with pytest.raises(ConfigError, match=r"'alexnett': did you mean 'alexnet'\?"):
        measure("alexnett")
