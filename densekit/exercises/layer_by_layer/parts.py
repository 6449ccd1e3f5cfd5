"""The parts of a DenseNet: stem, dense layer and transition, and dropout in a layer."""

from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, nn

from densekit.exercises.expectations import expect
from densekit.exercises.framework import Exercise, Hint, exercise
from densekit.exercises.modules import expect_same_module, random_inputs
from densekit.model import densenet
from densekit.model.architectures import DenseNetConfig
from densekit.model.proof import mistakes as suspects

Part = TypeVar("Part")


def yours_or_ours(exercise: Exercise, yours: Part, ours: Part) -> Part:
    """Return the reader's part if it passes its check, and densekit's if not, so that a notebook can go on."""
    passed = exercise.judge(yours).state == "passed"
    name = getattr(yours, "__name__", exercise.title)
    print(f"the next cells use {'your' if passed else 'densekit’s'} {name}")
    return yours if passed else ours


def stem(num_init_features: int) -> nn.Sequential:
    """Return densekit's stem: what stands before the first dense block."""
    parts = densenet.DenseNet(DenseNetConfig(1, (1,), num_init_features), 0).features
    return nn.Sequential(OrderedDict(list(parts.named_children())[:4]))


@exercise(
    number=2,
    title="The stem",
    minutes=8,
    difficulty="easy",
    hints=(
        Hint(
            "the parameter count is too high",
            "A BatchNorm follows and subtracts the mean: a bias before it has no effect. Say bias=False.",
        ),
        Hint(
            "the shape is wrong",
            "Both layers halve the maps: stride 2 in both, and a padding that lets a kernel be centred on the "
            "first position.",
        ),
        Hint(
            "the shape is right, the values are not",
            "Go through the order: convolution, norm, ReLU, pool. And which kind of pool?",
        ),
    ),
)
def exercise_2(make_stem: Callable[[int], nn.Module]) -> str:
    """Check the stem."""
    for features, size in ((6, 32), (10, 29)):
        expect_same_module(
            make_stem(features), stem(features), random_inputs(2, 3, size, size), "your stem", suspects.STEM
        )
    return "from images to a quarter of their height and width, with the reference's values and gradients"


@exercise(
    number=4,
    title="DenseLayer",
    minutes=15,
    difficulty="medium",
    hints=(
        Hint(
            "my code stops with 'running_mean should contain 64 elements not …'",
            "norm1 sees all the features side by side: join the list along the channels (dim=1) first.",
        ),
        Hint(
            "the parameter count or a shape is wrong",
            "1×1 squeezes to bn_size * growth_rate channels, 3×3 makes growth_rate of those and keeps height and "
            "width. Neither has a bias.",
        ),
        Hint(
            "the parameter count is right, the values are not",
            "Norm, ReLU, convolution, twice and in this order. Both ReLUs are needed; none stands at the end.",
        ),
        Hint(
            "the shape has too many channels",
            "The layer returns its new features only; it is the block that keeps the others.",
        ),
    ),
)
def exercise_4(layer: Callable[[int, int, int], nn.Module]) -> str:
    """Check the dense layer."""
    for channels, growth_rate, bn_size in (([6], 4, 2), ([6, 4, 4], 4, 2), ([5, 3], 3, 4)):
        features = [random_inputs(2, count, 6, 5, seed=index) for index, count in enumerate(channels)]
        yours = layer(sum(channels), growth_rate, bn_size)
        reference = densenet.DenseLayer(sum(channels), growth_rate, bn_size)
        expect_same_module(yours, reference, features, "your DenseLayer", suspects.LAYER)
    return "the same values and gradients as the reference, in float64 and with random norms"


@exercise(
    number=7,
    title="Transition",
    minutes=8,
    difficulty="easy",
    hints=(
        Hint(
            "norm.weight has the wrong shape",
            "The norm comes first, so it has as many channels as enter.",
        ),
        Hint(
            "the shape is wrong",
            "The convolution halves the channels and the pool halves the maps; the convolution has no stride.",
        ),
        Hint(
            "the shape is right, the values are not",
            "Norm, ReLU, 1×1 convolution, and an average (not the largest value) over 2×2 positions.",
        ),
    ),
)
def exercise_7(transition: Callable[[int, int], nn.Module]) -> str:
    """Check the transition."""
    for in_channels, out_channels in ((8, 4), (9, 4), (8, 3)):
        reference = densenet.Transition(in_channels, out_channels)
        expect_same_module(
            transition(in_channels, out_channels),
            reference,
            random_inputs(2, in_channels, 6, 5),
            "your Transition",
            suspects.TRANSITION,
        )
    return "half the channels, a quarter of the positions, and the reference's values and gradients"


@exercise(
    number=9,
    title="One picture, two answers",
    minutes=5,
    difficulty="easy",
    hints=(
        Hint(
            "two calls in evaluation mode give two answers",
            "F.dropout drops unless it is told otherwise. Look at its arguments: help(F.dropout).",
        ),
        Hint(
            "nothing is ever dropped",
            "It has to depend on `training`, which the network knows as self.training.",
        ),
    ),
    untouched=lambda with_dropout: _drops_always(with_dropout),
)
def exercise_9(with_dropout: Callable[[Tensor, float, bool], Tensor]) -> str:
    """Check that dropout acts while training, and only then."""
    new = torch.ones(4, 8, 25, 25)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)  # what a wrong answer drops is told alike each time
        found = with_dropout(new.clone(), 0.3, False)
    expect(isinstance(found, Tensor), f"your function returns a {type(found).__name__}, expected a tensor")
    dropped = float((found == 0).float().mean())
    expect(torch.equal(found, new), f"in evaluation mode {dropped:.0%} are dropped or changed, expected none")
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        found = with_dropout(new.clone(), 0.3, True)
    whole = float(((found == 0).float().mean(dim=(2, 3)) > 0.99).float().mean())
    expect(whole == 0, f"{whole:.0%} of the channels are dropped as a whole, expected single values")
    dropped = float((found == 0).float().mean())
    expect(abs(dropped - 0.3) < 0.03, f"while training {dropped:.0%} are dropped, expected about 30 %")
    kept = float(found.max())
    expect(
        abs(kept - 1 / 0.7) < 1e-5,
        f"what is kept is multiplied by {kept:.3g}, expected 1 / 0.7 = {1 / 0.7:.3g}, so that the mean stays",
    )
    return "it drops while training, and answers the same question in the same way afterwards"


def _drops_always(with_dropout: Callable[[Tensor, float, bool], Tensor]) -> bool:
    """Say whether values are dropped in both modes, as by the function that is given."""
    with torch.random.fork_rng(devices=[]):
        return all(bool((with_dropout(torch.ones(1000), 0.5, mode) == 0).any()) for mode in (False, True))
