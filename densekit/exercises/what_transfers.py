"""The exercises of notebook 01: what features say, what is trained, how to measure, and what breaks it."""

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from densekit.exercises.framework import (
    Hint,
    exercise,
    expect,
    expect_close,
    expect_equal,
    expect_letter,
    quoted,
)
from densekit.model.architectures import DenseNetConfig
from densekit.model.densenet import DenseNet
from densekit.words import counted

STAGES = ("classifier", "denseblock4", "denseblock2", "all")
ADVICE = ("head", "earlier", "whole", "scratch")


@exercise(
    number=1,
    title="How much do they share?",
    minutes=5,
    difficulty="easy",
    hints=(
        Hint("I don't know where to begin", "Which class is the commonest, and how often is it there?"),
        Hint("I return a count", "Divide by the number of pictures: three of four is 0.75."),
        Hint("my share is always 1 / classes", "Count the commonest class, not how many classes there are."),
    ),
)
def exercise_1(purity: Callable[[Sequence[int]], float]) -> str:
    """Check a function that returns the share of the commonest class among some pictures."""
    for labels, expected in (([3, 3, 3, 7], 0.75), ([5], 1.0), ([0, 1, 2, 3], 0.25), ([9, 2, 9, 2, 9], 0.6)):
        expect_close(
            purity(labels),
            expected,
            1e-6,
            because=f"{round(expected * len(labels))} of {len(labels)} are of one class",
            name=f"purity({labels})",
        )
    return "1 if all are of one class; a feature that cares for no class stays near what chance gives"


@exercise(
    number=2,
    title="Freeze up to here",
    minutes=10,
    difficulty="medium",
    hints=(
        Hint("nothing is frozen", "part.requires_grad_(False) freezes all the parameters of a part."),
        Hint("the part that I name is frozen, too", "It is the first one that is trained."),
        Hint(
            "it works once, and not for the next stage",
            "The network may come to you frozen: say of each part whether it is trained, True or False.",
        ),
        Hint("'all' freezes everything", "No part is called 'all': begin with trained = stage == 'all'."),
    ),
    untouched=lambda freeze_before: _trains_all(freeze_before),
)
def exercise_2(freeze_before: Callable[[DenseNet, str], Any]) -> str:
    """Check that everything before a stage is frozen, and that the stage and all behind it is trained."""
    network = _small_densenet()
    for stage in (*STAGES, "classifier"):
        freeze_before(network, stage)
        trained = _trained_parts(network)
        parts = [name for name, _ in _parts(network)]
        expected = parts if stage == "all" else parts[parts.index(stage) :]
        expect_equal(
            trained,
            expected,
            because=f"'{stage}' trains all parts"
            if stage == "all"
            else f"'{stage}' is the first part that is trained, and all behind it are",
            name=f"for '{stage}', the list of trained parts",
        )
    return "one cut through the network: frozen before it, trained behind it"


@exercise(
    number=3,
    title="As many of each",
    minutes=10,
    difficulty="medium",
    hints=(
        Hint(
            "a class is missing, or there is too much of it",
            "Choose class by class: where labels == label, take `count`.",
        ),
        Hint(
            "all seeds give the same pictures",
            "Make the generator from the seed: np.random.default_rng(seed).",
        ),
        Hint(
            "the same seed gives other pictures",
            "Make a new generator in each call, and draw from it alone.",
        ),
        Hint("a picture is there twice", "rng.choice(…, replace=False) or rng.permutation(…)[:count]."),
    ),
)
def exercise_3(some_of_each: Callable[[Any, int, int], Any]) -> str:
    """Check that a choice has as many pictures of each class, depends on the seed, and repeats none."""
    labels = np.array([2, 0, 1, 0, 1, 2, 2, 1, 0, 0, 1, 2, 2, 2, 0, 1])
    for count in (1, 2, 4):
        chosen = np.asarray(some_of_each(labels, count, 0))
        expect(
            chosen.ndim == 1 and chosen.dtype.kind in "iu",
            f"some_of_each(labels, {count}, 0) is {quoted(chosen)}, expected a list of numbers of pictures",
        )
        expect_equal(
            len(set(chosen.tolist())),
            len(chosen),
            because="no picture may be there twice",
            name="different pictures",
        )
        expect_equal(
            np.bincount(labels[chosen], minlength=3).tolist(),
            [count] * 3,
            because=f"{count} of each of three classes were asked for",
            name="pictures of each class",
        )
    again, first = sorted(some_of_each(labels, 2, 0)), sorted(some_of_each(labels, 2, 0))
    expect_equal(
        [int(one) for one in again],
        [int(one) for one in first],
        because="the same seed has to choose the same pictures",
        name="a second choice with seed 0",
    )
    choices = {tuple(sorted(int(one) for one in some_of_each(labels, 2, seed))) for seed in range(12)}
    expect(len(choices) > 1, f"12 seeds gave {len(choices)} choice, expected other pictures for another seed")
    return "every class has the same say, and another seed tells how much depends on the choice"


