"""The checkers of notebook 03 accept every right way to write a DenseNet and say what is wrong with others."""

from collections import OrderedDict
from functools import partial

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from densekit.exercises import layer_by_layer as check
from densekit.exercises.testing import assert_checker
from densekit.model import densenet
from densekit.model.architectures import DenseNetConfig


def test_exercise_1_knows_how_large_maps_become():
    def by_counting(side, kernel_size, stride, padding):
        return len(range(0, side + 2 * padding - kernel_size + 1, stride))

    assert_checker(
        check.exercise_1,
        right=[lambda side, k, s, p: (side + 2 * p - k) // s + 1, by_counting],
        wrong=[
            (
                lambda side, k, s, p: (side + 2 * p - k) / s + 1,
                "output_side(224, 7, 2, 3) is 112.5, expected 112",
            ),
            (lambda side, k, s, p: (side - k) // s + 1, "output_side(224, 7, 2, 3) is 109, expected 112"),
            (lambda side, k, s, p: (side + 2 * p - k) // s, "output_side(8, 3, 1, 0) is 5, expected 6"),
            (lambda side, k, s, p: side // s, "output_side(8, 3, 1, 0) is 8, expected 6"),
            (lambda side, k, s, p: (side + p - k) // s + 1, "is 111, expected 112"),
        ],
    )


class Stem(nn.Module):
    """A right stem in other words, with knobs to make it wrong."""

    def __init__(self, features, bias=False, pool_padding=1, order="norm relu pool", pool=F.max_pool2d):
        super().__init__()
        self.conv0 = nn.Conv2d(3, features, (7, 7), 2, 3, bias=bias)
        self.norm0 = nn.BatchNorm2d(features)
        self.steps = {
            "norm": self.norm0.forward,
            "relu": torch.relu,
            "pool": partial(pool, kernel_size=3, stride=2, padding=pool_padding),
        }
        self.order = order.split()

    def forward(self, images):
        x = self.conv0(images)
        for step in self.order:
            x = self.steps[step](x)
        return x


def test_exercise_2_knows_the_stem():
    unnamed = lambda features: nn.Sequential(*check.stem(features))  # noqa: E731
    assert_checker(
        check.exercise_2,
        right=[check.stem, Stem, partial(Stem, order="norm pool relu")],  # a maximum and a ReLU may swap
        wrong=[
            (
                partial(Stem, bias=True),
                "your stem has 900 parameters, expected 894: conv0.bias should not be there",
            ),
            (partial(Stem, pool_padding=0), "returns the shape (2, 6, 7, 7), expected (2, 6, 8, 8)"),
            (partial(Stem, order="norm pool"), "They are what comes out without the ReLU"),
            (partial(Stem, order="pool norm relu"), "when the pool stands before the norm"),
            (partial(Stem, order="relu norm pool"), "when the ReLU stands before the norm"),
            (partial(Stem, pool=F.avg_pool2d), "with an average in the place of the largest value"),
            (partial(Stem, order="norm relu"), "returns the shape (2, 6, 16, 16), expected (2, 6, 8, 8)"),
            (unnamed, "is called 0.weight, 1.weight, 1.bias and 3 more, expected conv0.weight"),
            (lambda features: None, "your stem is a NoneType, expected a torch.nn.Module"),
        ],
    )


def test_exercise_3_knows_the_parameters_of_a_layer():
    def by_building(in_channels, growth_rate, bn_size):
        layer = densenet.DenseLayer(in_channels, growth_rate, bn_size)
        return sum(parameter.numel() for parameter in layer.parameters())

    def by_formula(c, k, b, norm=2, bias=0, kernel=9, width=None):
        m = b * k if width is None else width
        return norm * c + (c + bias) * m + norm * m + (kernel * m + bias) * k

    assert_checker(
        check.exercise_3,
        right=[by_building, by_formula],
        wrong=[
            (
                partial(by_formula, bias=1),
                "layer_parameters(64, 32, 4) is 45600, expected 45440",
            ),
            (partial(by_formula, norm=0), "the parts have norm1 128, conv1 8,192, norm2 256, conv2 36,864"),
            (partial(by_formula, norm=4), "is 45824, expected 45440"),
            (partial(by_formula, kernel=1), "is 12672, expected 45440"),
            (partial(by_formula, width=128), "layer_parameters(10, 4, 2) is"),
            (lambda c, k, b: 9 * c * k, "is 18432, expected 45440"),
        ],
    )


class Layer(nn.Module):
    """A right dense layer in other words, with knobs to make it wrong."""

    def __init__(self, channels, growth_rate, bn_size, bias=False, kernel=3, padding=1, squeezed=None):
        super().__init__()
        width = squeezed or bn_size * growth_rate
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv1 = nn.Conv2d(channels, width, 1, bias=bias)
        self.norm2 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, growth_rate, kernel, padding=padding, bias=bias)

    def forward(self, features):
        x = torch.cat(features, 1)
        return self.conv2(F.relu(self.norm2(self.conv1(F.relu(self.norm1(x))))))


class TestExercise4:
    def test_other_ways_to_write_it_are_right(self):
        class InSteps(Layer):
            def forward(self, features):
                x = features[0]
                for more in features[1:]:
                    x = torch.cat((x, more), dim=1)
                for norm, conv in ((self.norm1, self.conv1), (self.norm2, self.conv2)):
                    x = conv(norm(x).clamp(min=0))
                return x

        class InPlace(Layer):
            def forward(self, features):
                x = self.conv1(self.norm1(torch.cat(features, 1)).relu_())
                return self.conv2(self.norm2(x).relu_())

        assert_checker(
            check.exercise_4,
            right=[Layer, InSteps, InPlace, densenet.DenseLayer],
            wrong=[(nn.Linear, "is called weight, bias, expected norm1")],
        )

    def test_a_wrong_order_or_a_missing_part_is_named(self):
        def forward(*steps):
            class Wrong(Layer):
                def forward(self, features):
                    x = torch.cat(features, 1)
                    for step in steps:
                        x = F.relu(x) if step == "relu" else getattr(self, step)(x)
                    return x

            return Wrong

        class Backwards(Layer):
            def forward(self, features):
                return super().forward(features[::-1])

        assert_checker(
            check.exercise_4,
            right=[forward("norm1", "relu", "conv1", "norm2", "relu", "conv2")],
            wrong=[
                (forward("norm1", "conv1", "norm2", "relu", "conv2"), "without the first ReLU"),
                (forward("norm1", "relu", "conv1", "norm2", "conv2"), "without the second ReLU"),
                (forward("norm1", "conv1", "norm2", "conv2"), "without the two ReLUs"),
                (
                    forward("relu", "norm1", "conv1", "relu", "norm2", "conv2"),
                    "the ReLUs stand before the norms",
                ),
                (
                    forward("norm1", "relu", "conv1", "norm2", "relu", "conv2", "relu"),
                    "with one more ReLU at the end",
                ),
                (forward("norm1", "relu", "conv1", "relu", "conv2"), "are not: max|Δ|"),
                (forward("conv1", "norm1", "relu", "norm2", "conv2"), "RuntimeError"),  # norm after conv
                (Backwards, "when the features are joined in the opposite order"),
            ],
        )

    def test_wrong_shapes_and_counts_are_quoted(self):
        class Keeps(Layer):
            def forward(self, features):
                return torch.cat([*features, super().forward(features)], 1)

        class LastOnly(Layer):
            def forward(self, features):
                return super().forward(features[-1:])

        assert_checker(
            check.exercise_4,
            right=[Layer],
            wrong=[
                (
                    partial(Layer, bias=True),
                    "has 376 parameters, expected 364: conv1.bias, conv2.bias should not be there",
                ),
                (partial(Layer, padding=0), "returns the shape (2, 4, 4, 3), expected (2, 4, 6, 5)"),
                (
                    partial(Layer, kernel=1, padding=0),
                    "conv2.weight in your DenseLayer has the shape (4, 8, 1, 1), expected (4, 8, 3, 3)",
                ),
                (partial(Layer, squeezed=4), "conv1.weight in your DenseLayer has the shape (4, 6, 1, 1)"),
                (
                    lambda c, k, b: Layer(c, 2 * k, b),
                    "conv1.weight in your DenseLayer has the shape (16, 6, 1, 1), expected (8, 6, 1, 1)",
                ),
                (Keeps, "returns the shape (2, 10, 6, 5), expected (2, 4, 6, 5)"),
                (LastOnly, "RuntimeError: running_mean should contain 4 elements not 14"),
                (lambda c, k, b: Layer(c, b, k), "has the shape (2, 8, 3, 3), expected (4, 8, 3, 3)"),
            ],
        )

    def test_what_only_shows_in_training_is_found(self):
        class Detached(Layer):
            def forward(self, features):
                return super().forward([feature.detach() for feature in features])

        class NotLearning(Layer):
            def forward(self, features):
                with torch.no_grad():
                    squeezed = self.conv1(F.relu(self.norm1(torch.cat(features, 1))))
                return self.conv2(F.relu(self.norm2(squeezed)))

        class Frozen(Layer):
            def train(self, mode=True):
                return super().train(False)

        class Forgetful(Layer):
            def __init__(self, *numbers):
                super().__init__(*numbers)
                self.norm2.momentum = 0.01

        class Dropping(Layer):
            def forward(self, features):
                return F.dropout(super().forward(features), 0.5, self.training)

        assert_checker(
            check.exercise_4,
            right=[Layer],
            wrong=[
                (
                    Detached,
                    "are right, but the gradient of its input is missing",
                ),
                (NotLearning, "the gradient of"),
                (Frozen, "in training mode they are not: max|Δ|"),
                (Forgetful, "after a training step, norm2.running_mean of your DenseLayer is off by"),
                (Dropping, "in training mode they are not"),
            ],
        )

    def test_what_others_still_need_is_not_overwritten(self):
        class Appending(Layer):
            def forward(self, features):
                new = super().forward(features)
                features.append(new)
                return new

        class Overwriting(Layer):
            def forward(self, features):
                new = super().forward(features)
                features[0].relu_()
                return new

        assert_checker(
            check.exercise_4,
            right=[Layer],
            wrong=[
                (Appending, "changes the list that it is given: it had 1 tensors and has 2 now"),
                (Overwriting, "overwrites its own input"),
            ],
        )


def test_exercise_5_knows_what_layers_see():
    def growing(num_layers, in_channels, growth_rate):
        seen = []
        for _ in range(num_layers):
            seen.append(in_channels)
            in_channels += growth_rate
        return tuple(seen)

    assert_checker(
        check.exercise_5,
        right=[
            growing,
            lambda n, c, k: [c + i * k for i in range(n)],
            lambda n, c, k: list(range(c, c + n * k, k)),
        ],
        wrong=[
            (
                lambda n, c, k: [c + (i + 1) * k for i in range(n)],
                "is [96, 128, 160, 192, 224, 256], expected [64,",
            ),
            (
                lambda n, c, k: [c + i * k for i in range(n + 1)],
                "is [64, 96, 128, 160, 192, 224, 256], expected",
            ),
            (lambda n, c, k: [c + 2 * i * k for i in range(n)], "is [64, 128, 192"),
            (lambda n, c, k: [c * 2**i for i in range(n)], "expected [64, 96, 128, 160, 192, 224]"),
            (lambda n, c, k: [k] * n, "is [32, 32"),
        ],
    )


class Block(nn.Module):
    """A right dense block in other words, with knobs to make it wrong."""

    def __init__(self, num_layers, in_channels, growth_rate, bn_size, step=1, first=1):
        super().__init__()
        for index in range(num_layers):
            layer = Layer(in_channels + step * index * growth_rate, growth_rate, bn_size)
            self.add_module(f"denselayer{index + first}", layer)

    def forward(self, x):
        for layer in self.children():
            x = torch.cat([x, layer([x])], 1)
        return x


class TestExercise6:
    def test_other_ways_to_write_it_are_right(self):
        assert_checker(
            check.exercise_6,
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


class Transition(nn.Module):
    """A right transition in other words, with knobs to make it wrong."""

    def __init__(self, in_channels, out_channels, order="norm relu conv pool", pool=F.avg_pool2d, **conv):
        super().__init__()
        self.norm = nn.BatchNorm2d(in_channels)
        self.conv = nn.Conv2d(in_channels, out_channels, 1, bias=False, **conv)
        self.steps = {"norm": self.norm, "conv": self.conv, "relu": F.relu, "pool": lambda x: pool(x, 2)}
        self.order = order.split()

    def forward(self, x):
        for step in self.order:
            x = self.steps[step](x)
        return x


def test_exercise_7_knows_the_transition():
    def norm_last(in_channels, out_channels):
        parts = OrderedDict(
            conv=nn.Conv2d(in_channels, out_channels, 1, bias=False), norm=nn.BatchNorm2d(out_channels)
        )
        return nn.Sequential(parts)

    assert_checker(
        check.exercise_7,
        # to average before a 1×1 convolution is the same, and cheaper
        right=[densenet.Transition, Transition, partial(Transition, order="norm relu pool conv")],
        wrong=[
            (partial(Transition, order="norm conv pool"), "without the ReLU"),
            (partial(Transition, order="norm pool relu conv"), "when the pool stands before the ReLU"),
            (partial(Transition, order="relu norm conv pool"), "when the ReLU stands before the norm"),
            (partial(Transition, pool=F.max_pool2d), "with the largest value in the place of the average"),
            (partial(Transition, order="norm relu conv"), "the shape (2, 4, 6, 5), expected (2, 4, 3, 2)"),
            (partial(Transition, stride=2), "the shape (2, 4, 1, 1), expected (2, 4, 3, 2)"),
            (norm_last, "norm.weight in your Transition has the shape (4,), expected (8,)"),
            (
                lambda c, out: Transition(c, out // 2),
                "conv.weight in your Transition has the shape (2, 8, 1, 1)",
            ),
            (lambda c, out: densenet.Transition(c, c // 2 + c % 2), "(5, 9, 1, 1), expected (4, 9, 1, 1)"),
        ],
    )


class Net(nn.Module):
    """A right DenseNet in other words, with knobs to make it wrong."""

    def __init__(self, config, num_classes, transition_behind_last=False, halve=True):
        super().__init__()
        self.features = check.stem(config.num_init_features)
        channels = config.num_init_features
        for number, num_layers in enumerate(config.block_config, start=1):
            block = Block(num_layers, channels, config.growth_rate, config.bn_size)
            self.features.add_module(f"denseblock{number}", block)
            channels = channels + num_layers * config.growth_rate
            if transition_behind_last or number != len(config.block_config):
                out = channels // 2 if halve else channels
                self.features.add_module(f"transition{number}", Transition(channels, out))
                channels = out
        self.features.add_module("norm5", nn.BatchNorm2d(channels))
        self.classifier = nn.Linear(channels, num_classes) if num_classes else nn.Identity()

    def forward(self, images):
        return self.classifier(self.features(images).clamp(min=0).mean(dim=(-2, -1)))


class TestExercise8:
    def test_other_ways_to_write_it_are_right(self):
        assert_checker(
            check.exercise_8,
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


class TestExercise9:
    def test_it_drops_while_training_and_only_then(self):
        def by_hand(new, drop_rate, training):
            if not training:
                return new
            return new * (torch.rand_like(new) >= drop_rate) / (1 - drop_rate)

        assert_checker(
            check.exercise_9,
            right=[F.dropout, by_hand],
            wrong=[
                (lambda new, p, training: new, "while training 0% are dropped, expected about 30 %"),
                (lambda new, p, training: F.dropout(new, 1 - p, training), "while training 70% are dropped"),
                (
                    lambda new, p, training: F.dropout2d(new, p, training),
                    "of the channels are dropped as a whole",
                ),
                (
                    lambda new, p, training: new * (torch.rand_like(new) >= p) if training else new,
                    "is multiplied by 1, expected 1 / 0.7 = 1.43",
                ),
                (
                    lambda new, p, training: F.dropout(new, p, not training),
                    "in evaluation mode 30% are dropped",
                ),
            ],
        )

    def test_the_given_function_is_still_to_do(self):
        verdict = check.exercise_9.judge(lambda new, drop_rate, training: F.dropout(new, drop_rate))
        assert verdict.state == "todo"


def test_exercise_10_holds_a_network_to_all_four_limits():
    assert_checker(
        check.exercise_10,
        right=[
            DenseNetConfig(12, (3, 6, 12, 18), 24),
            DenseNetConfig(16, (2, 4, 10, 14), 32),
            DenseNetConfig(10, (4, 6, 16, 24), 16, bn_size=3),
        ],
        wrong=[
            (DenseNetConfig(), "your network has 6,953,856 parameters, at most 1,000,000"),
            (DenseNetConfig(12, (6, 12, 24, 16), 24), "has 139,124,736 multiply-adds at 128×128, at most"),
            (DenseNetConfig(12, (4, 8, 16, 12), 24), "has 273 numbers in an embedding, at least 300"),
            (DenseNetConfig(32, (1, 1, 1, 10), 32), "layers, at least 60"),
            ({"growth_rate": 12}, "expected a DenseNetConfig, got {'growth_rate': 12}"),
        ],
    )


class TestGoingOn:
    def test_a_part_that_passes_is_used(self, capsys):
        assert check.yours_or_ours(check.exercise_7, Transition, densenet.Transition) is Transition
        assert capsys.readouterr().out == "the next cells use your Transition\n"

    def test_densekits_own_stands_in_for_one_that_does_not(self, capsys):
        class Mine(Layer):
            def forward(self, features): ...

        assert check.yours_or_ours(check.exercise_4, Mine, densenet.DenseLayer) is densenet.DenseLayer
        assert capsys.readouterr().out == "the next cells use densekit’s Mine\n"


@pytest.mark.parametrize("number", range(1, 11))
def test_help_comes_in_two_steps_or_more(number):
    assert len(getattr(check, f"exercise_{number}").hints) >= 2
