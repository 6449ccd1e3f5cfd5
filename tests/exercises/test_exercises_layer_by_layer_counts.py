"""The checkers of what is counted accept every right answer and tell the usual mistakes apart."""

from functools import partial

from densekit.exercises.layer_by_layer import counts as check
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
