"""The checkers of notebook 02 accept every right answer and tell the usual mistakes apart."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from densekit.exercises import from_resnet_to_densenet as check
from densekit.exercises.framework import Exercise
from densekit.exercises.testing import assert_checker

ZOO = pd.DataFrame(
    {
        "parameters": [25_557_032, 44_549_160, 20_013_928, 7_978_856, 25_028_904],
        "accuracy": [76.13, 77.374, 76.896, 74.434, 77.618],
    },
    index=["resnet50", "resnet101", "densenet201", "densenet121", "resnext50_32x4d"],
)


def test_every_exercise_has_help_that_rises():
    exercises = [each for each in vars(check).values() if isinstance(each, Exercise)]
    assert [each.number for each in exercises] == list(range(1, 10))
    assert all(len(each.hints) >= 3 for each in exercises)


def test_exercise_1_counts_connections():
    def by_loop(layers):
        return sum(number for number in range(1, layers + 1))

    def recursive(layers):
        return layers + recursive(layers - 1) if layers else 0

    assert_checker(
        check.exercise_1,
        right=[
            lambda layers: layers * (layers + 1) // 2,
            lambda layers: layers * (layers + 1) / 2,
            by_loop,
            recursive,
        ],
        wrong=[
            (lambda layers: layers, "connections(2) is 2, expected 3"),
            (lambda layers: layers * (layers - 1) // 2, "connections(1) is 0, expected 1"),
            (lambda layers: layers * (layers + 1), "connections(1) is 2, expected 1"),
            (lambda layers: layers**2, "connections(2) is 4, expected 3"),
            (lambda layers: None, "connections(1) is None"),
            (15, "looking at it stopped with TypeError"),
        ],
    )


def test_exercise_2_counts_the_channels_that_come_in():
    def by_loop(number, in_channels, growth_rate):
        for _ in range(1, number):
            in_channels += growth_rate
        return in_channels

    assert_checker(
        check.exercise_2,
        right=[lambda number, channels, k: channels + (number - 1) * k, by_loop],
        wrong=[
            (
                lambda number, channels, k: channels + number * k,
                "channels_into(1, 64, 32) is 96, expected 64",
            ),
            (lambda number, channels, k: channels, "channels_into(4, 64, 32) is 64, expected 160"),
            (lambda number, channels, k: (number - 1) * k, "channels_into(1, 64, 32) is 0, expected 64"),
            (lambda number, channels, k: channels + k, "is 96, expected 64"),
            (lambda number, channels, k: 64 + (number - 1) * 32, "channels_into(12, 128, 32) is 416"),
        ],
    )


class TestExercise3:
    def test_the_shortcut_takes_x_into_the_shape_of_the_layer(self):
        def in_place(x, layer, shortcut):
            out = layer(x)
            out += shortcut(x)
            return out

        assert_checker(
            check.exercise_3,
            right=[
                lambda x, layer, shortcut: layer(x) + shortcut(x),
                lambda x, layer, shortcut: torch.add(shortcut(x), layer(x)),
                lambda x, layer, shortcut: torch.stack([layer(x), shortcut(x)]).sum(dim=0),
                in_place,
            ],
            wrong=[
                (lambda x, layer, shortcut: layer(x), "the values are off by up to"),
                (lambda x, layer, shortcut: shortcut(layer(x) + x), "the values are off by up to"),
                (lambda x, layer, shortcut: layer(shortcut(x)) + x, "the values are off by up to"),
                (
                    lambda x, layer, shortcut: torch.cat([layer(x), shortcut(x)], 1),
                    "the shape is (2, 6, 6, 6)",
                ),
                (lambda x, layer, shortcut: layer(x) - shortcut(x), "the values are off by up to"),
                (lambda x, layer, shortcut: None, "expected a tensor, got None"),
            ],
        )

    def test_the_given_function_is_still_to_do(self):
        assert check.exercise_3.judge(lambda x, layer, shortcut: layer(x) + x).state == "todo"

    def test_a_shortcut_that_forgets_the_stride_is_not_yet_right(self):
        def padded(x, layer, shortcut):
            out = layer(x)
            return out + nn.functional.pad(x, (0, 0, 0, 0, 0, out.shape[1] - x.shape[1]))

        assert check.exercise_3.judge(padded).state == "not yet"


def test_exercise_4_takes_any_other_pair_with_the_same_sum():
    assert_checker(
        check.exercise_4,
        right=[
            (torch.tensor([2.0, 0.0]), torch.tensor([2.0, 3.0])),
            ([2, 0], [2, 3]),
            (np.array([4.0, 3.0]), np.array([0.0, 0.0])),
            (
                torch.tensor([3, 1]),
                torch.tensor([1, 2]),
            ),  # the same two, exchanged: their order is lost as well
        ],
        wrong=[
            (([1, 2], [3, 1]), "is the given pair, expected another one"),
            (([2, 2], [2, 2]), "your sum is [4.0, 4.0], expected [4.0, 3.0]"),
            (([4], [3]), "the shape of other_x is (1,), expected (2,)"),
            (([1, 2, 3, 1], [1, 2, 3, 1]), "the shape of other_x is (4,)"),
            ((1, 3), "the shape of other_x is (), expected (2,)"),
        ],
    )


def test_exercise_5_finds_the_channels_of_a_layer():
    def by_split(number, features, in_channels, growth_rate):
        parts = features[:, in_channels:].split(growth_rate, dim=1)
        return parts[number - 1]

    def from_start(number, features, in_channels, growth_rate):
        first = in_channels + (number - 1) * growth_rate
        return features.narrow(1, first, growth_rate)

    def one_too_far(number, features, in_channels, growth_rate):
        first = in_channels + number * growth_rate
        return features[:, first : first + growth_rate]

    def without_input(number, features, in_channels, growth_rate):
        return features[:, (number - 1) * growth_rate : number * growth_rate]

    def pictures(number, features, in_channels, growth_rate):
        first = in_channels + (number - 1) * growth_rate
        return features[first : first + growth_rate]

    def everything_so_far(number, features, in_channels, growth_rate):
        return features[:, : in_channels + number * growth_rate]

    assert_checker(
        check.exercise_5,
        right=[by_split, from_start, lambda n, f, c, k: f[:, c + (n - 1) * k : c + n * k]],
        wrong=[
            (one_too_far, "the channels is [12, 13, 14, 15], expected [8, 9, 10, 11]"),
            (without_input, "the channels is [0, 1, 2, 3], expected [8, 9, 10, 11]"),
            (pictures, "has the shape (4, 20, 12, 12), expected (12, 4, 12, 12)"),
            (everything_so_far, "expected [8, 9, 10, 11]"),
            (lambda n, f, c, k: f[:, c + (n - 1) * k], "has the shape (12, 12, 12)"),
            (lambda n, f, c, k: f[:, -k:], "the channels is [16, 17, 18, 19]"),
        ],
    )


def test_exercise_6_accepts_weights_that_add():
    def by_loop(channels):
        weights = torch.zeros(channels, 2 * channels)
        for channel in range(channels):
            weights[channel, channel] = weights[channel, channels + channel] = 1
        return weights

    assert_checker(
        check.exercise_6,
        right=[
            lambda channels: torch.cat([torch.eye(channels), torch.eye(channels)], dim=1),
            lambda channels: torch.eye(channels).repeat(1, 2),
            lambda channels: torch.eye(channels).repeat(1, 2)[:, :, None, None],
            lambda channels: np.tile(np.eye(channels), 2),
            by_loop,
        ],
        wrong=[
            (lambda channels: torch.ones(channels, 2 * channels), "with 2 channels, output"),
            (lambda channels: torch.eye(channels, 2 * channels), "with 2 channels, output"),
            (lambda channels: torch.eye(channels).repeat(1, 2) / 2, "with 2 channels, output"),
            (lambda channels: torch.eye(2 * channels), "is (4, 4), expected (2, 4)"),
            (lambda channels: torch.eye(channels).repeat(2, 1), "is (4, 2), expected (2, 4)"),
            (
                lambda channels: torch.tensor([[1.0, 0.0, 1.0, 0.0], [0.0, 1.0, 0.0, 1.0]]),
                "adding_weights(5) is (2, 4), expected (5, 10)",
            ),
        ],
    )


def test_exercise_7_counts_multiply_adds():
    def as_layer(in_channels, out_channels, kernel, side):
        layer = nn.Conv2d(in_channels, out_channels, kernel, bias=False, device="meta")
        return layer.weight.numel() * side * side

    assert_checker(
        check.exercise_7,
        right=[lambda i, o, kernel, side: i * o * kernel * kernel * side * side, as_layer],
        wrong=[
            (lambda i, o, kernel, side: i * o * kernel**2, "multiply_adds(64, 32, 1, 28) is 2048"),
            (lambda i, o, kernel, side: i * o * kernel * side**2, "multiply_adds(128, 32, 3, 56) is"),
            (lambda i, o, kernel, side: 2 * i * o * kernel**2 * side**2, "(1, 1, 1, 1) is 2, expected 1"),
            (lambda i, o, kernel, side: o * kernel**2 * side**2, "(64, 32, 1, 28) is 25088"),
            (lambda i, o, kernel, side: i * o * kernel**2 * side, "(64, 32, 1, 28) is 57344"),
        ],
    )


class TestExercise8:
    def test_names_are_held_to_the_table(self):
        assert_checker(
            check.exercise_8,
            right=[
                (["densenet201", "resnext50_32x4d"], ZOO),
                (("resnext50_32x4d", "densenet201"), ZOO),
                ({"densenet201", "resnext50_32x4d"}, ZOO),
                (ZOO.index[(ZOO.parameters < 25_557_032) & (ZOO.accuracy > 76.13)], ZOO),
            ],
            wrong=[
                ((["densenet201"], ZOO), "you named 1, expected 2"),
                (([], ZOO), "you named 0, expected 2"),
                ((["densenet121"], ZOO), "densenet121 has 8.0 M parameters and 74.4 %, expected"),
                ((["resnet101", "densenet201"], ZOO), "resnet101 has 44.5 M parameters and 77.4 %"),
                ((["resnet50"], ZOO), "resnet50 has 25.6 M parameters"),
                ((["DenseNet-201"], ZOO), "'DenseNet-201' is not in the table"),
                (("densenet201", ZOO), "expected a list of names"),
            ],
        )

    def test_it_follows_the_table_that_it_is_given(self):
        one_less = ZOO.drop(index="resnext50_32x4d")
        assert check.exercise_8.judge(["densenet201"], one_less).state == "passed"


@pytest.mark.parametrize("answer", ["b", "B", " (b) "])
def test_exercise_9_takes_the_letter(answer):
    assert_checker(
        check.exercise_9,
        right=[answer],
        wrong=[
            ("a", "your answer is 'a', expected another one: the second weights of ResNet-50"),
            ("c", "your answer is 'c', expected another one: each is a share of 50 000 pictures"),
            ("d", "your answer is 'd', expected 'a', 'b' or 'c'"),
            (True, "your answer is True"),
        ],
    )
