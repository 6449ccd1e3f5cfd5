"""What breaks features without a message: another preprocessing, and a network left in train mode."""

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn

from densekit.exercises.framework import Hint, exercise, expect, expect_equal, expect_letter, quoted

_PIPELINES = {
    "a": "its numbers are those of the weights' own preprocessing: the steps are only written out",
    "c": "it leaves the bytes alone and brings mean and spread to their unit: 255·mean and 255·std",
}


@exercise(
    number=7,
    title="Which pipeline is wrong?",
    minutes=6,
    difficulty="medium",
    hints=(
        Hint("they all run", "None of them fails: that is the trouble. Compare the numbers that come out."),
        Hint("I don't know what to compare with", "network.preprocessing(picture) is right by definition."),
        Hint("I said c", "Put a byte of 255 into a and into c, with mean 0.5 and std 0.2, by hand."),
    ),
)
def exercise_7(wrong: str) -> str:
    """Check which of three pipelines gives other numbers than the weights ask for."""
    expect_letter(wrong, "b", _PIPELINES)
    return "b subtracts a mean meant for 0 to 1 from bytes of 0 to 255; no message tells you so"


@exercise(
    number=8,
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
def exercise_8(embed: Callable[[nn.Module, Tensor], Tensor]) -> str:
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
    expect(not found.requires_grad, "found.requires_grad is True, expected False: nothing is trained here")
    return "in eval mode a picture's features are its own, and extracting them changes nothing"


def _small_network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    )


def _depends_on_neighbours(embed: Callable[[nn.Module, Tensor], Tensor]) -> bool:
    """Say whether the network is left in train mode and with a gradient, as in the starter."""
    network = _small_network().train()
    found = embed(network, torch.randn(4, 3, 8, 8))
    return isinstance(found, Tensor) and found.requires_grad and network.training
