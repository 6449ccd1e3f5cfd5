"""The checkers about joining maps accept every right answer and tell the usual mistakes apart."""

import numpy as np
import torch
from torch import nn

from densekit.exercises.from_resnet_to_densenet import joining as check
from densekit.exercises.testing import assert_checker


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
            ([-0.2, 0], [4.2, 3]),
            ([-1.2, -0.6], torch.tensor([5.2, 3.6])),
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
