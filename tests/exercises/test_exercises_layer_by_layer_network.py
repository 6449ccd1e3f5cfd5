"""The checkers of block and network accept every right way to write them and say what is wrong with others."""

from functools import partial

import torch
from in_other_words import Block, Layer, Net
from torch import nn
from torch.nn import functional as F

from densekit.exercises.layer_by_layer import network as check
from densekit.exercises.testing import assert_checker
from densekit.model import densenet
from densekit.model.architectures import DenseNetConfig


class TestExercise6:
    def test_other_ways_to_write_it_are_right(self):
        assert_checker(
            check.exercise_6,
            part=True,
            right=[Block, densenet.DenseBlock],
            wrong=[(densenet.Transition, "positional arguments")],
        )

    def test_usual_mistakes_are_named(self):
        class NewestFirst(Block):
            def forward(self, x):
                for layer in self.children():
                    x = torch.cat([layer([x]), x], 1)
                return x

        class JoinedBackwards(Block):
            def forward(self, x):
                features = [x]
                for layer in self.children():
                    features.append(layer(features))
                return torch.cat(features[::-1], 1)

        class NewOnly(Block):
            def forward(self, x):
                return super().forward(x)[:, x.shape[1] :]

        class Chain(Block):
            def forward(self, x):
                for layer in self.children():
                    x = layer([x])
                return x

        class Twice(Block):
            def forward(self, x):
                for layer in self.children():
                    x = torch.cat([x, x, layer([x])], 1)
                return x

        class Listed(nn.Module):
            def __init__(self, *numbers):
                super().__init__()
                self.layers = [Layer(6, 4, 2)]  # a plain list hides its layers from torch

            def forward(self, x):
                return x

        assert_checker(
            check.exercise_6,
            part=True,
            right=[Block],
            wrong=[
                (NewestFirst, "when new features are put before the earlier ones"),
                (JoinedBackwards, "max|Δ|"),
                (NewOnly, "returns the shape (2, 3, 6, 5), expected (2, 8, 6, 5)"),
                (Chain, "returns the shape (2, 3, 6, 5), expected (2, 8, 6, 5)"),
                (Twice, "returns the shape (2, 13, 6, 5), expected (2, 8, 6, 5)"),
                (
                    partial(Block, step=2),
                    "denselayer2.norm1.weight in your DenseBlock has the shape (14,), expected (10,)",
                ),
                (partial(Block, step=0), "denselayer2.norm1.weight in your DenseBlock has the shape (6,)"),
                (partial(Block, first=0), "is called denselayer0.norm1.weight"),
                (Listed, "has 0 parameters, expected"),
                (lambda n, c, k, b: Block(n, c, 2 * k, b), "(12, 5, 1, 1), expected (6, 5, 1, 1)"),
            ],
        )


class TestExercise8:
    def test_other_ways_to_write_it_are_right(self):
        assert_checker(
            check.exercise_8,
            part=True,
            right=[Net, densenet.DenseNet],
            wrong=[(densenet.DenseBlock, "positional arguments")],
        )

    def test_usual_mistakes_are_named(self):
        def forward(method):
            return type("Wrong", (Net,), {"forward": method})

        def only_default(config, num_classes):
            return Net(DenseNetConfig(4, (2, 3, 1), 6, 2), num_classes)

        assert_checker(
            check.exercise_8,
            part=True,
            right=[Net],
            wrong=[
                (
                    forward(lambda net, x: net.classifier(net.features(x).mean((2, 3)))),
                    "without the ReLU behind norm5",
                ),
                (
                    forward(lambda net, x: net.classifier(F.relu(net.features(x)).amax((2, 3)))),
                    "with the largest value in the place of the average",
                ),
                (
                    forward(lambda net, x: net.classifier(F.relu(net.features(x).mean((2, 3))))),
                    "max|Δ|",
                ),
                (forward(lambda net, x: Net.forward(net, x).softmax(1)), "with a softmax at the end"),
                (
                    forward(
                        lambda net, x: net.classifier(
                            F.adaptive_avg_pool2d(F.relu(net.features(x)), 1).squeeze()
                        )
                    ),
                    "makes (13,) of a single one, expected (1, 13): look for a squeeze",
                ),
                (forward(lambda net, x: F.relu(net.features(x))), "returns the shape (2, 13, 2, 2)"),
                (
                    partial(Net, transition_behind_last=True),
                    "features.transition3.norm.weight, features.transition3.norm.bias, "
                    "features.transition3.norm.running_mean and 3 more should not be there",
                ),
                (partial(Net, halve=False), "has the shape (14, 14, 1, 1), expected (7, 14, 1, 1)"),
                (only_default, "the number of parameters is"),
            ],
        )
