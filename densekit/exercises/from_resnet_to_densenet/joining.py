"""The two ways to join maps: adding, which loses what was added, and concatenating, which keeps it."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from densekit.exercises.expectations import expect, expect_equal, quoted
from densekit.exercises.framework import Hint, exercise
from densekit.model.weights import seeded

Layer = Callable[[Tensor], Tensor]

PAIR = (torch.tensor([1.0, 2.0]), torch.tensor([3.0, 1.0]))
"""The pair of exercise 4."""


@exercise(
    number=3,
    title="A shortcut that does not fit",
    minutes=6,
    difficulty="medium",
    hints=(
        Hint(
            "I see 'The size of tensor a must match the size of tensor b'",
            "Only maps of one shape can be added. Something has to give x the shape of layer(x).",
        ),
        Hint("I don't know what could do that", "The function is given it: look at its third parameter."),
        Hint(
            "the shape is right, the values are not",
            "The shortcut goes around the layer: it starts from x, and nothing of it goes into the layer.",
        ),
    ),
    untouched=lambda residual_layer: _adds_x_itself(residual_layer),
)
def exercise_3(residual_layer: Callable[[Tensor, Layer, Layer], Tensor]) -> str:
    """Check a residual layer whose shortcut changes the shape."""
    for in_channels, out_channels, stride in ((3, 3, 1), (3, 5, 1), (4, 8, 2)):
        with seeded(0):
            layer = nn.Conv2d(in_channels, out_channels, 3, stride, padding=1)
            shortcut = nn.Conv2d(in_channels, out_channels, 1, stride)
            x = torch.randn(2, in_channels, 6, 6)
        with torch.no_grad():
            expected, found = layer(x) + shortcut(x), residual_layer(x, layer, shortcut)
        case = f"with {in_channels} channels in, {out_channels} out and stride {stride},"
        expect(isinstance(found, Tensor), f"{case} expected a tensor, got {quoted(found)}")
        expect_equal(
            tuple(found.shape),
            tuple(expected.shape),
            because="the layer puts out that shape",
            name=f"{case} the shape",
        )
        apart = float((found - expected).abs().max())
        expect(
            apart < 1e-5,
            f"{case} the values are off by up to {apart:.2g}, expected layer(x) + shortcut(x)",
        )
    return "the layer and the shortcut both start from x, and their maps, of one shape, are added"


@exercise(
    number=4,
    title="The same sum",
    minutes=3,
    difficulty="easy",
    hints=(
        Hint("I don't see what is asked", "4 is 1 + 3. It is 2 + 2 as well."),
        Hint(
            "my sum is another", "Add number by number: the first of each give 4, the second of each give 3."
        ),
        Hint("my pair is refused as the same", "Move something from one tensor to the other."),
    ),
)
def exercise_4(other_x: Any, other_new: Any) -> str:
    """Check another pair of two numbers each with the sum (4, 3)."""
    pair = [torch.as_tensor(each, dtype=torch.float64) for each in (other_x, other_new)]
    for name, each in zip(("other_x", "other_new"), pair, strict=True):
        expect_equal(tuple(each.shape), (2,), because="each holds two numbers", name=f"the shape of {name}")
    expect_equal(
        [round(each, 6) for each in (pair[0] + pair[1]).tolist()],  # -0.2 + 4.2 is 4, but for rounding
        (PAIR[0] + PAIR[1]).tolist(),
        because="that is the sum of the given pair",
        name="your sum",
    )
    same = all(torch.equal(mine, given.double()) for mine, given in zip(pair, PAIR, strict=True))
    expect(not same, f"{[each.tolist() for each in pair]} is the given pair, expected another one")
    beside = torch.cat(pair).tolist()
    return f"the sum is the same, and what was added is lost; side by side, {beside} is not [1, 2, 3, 1]"


@exercise(
    number=5,
    title="Cut out what a layer added",
    minutes=8,
    difficulty="medium",
    hints=(
        Hint(
            "I don't know where the channels of a layer are",
            "They stand in the order in which they came: what entered, then layer 1, layer 2, and so on.",
        ),
        Hint("I get pictures or rows, not channels", "The channels are dimension 1: features[:, a:b]."),
        Hint("I get what the layer after it added", "Before layer 1 there are no other layers: 0 of them."),
    ),
)
def exercise_5(added_by: Callable[[int, Tensor, int, int], Tensor]) -> str:
    """Check a function that finds the channels of one layer in the output of a dense block."""
    for number, in_channels, growth_rate, layers in ((1, 8, 4, 3), (2, 8, 4, 3), (3, 8, 4, 3), (4, 6, 2, 5)):
        total = in_channels + layers * growth_rate
        # Every place holds the number of its channel, so that an answer tells where it was cut.
        features = torch.arange(total).view(1, -1, 1, 1).expand(12, total, 12, 12)
        found = added_by(number, features, in_channels, growth_rate)
        call = f"added_by({number}, features, {in_channels}, {growth_rate})"
        expect(isinstance(found, Tensor), f"{call} is {quoted(found)}, expected a tensor")
        expect(
            found.ndim == 4 and found.shape[0] == 12 and found.shape[2:] == (12, 12),
            f"{call} has the shape {tuple(found.shape)}, expected {(12, growth_rate, 12, 12)}, because all "
            "pictures and all positions are kept",
        )
        first = in_channels + (number - 1) * growth_rate
        expect_equal(
            found[0, :, 0, 0].tolist(),
            list(range(first, first + growth_rate)),
            because=f"{in_channels} channels entered and layers before it added {first - in_channels}",
            name=f"{call}: the channels",
        )
    return "nothing was overwritten: what a layer added stands at its place until the end of the block"


@exercise(
    number=6,
    title="Addition out of concatenation",
    minutes=10,
    difficulty="hard",
    hints=(
        Hint(
            "I don't know where to begin",
            "Take 2 channels: (x₀, x₁, n₀, n₁) go in, x₀ + n₀ and x₁ + n₁ shall come out. Write the two rows.",
        ),
        Hint("every output is the sum of all", "A row picks two of the channels, the others get a weight of 0."),
        Hint("the shape is refused", "A row for each output, a column for each channel that goes in."),
        Hint("I have the rows, but only for 2 channels", "torch.eye(channels) picks one channel in each row."),
    ),
)  # fmt: skip
def exercise_6(adding_weights: Callable[[int], Tensor]) -> str:
    """Check weights with which a 1×1 convolution of a concatenation is the sum."""
    generator = torch.Generator().manual_seed(0)
    for channels in (2, 5):
        weights = torch.as_tensor(adding_weights(channels), dtype=torch.float64)
        if weights.ndim == 4 and weights.shape[2:] == (1, 1):
            weights = weights[:, :, 0, 0]
        expect_equal(
            tuple(weights.shape),
            (channels, 2 * channels),
            because=f"{2 * channels} channels go in and {channels} come out",
            name=f"the shape of adding_weights({channels})",
        )
        x, new = torch.randn(2, channels, generator=generator, dtype=torch.float64)
        found, expected = weights @ torch.cat([x, new]), x + new
        worst = int((found - expected).abs().argmax())
        expect(
            torch.allclose(found, expected),
            f"with {channels} channels, output {worst} is {found[worst]:.3f}, expected {expected[worst]:.3f}, "
            "because each output is one channel of x and the same one of new, added",
        )
    return (
        "a layer that reads a concatenation can add if it learns to; one that reads a sum can't take it apart"
    )


def _adds_x_itself(residual_layer: Callable[[Tensor, Layer, Layer], Tensor]) -> bool:
    """Say whether the shortcut is still x as it is, which can't be added to maps of another shape."""
    found = residual_layer(torch.ones(1, 1, 2, 2), lambda x: 3 * x, lambda x: 10 * x)
    try:
        residual_layer(torch.ones(1, 3, 2, 2), lambda x: x[:, :2], lambda x: x[:, :2])
    except RuntimeError:
        return bool((found == 4).all())
    return False
