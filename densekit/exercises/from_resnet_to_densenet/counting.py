"""What is counted: the connections of a block, the channels that come in, and the work of a convolution."""

from collections.abc import Callable

from densekit.exercises.expectations import expect_equal
from densekit.exercises.framework import Hint, exercise


@exercise(
    number=1,
    title="Count the arrows",
    minutes=5,
    difficulty="easy",
    hints=(
        Hint("I don't know where to begin", "Ask each layer how many arrows come in: layer 1 has one."),
        Hint("my numbers are too small by L", "The input of the block is read, too, not only the layers."),
        Hint("my numbers are about twice too large", "You count each arrow at both of its ends."),
        Hint("I have 4.0 in place of 4", "That is accepted; // divides whole numbers without a fraction."),
    ),
)
def exercise_1(connections: Callable[[int], int]) -> str:
    """Check a function from the number of layers to the number of connections of a dense block."""
    for layers, expected in ((1, 1), (2, 3), (5, 15), (24, 300)):
        arriving = " + ".join(map(str, range(1, layers + 1))) if layers < 6 else f"1 + 2 + … + {layers}"
        expect_equal(
            connections(layers),
            expected,
            because=f"the layers have {arriving} arrows coming in",
            name=f"connections({layers})",
        )
    return "layer 1 has one arrow coming in, layer L has L of them: together L (L + 1) / 2"


@exercise(
    number=2,
    title="Channels that come in",
    minutes=5,
    difficulty="easy",
    hints=(
        Hint("I get a number for the first layer only", "Each layer before the one in question adds some."),
        Hint(
            "my numbers are too large by one growth rate", "What a layer adds itself, it does not read: count "
            "the layers before it."
        ),
        Hint("my number is too small by 64", "The channels that enter the block are still there."),
    ),
)  # fmt: skip
def exercise_2(channels_into: Callable[[int, int, int], int]) -> str:
    """Check a function from a layer's number, the block's channels and the growth rate to channels read."""
    for number, in_channels, growth_rate in ((1, 64, 32), (4, 64, 32), (12, 128, 32), (3, 24, 12)):
        before = number - 1
        expect_equal(
            channels_into(number, in_channels, growth_rate),
            in_channels + before * growth_rate,
            because=f"{in_channels} channels enter the block, and layers before it add {before} × {growth_rate}",
            name=f"channels_into({number}, {in_channels}, {growth_rate})",
        )
    return "what enters the block, and a growth rate for each layer before"


@exercise(
    number=7,
    title="The work of a convolution",
    minutes=6,
    difficulty="medium",
    hints=(
        Hint("I don't know where to begin", "How many multiplications does one number of one output map need?"),
        Hint("I get the number of its weights", "The same weights are used at each position of the maps."),
        Hint("my number is too small by a factor of 3", "A kernel has kernel × kernel positions."),
        Hint("my number is twice too large", "A multiplication and the addition after it count as one."),
    ),
)  # fmt: skip
def exercise_7(multiply_adds: Callable[[int, int, int, int], int]) -> str:
    """Check a function that counts the multiply-adds of a convolution that keeps the size of the maps."""
    for in_channels, out_channels, kernel, side in (
        (1, 1, 1, 1),
        (64, 32, 1, 28),
        (128, 32, 3, 56),
        (3, 8, 5, 10),
    ):
        expect_equal(
            multiply_adds(in_channels, out_channels, kernel, side),
            in_channels * out_channels * kernel**2 * side**2,
            because=(
                f"each of {out_channels} × {side} × {side} numbers is a sum of "
                f"{in_channels} × {kernel} × {kernel} products"
            ),
            name=f"multiply_adds({in_channels}, {out_channels}, {kernel}, {side})",
        )
    return "one sum over in_channels × kernel × kernel products for each number that comes out"
