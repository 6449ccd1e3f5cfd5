"""Hunted bugs: norms that hide nothing, the first red rung of a ladder, and a layer to be repaired."""

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from densekit.exercises.apart import ROUNDING, layer_ladder, logits_apart, max_difference, random_dense_layer
from densekit.exercises.expectations import expect, expect_equal
from densekit.exercises.framework import Hint, exercise
from densekit.model.densenet import DenseLayer
from densekit.model.proof.planted import PLANTED, specimen
from densekit.words import counted

HUNTED = (
    "wrong eps",
    "border repeated",
    "newest first",
    "max pool in the transitions",
    "last ReLU forgotten",
)
"""The planted bugs whose first red rung is asked for."""


@exercise(
    number=4,
    title="All green, and wrong all the same",
    minutes=10,
    difficulty="medium",
    hints=(
        Hint(
            "I don't know what to change",
            "A norm has four tensors: weight, bias, running_mean, running_var. Go through network.modules().",
        ),
        Hint(
            "a leaf Variable that requires grad is being used in an in-place operation",
            "Weights belong to the autograd graph: change them inside torch.no_grad(), or with nn.init.",
        ),
        Hint(
            "I see nan after it",
            "A variance can't be negative: draw running_var from positive numbers alone.",
        ),
        Hint(
            "no gain is negative",
            "With positive gains alone, a norm could change places with a max pool: draw from both sides of 0.",
        ),
    ),
)
def exercise_4(randomise_norms: Callable[[nn.Module], object]) -> str:
    """Check a function that gives every BatchNorm values that hide nothing."""
    network = specimen(norms="freshly made")
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        randomise_norms(network)
    network.double()  # whoever puts new tensors in may have made them in float32
    gains = []
    for name, norm in network.named_modules():
        if isinstance(norm, nn.BatchNorm2d):
            _expect_random(name, norm)
            gains.append(norm.weight.detach())
    lowest = float(torch.cat(gains).min())
    expect(
        lowest < 0, f"the lowest gain of all is {lowest:.2g}, expected some below 0, as in trained networks"
    )
    moved = logits_apart(PLANTED["ReLU before norm"](network), network)
    expect(moved > ROUNDING, f"a ReLU before the norm still moves the logits by {moved:.1g} only")
    return "no gain, bias, mean or variance is left at its neutral value, so none can hide a bug"


@exercise(
    number=5,
    title="The first red rung",
    minutes=12,
    difficulty="medium",
    hints=(
        Hint(
            "everything is red, I can't tell",
            "Go from the top and ask of each module: is its input right, and is its own work right?",
        ),
        Hint(
            "newest first: it can't be the first layer",
            "Right: a single tensor has no order. Which module is the first to read two of them?",
        ),
        Hint(
            "border repeated: conv0 has a border, too",
            "Only the 3×3 convolutions of the dense layers were changed; conv0 has another line of code.",
        ),
        Hint(
            "last ReLU: there is no rung for it",
            "It is a function call, not a module. Name the first module after it that computes.",
        ),
    ),
)
def exercise_5(first_red: Mapping[str, str]) -> str:
    """Check the first red rung of five planted bugs."""
    expect(isinstance(first_red, Mapping), f"expected a dictionary, got {type(first_red).__name__}")
    for name in HUNTED:
        expect(name in first_red, f"there is no prediction for '{name}'")
        bug = PLANTED[name]
        answer = str(first_red[name]).removeprefix("features.")
        expect_equal(
            answer, bug.shows_at.removeprefix("features."), because=_clause(bug.reason), name=f"'{name}'"
        )
    return (
        "five bugs, five first red rungs: each names the module to look at, or the one it gets its input from"
    )


@exercise(
    number=6,
    title="Red from the second layer on",
    minutes=12,
    difficulty="hard",
    hints=(
        Hint(
            "it agrees in the first layer and not in the second",
            "The first layer gets one tensor, the second two. What could go wrong with two?",
        ),
        Hint(
            "it agreed before the norms were randomised",
            "A gain of 1 and a bias of 0 let two steps change places. The paper's order is norm, ReLU, conv.",
        ),
        Hint(
            "norm1 agrees now, conv1 does not",
            "Between them stands one ReLU, and it is applied to what norm1 returns.",
        ),
    ),
    untouched=lambda dense_layer: _is_given_dense_layer(dense_layer),
)
def exercise_6(dense_layer: Callable[[list[Tensor], DenseLayer], Tensor]) -> str:
    """Check a repaired dense layer, rung by rung."""
    for count in (1, 2, 3):
        layer, features = random_dense_layer(count)
        ladder = layer_ladder(dense_layer, layer, features)
        given = f"with {counted(count, 'tensor')} of features"
        for rung, difference in ladder.items():
            expect(
                not math.isinf(difference),
                f"{given}, the shape {rung} is another one than it should be: look at what happens right "
                "before that",
            )
            expect(
                difference <= ROUNDING,
                f"{given}, max|Δ| {rung} is {difference:.2g}, expected 0: look at what happens right before "
                "that",
            )
    return "every rung is green with one, two and three tensors of features, and with random norms"


def _expect_random(name: str, norm: nn.BatchNorm2d) -> None:
    for kind, values, neutral in (
        ("weight", norm.weight, 1.0),
        ("bias", norm.bias, 0.0),
        ("running_mean", norm.running_mean, 0.0),
        ("running_var", norm.running_var, 1.0),
    ):
        found = values.detach() if isinstance(values, Tensor) else torch.full((1,), neutral)
        where = f"{name}.{kind}"
        expect(bool(found.isfinite().all()), f"{where} has values that are no numbers, expected numbers")
        untouched = bool((found == neutral).all())
        expect(not untouched, f"{where} is still {neutral:g} in every channel, expected random values")
        expect(
            len(found.unique()) > 1,
            f"{where} is {float(found[0]):g} in every channel, expected another value in each: channels that "
            "are alike hide it if they change places",
        )
        if kind == "running_var":
            lowest = float(found.min())
            expect(lowest > 0, f"{where} has the variance {lowest:.2g}, expected numbers above 0")


def _is_given_dense_layer(dense_layer: Callable[[list[Tensor], DenseLayer], Tensor]) -> bool:
    """Say whether a dense layer still computes what the notebook's broken one does."""
    layer, features = random_dense_layer(2)
    with torch.no_grad():
        everything = torch.cat(features[::-1], dim=1)
        squeezed = layer.conv1(layer.norm1(everything.relu()))
        given = layer.conv2(layer.norm2(squeezed).relu())
        return (
            max_difference(dense_layer([feature.clone() for feature in features], layer), given) <= ROUNDING
        )


def _clause(sentence: str) -> str:
    """Return a sentence as a clause: no capital at the start, no full stop at the end."""
    return (sentence[0].lower() + sentence[1:]).rstrip(".")
