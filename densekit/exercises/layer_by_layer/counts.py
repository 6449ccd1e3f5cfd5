"""What can be counted before anything is built: sides of maps, channels, parameters, and a budget of them."""

from collections.abc import Callable, Sequence

import torch
from torch import nn

from densekit.exercises.expectations import expect, expect_equal, quoted
from densekit.exercises.framework import Hint, exercise
from densekit.model import densenet
from densekit.model.architectures import DenseNetConfig
from densekit.model.proof.ledger import dense_layer_parameters, make_ledger


@exercise(
    number=1,
    title="How large are the maps?",
    minutes=5,
    difficulty="easy",
    hints=(
        Hint(
            "I don't know where to begin",
            "Take a row of 8 positions and a kernel of 3, without padding. At how many positions can it start?",
        ),
        Hint(
            "I get fractions",
            "A step that would leave the image is not taken: round down, with // in the place of /.",
        ),
        Hint("my result is 1 too small", "The first position counts, too; steps are only the ones after it."),
    ),
)
def exercise_1(output_side: Callable[[int, int, int, int], int]) -> str:
    """Check the side of the maps after a convolution or a pool."""
    for side, kernel_size, stride, padding in (
        (8, 3, 1, 0),
        (224, 7, 2, 3),
        (112, 3, 2, 1),
        (56, 1, 1, 0),
        (9, 2, 2, 0),
        (15, 5, 3, 2),
    ):
        with torch.device("meta"):
            maps = nn.Conv2d(1, 1, kernel_size, stride, padding)(torch.empty(1, 1, side, side))
        found = output_side(side, kernel_size, stride, padding)
        expect_equal(
            found,
            maps.shape[-1],
            because="that is what torch.nn.Conv2d makes of it",
            name=f"output_side({side}, {kernel_size}, {stride}, {padding})",
        )
    return "it agrees with torch for every kernel, stride and padding of the network"


@exercise(
    number=3,
    title="The parameters of one layer",
    minutes=8,
    difficulty="medium",
    hints=(
        Hint(
            "I don't know where to begin",
            "A convolution has in × out × height × width weights. Write down the four parts of the layer first.",
        ),
        Hint(
            "my number is a little too small",
            "A BatchNorm learns two numbers a channel. It has two more, but those are measured, not learned.",
        ),
        Hint(
            "it fits with one growth rate only",
            "The bottleneck is bn_size * growth_rate channels wide: use it for all but the first norm.",
        ),
    ),
)
def exercise_3(layer_parameters: Callable[[int, int, int], int]) -> str:
    """Check the formula for the parameters of a dense layer."""
    for in_channels, growth_rate, bn_size in ((64, 32, 4), (224, 32, 4), (10, 4, 2), (7, 3, 1)):
        found = layer_parameters(in_channels, growth_rate, bn_size)
        expected = dense_layer_parameters(in_channels, growth_rate, bn_size)
        parts = _parameter_parts(in_channels, growth_rate, bn_size)
        expect_equal(
            found,
            expected,
            because=f"the parts have {parts}"
            if (in_channels, growth_rate) == (64, 32)
            else "torch counts so many",
            name=f"layer_parameters({in_channels}, {growth_rate}, {bn_size})",
        )
    return "two norms and two convolutions; nearly all of it is in the convolutions"


@exercise(
    number=5,
    title="What each layer sees",
    minutes=5,
    difficulty="easy",
    hints=(
        Hint(
            "my list is too long", "One number for each layer; what leaves the block is seen by none of them."
        ),
        Hint(
            "all numbers are one growth rate too high", "The first layer sees what enters the block, no more."
        ),
        Hint("the numbers grow too fast", "Each layer adds growth_rate channels, whatever it sees."),
    ),
)
def exercise_5(channels_seen: Callable[[int, int, int], Sequence[int]]) -> str:
    """Check the channels that the layers of a block see."""
    for num_layers, in_channels, growth_rate in ((6, 64, 32), (1, 10, 4), (4, 7, 3)):
        found = channels_seen(num_layers, in_channels, growth_rate)
        expected = [in_channels + index * growth_rate for index in range(num_layers)]
        expect_equal(
            list(found),
            expected,
            because=f"{in_channels} enter, and each layer adds {growth_rate}",
            name=f"channels_seen({num_layers}, {in_channels}, {growth_rate})",
        )
    return "each layer sees growth_rate channels more than the one before"


@exercise(
    number=10,
    title="A network for a small device",
    minutes=10,
    difficulty="medium",
    hints=(
        Hint(
            "there are too many parameters",
            "Which slider changes them most? The width of all layers comes from one number.",
        ),
        Hint(
            "there are too many multiply-adds",
            "They are spent where the maps are large: look at the first block and at the initial features.",
        ),
        Hint(
            "the embeddings are too short",
            "They are what leaves the last block. A layer costs least multiply-adds where maps are smallest.",
        ),
    ),
)
def exercise_10(config: DenseNetConfig) -> str:
    """Check a network of the reader's own against four limits."""
    expect(isinstance(config, DenseNetConfig), f"expected a DenseNetConfig, got {quoted(config)}")
    ledger = make_ledger(config, 128, num_classes=0)
    for amount, fits, what in (
        (ledger.parameters, ledger.parameters <= 1_000_000, "parameters, at most 1,000,000 are allowed"),
        (
            ledger.multiply_adds,
            ledger.multiply_adds <= 100_000_000,
            "multiply-adds at 128×128, at most 100,000,000 are allowed",
        ),
        (config.num_features, config.num_features >= 300, "numbers in an embedding, at least 300 are needed"),
        (config.depth, config.depth >= 60, "layers, at least 60 are needed"),
    ):
        expect(fits, f"your network has {amount:,} {what}")
    return (
        f"{ledger.parameters:,} parameters, {ledger.multiply_adds:,} multiply-adds, {config.num_features} "
        f"features, {config.depth} layers: it fits"
    )


def _parameter_parts(in_channels: int, growth_rate: int, bn_size: int) -> str:
    with torch.device("meta"):
        layer = densenet.DenseLayer(in_channels, growth_rate, bn_size)
    counts = [
        f"{name} {sum(parameter.numel() for parameter in part.parameters()):,}"
        for name, part in layer.named_children()
        if list(part.parameters())
    ]
    return ", ".join(counts)
