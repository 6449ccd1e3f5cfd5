"""How to measure: shares of a class, a fair choice of pictures, and how far a mean may be trusted."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from densekit.exercises.expectations import expect, expect_close, expect_equal, quoted
from densekit.exercises.framework import Hint, exercise
from densekit.words import counted


@exercise(
    number=4,
    title="Where a channel is strongest",
    minutes=6,
    difficulty="medium",
    hints=(
        Hint(
            "I don't know where to begin",
            "strengths.argsort(axis=0) sorts each column by itself, and tells the rows from the weakest on.",
        ),
        Hint("I get the weakest pictures", "Take the last rows of that, or sort -strengths."),
        Hint("the columns are mixed up", "axis=0 goes down the pictures, axis=1 along the channels."),
        Hint("I return strengths", "Numbers of pictures are asked for: argsort, not sort."),
    ),
)
def exercise_4(strongest: Callable[[NDArray[np.float64], int], Any]) -> str:
    """Check a function that returns, for each channel, the numbers of the pictures it is strongest on."""
    small = np.array([[0.1, 9.0], [0.5, 2.0], [0.3, 5.0], [0.9, 1.0]])
    for strengths, count in (
        (small, 1),
        (small, 2),
        (np.random.default_rng(0).normal(size=(30, 5)), 10),
    ):
        name = f"strongest(strengths, {count})"
        found = np.asarray(strongest(strengths.copy(), count))
        wanted = (count, strengths.shape[1])
        expect(
            found.shape == wanted and found.dtype.kind in "iu",
            f"{name} is {quoted(found)}, expected whole numbers of the shape {wanted}: {count} for each of "
            f"{wanted[1]} channels",
        )
        for channel, column in enumerate(found.T.tolist()):
            right = np.argsort(-strengths[:, channel])[:count].tolist()
            expect_equal(
                sorted(column),
                sorted(right),
                because=f"that channel is strongest there: {_as_told(strengths[right, channel])}",
                name=f"{name} for channel {channel}",
            )
    return "what a channel cares for shows in the pictures that it answers to most"


def _as_told(strengths: NDArray[np.float64]) -> str:
    return quoted([round(float(one), 2) for one in strengths])


@exercise(
    number=1,
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
def exercise_1(some_of_each: Callable[[Any, int, int], Any]) -> str:
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
    expect(
        any(not _same_places(some_of_each, seed) for seed in range(12)),
        "in each class you chose pictures at the same places of its list, for each of 12 seeds, expected "
        "classes that are independent of each other: make one generator, before the loop over the classes",
    )
    return "every class has the same say, and another seed tells how much depends on the choice"


def _same_places(some_of_each: Callable[[Any, int, int], Any], seed: int) -> bool:
    """Say whether the chosen pictures stand at the same places in the list of each class."""
    labels = np.repeat([0, 1, 2], 8)
    chosen = np.asarray(some_of_each(labels, 3, seed))
    return len({tuple(sorted(chosen[labels[chosen] == label] % 8)) for label in range(3)}) == 1


@exercise(
    number=3,
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
def exercise_3(half_interval: Callable[[Sequence[float], float], float]) -> str:
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
    number=2,
    title="A classifier with closed eyes",
    minutes=4,
    difficulty="easy",
    hints=(
        Hint("my answer is 1 / classes", "That holds for equal classes. What if one class is much larger?"),
        Hint("I return a label", "The share of pictures that are of that class is asked for."),
        Hint("it fails for words", "Labels may be anything: count them, don't calculate with them."),
    ),
)
def exercise_2(closed_eyes: Callable[[Sequence[Any]], float]) -> str:
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
