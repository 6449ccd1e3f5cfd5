"""The checkers about counting accept every right answer and tell the usual mistakes apart."""

from torch import nn

from densekit.exercises.from_resnet_to_densenet import counting as check
from densekit.exercises.testing import assert_checker


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