@exercise(
    number=4,
    title="Give or take",
    minutes=6,
    difficulty="medium",
    hints=(
        Hint(
            "my number is a little too small", "The spread of a sample divides by n − 1: np.std(…, ddof=1)."
        ),
        Hint(
            "my number is more than twice as large", "The mean of n seeds is √n times steadier than one seed."
        ),
        Hint("my number is exactly twice as large", "The half of the interval stands behind ±."),
    ),
)
def exercise_4(half_interval: Callable[[Sequence[float], float], float]) -> str:
    """Check t · s / √n for some lists of accuracies."""
    for values, t in (
        ([0.70, 0.72, 0.74, 0.76, 0.78], 2.776),
        ([0.5, 0.6, 0.7], 4.303),
        ([0.9, 0.9, 0.9], 4.303),
    ):
        spread = float(np.std(values, ddof=1))
        expect_close(
            half_interval(values, t),
            t * spread / len(values) ** 0.5,
            1e-6,
            because=f"t is {t}, the spread of the sample {spread:.4f}, and √n is {len(values) ** 0.5:.4f}",
            name=f"half_interval({values}, {t})",
        )
    return "five seeds give the mean and how far to trust it; one seed gives a number and no idea"


@exercise(
    number=5,
    title="A classifier with closed eyes",
    minutes=4,
    difficulty="easy",
    hints=(
        Hint("my answer is 1 / classes", "That holds for equal classes. What if one class is much larger?"),
        Hint("I return a label", "The share of pictures that are of that class is asked for."),
        Hint("it fails for words", "Labels may be anything: count them, don't calculate with them."),
    ),
)
def exercise_5(closed_eyes: Callable[[Sequence[Any]], float]) -> str:
    """Check the accuracy of always naming the commonest class."""
    given: list[list[Any]] = [[0, 1, 2, 3], ["ant", "bee", "bee", "bee"], [1] * 9 + [0], ["a", "b", "a"]]
    for labels in given:
        most = max(labels.count(label) for label in labels)
        expect_close(
            closed_eyes(labels),
            most / len(labels),
            1e-6,
            because=f"the commonest of {len(labels)} labels is there {counted(most, 'time')}",
            name=f"closed_eyes({quoted(labels, 30)})",
        )
    return "with 90 % of one class, 90 % accuracy is what a classifier with closed eyes gets"


_REASONS = {
    ("small", "similar"): "few pictures overfit a large network, and the features fit as they are",
    ("large", "similar"): "there are pictures enough to improve features that are nearly right",
    (
        "small",
        "different",
    ): "few pictures overfit a large network, and late features are the most specific ones",
    (
        "large",
        "different",
    ): "there are pictures enough to change everything, and a good start still saves time",
}
_RIGHT = dict(zip(_REASONS, ("head", "whole", "earlier", "whole"), strict=True))


@exercise(
    number=6,
    title="Four scenarios",
    minutes=8,
    difficulty="medium",
    hints=(
        Hint("I don't know where to begin", "First the size: how many numbers can a few pictures determine?"),
        Hint("few and different is refused", "Which features are general, those of early or of late layers?"),
        Hint("many and different is refused", "Training from scratch may do. What does a good start cost?"),
    ),
)
def exercise_6(plan: Mapping[tuple[str, str], str]) -> str:
    """Check the rule of thumb for each of the four scenarios."""
    expect(isinstance(plan, Mapping), f"your plan is {quoted(plan)}, expected a dictionary")
    for scenario, reason in _REASONS.items():
        expect(scenario in plan, f"{scenario} is missing in your plan, expected four scenarios")
        advice = plan[scenario]
        expect(
            isinstance(advice, str) and advice in ADVICE,
            f"plan[{scenario}] is {quoted(advice)}, expected one of {', '.join(ADVICE)}",
        )
        expect_equal(advice, _RIGHT[scenario], because=reason, name=f"plan[{scenario}]")
    return "that is the rule of thumb; whether it holds for your pictures is to be measured"


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


def _small_densenet() -> DenseNet:
    return DenseNet(DenseNetConfig(growth_rate=4, block_config=(1, 1, 1, 1), num_init_features=8), 3)


def _parts(network: DenseNet) -> list[tuple[str, nn.Module]]:
    """Return the parts of a network that have parameters, in order."""
    named = [*network.features.named_children(), ("classifier", network.classifier)]
    return [(name, part) for name, part in named if next(part.parameters(), None) is not None]


def _trained_parts(network: DenseNet) -> list[str]:
    return [name for name, part in _parts(network) if all(one.requires_grad for one in part.parameters())]


def _trains_all(freeze_before: Callable[[DenseNet, str], Any]) -> bool:
    """Say whether nothing gets frozen, as in the starter."""
    network = _small_densenet()
    freeze_before(network, "classifier")
    return len(_trained_parts(network)) == len(_parts(network))


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
