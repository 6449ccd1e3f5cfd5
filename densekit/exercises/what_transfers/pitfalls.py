"""What breaks features without a message: another preprocessing, and a network left in train mode."""

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from densekit.exercises.expectations import expect, expect_close, expect_equal, expect_letter, quoted
from densekit.exercises.framework import Hint, exercise
from densekit.model.weights import seeded

_PIPELINES = {
    "a": "its numbers are those of the weights' own preprocessing: the steps are only written out",
    "c": "it leaves the bytes alone and brings mean and spread to their unit: 255·mean and 255·std",
}


@exercise(
    number=5,
    title="The mean of a convolution",
    minutes=8,
    difficulty="medium",
    hints=(
        Hint(
            "I don't know where to begin",
            "Each number of the map is a sum of weight times colour. What is the mean of a sum?",
        ),
        Hint(
            "my number has the wrong size",
            "All 49 weights of a colour meet the same mean: add up the weights of each colour first.",
        ),
        Hint(
            "where is the edge in it?",
            "Nowhere: shuffle the pixels of the picture. The mean colour stays the same, and so does the result.",
        ),
    ),
)
def exercise_5(mean_of_map: Callable[[Tensor, Tensor], Any]) -> str:
    """Check the mean of a convolution's map, computed from the mean colour of a picture alone."""
    generator = torch.Generator().manual_seed(0)
    for side in (7, 3):
        weight = torch.randn(3, side, side, generator=generator, dtype=torch.float64)
        picture = torch.rand(3, 12, 12, generator=generator, dtype=torch.float64)
        around = nn.functional.pad(picture[None], [side // 2] * 4, mode="circular")  # without a border
        expected = nn.functional.conv2d(around, weight[None]).mean().item()
        expect_close(
            mean_of_map(weight.clone(), picture.mean(dim=(1, 2))),
            expected,
            1e-5,
            because="that is the mean of the map of such a picture",
            name=f"with {side}×{side} weights, your value",
        )
    return "three numbers, the mean colour, say it all: no edge, no shape, no position is left in the mean"


@exercise(
    number=8,
    title="Which pipeline is wrong?",
    minutes=6,
    difficulty="medium",
    hints=(
        Hint("they all run", "None of them fails: that is the trouble. Compare the numbers that come out."),
        Hint("I don't know what to compare with", "network.preprocessing(picture) is right by definition."),
        Hint("I said c", "Put a byte of 255 into a and into c, with mean 0.5 and std 0.2, by hand."),
    ),
)
def exercise_8(wrong: str) -> str:
    """Check which of three pipelines gives other numbers than the weights ask for."""
    expect_letter(wrong, "b", _PIPELINES)
    return "b subtracts a mean meant for 0 to 1 from bytes of 0 to 255; no message tells you so"


@exercise(
    number=9,
    title="My answer depends on my neighbours",
    minutes=8,
    difficulty="medium",
    hints=(
        Hint(
            "the same picture gets other features in another batch",
            "In train mode, BatchNorm averages over the batch.",
        ),
        Hint(
            "the network has changed, although nothing was trained",
            "BatchNorm notes running statistics in train mode.",
        ),
        Hint("the features still carry a gradient", "Nothing is to be trained: with torch.no_grad()."),
    ),
    untouched=lambda embed: _depends_on_neighbours(embed),
)
def exercise_9(embed: Callable[[nn.Module, Tensor], Tensor]) -> str:
    """Check that features depend on their own picture alone, and leave the network as it was."""
    network = _small_network().train()
    before = copy.deepcopy(network.state_dict())
    images = torch.randn(6, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    expected = copy.deepcopy(network).eval()(images).detach()
    found = embed(network, images)
    expect(isinstance(found, Tensor), f"embed returned {quoted(found)}, expected a tensor")
    moved = [name for name, value in network.state_dict().items() if not torch.equal(value, before[name])]
    expect(
        not moved, f"{len(moved)} of the network's tensors changed, expected 0: first {', '.join(moved[:1])}"
    )
    expect_equal(tuple(found.shape), tuple(expected.shape), because="six pictures went in", name="the shape")
    alone = embed(network, images[:1])
    apart = (alone[0] - found[0]).abs().max().item()
    expect(
        apart < 1e-5, f"the first picture's features differ by {apart:.2g} from those in a batch, expected 0"
    )
    apart = (found - expected).abs().max().item()
    expect(apart < 1e-5, f"the features differ by {apart:.2g} from those in eval mode, expected 0")
    saved = ". With torch.no_grad() it would save memory, too" if found.requires_grad else ""
    return f"in eval mode a picture's features are its own, and extracting them changes nothing{saved}"


def _small_network() -> nn.Module:
    with seeded(0):
        return nn.Sequential(
            nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
        )


def _depends_on_neighbours(embed: Callable[[nn.Module, Tensor], Tensor]) -> bool:
    """Say whether pictures go through a network in train mode, with a gradient, as in the starter."""
    network = _small_network().train()
    before = copy.deepcopy(dict(network.named_buffers()))
    found = embed(network, torch.randn(4, 3, 8, 8))
    moved = any(not torch.equal(value, before[name]) for name, value in network.named_buffers())
    return isinstance(found, Tensor) and found.requires_grad and moved
