"""The checkers of the sample notebook."""

from densekit.exercises.expectations import expect_equal
from densekit.exercises.framework import Hint, exercise


@exercise(
    number=1,
    title="Channels of a dense block",
    minutes=2,
    difficulty="easy",
    hints=(
        Hint("my number is far too small", "Nothing is lost: every layer appends its channels."),
        Hint("my number is 64 too small", "The channels that enter the block are still there at its end."),
    ),
)
def exercise_1(channels: int, layers: int) -> str:
    expect_equal(channels, 64 + 32 * layers, because=f"64 channels enter and {layers} layers add 32 each")
    return f"64 channels enter and {layers} layers add 32 each"


@exercise(
    number=2,
    title="Connections of a dense block",
    minutes=5,
    difficulty="medium",
    hints=(
        Hint("I don't know where to begin", "Count for one layer, for two, for three."),
        Hint("I get L(L-1)/2", "The first layer is wired, too: to the input."),
    ),
)
def exercise_2(connections) -> str:
    for layers, expected in ((1, 1), (2, 3), (5, 15)):
        expect_equal(
            connections(layers),
            expected,
            because="layer l has l connections",
            name=f"connections({layers})",
        )
    return "layer l has l connections, and 1 + 2 + ... + L = L(L+1)/2"


@exercise(
    number=3,
    title="A device that is there",
    minutes=1,
    difficulty="easy",
    hints=(
        Hint("there is no such device", "Every machine has a processor."),
        Hint("I don't know what it is called", "torch.device('...') takes three letters for it."),
    ),
    untouched=lambda device: device == "cuda:7",
)
def exercise_3(device: str) -> str:
    expect_equal(device, "cpu", because="every machine has one")
    return "every machine has one"
