"""The checkers about measuring accept every right answer and tell the usual mistakes apart."""

from collections import Counter
from statistics import stdev

import numpy as np
import torch

from densekit.exercises.testing import assert_checker
from densekit.exercises.what_transfers import measuring as check


def test_exercise_4_wants_the_numbers_of_the_strongest_pictures_for_each_channel():
    small = "strongest(strengths, 1)"
    assert_checker(
        check.exercise_4,
        right=[
            lambda strengths, count: np.argsort(-strengths, axis=0)[:count],
            lambda strengths, count: strengths.argsort(axis=0)[-count:],
            lambda strengths, count: torch.from_numpy(strengths).topk(count, dim=0).indices,
            lambda strengths, count: np.stack(
                [np.argsort(-one)[:count] for one in strengths.T], axis=1
            ).tolist(),
        ],
        wrong=[
            (
                lambda strengths, count: np.argsort(strengths, axis=0)[:count],
                f"{small} for channel 0 is [0], expected [3], because that channel is strongest there: [0.9]",
            ),
            (lambda strengths, count: np.argsort(-strengths)[:count], f"{small} for channel 0 is [1]"),
            (lambda strengths, count: np.sort(strengths, axis=0)[-count:], "expected whole numbers"),
            (lambda strengths, count: np.argsort(-strengths, axis=0), "of the shape (1, 2)"),
            (
                lambda strengths, count: np.argsort(-strengths, axis=0)[:count].T,
                "of the shape (1, 2): 1 for each of 2 channels",
            ),
            (lambda strengths, count: None, "is array(None, dtype=object), expected whole numbers"),
            (
                lambda strengths, count: np.repeat(np.argsort(-strengths, axis=0)[:1], count, axis=0),
                "strongest(strengths, 2) for channel 0 is [3, 3], expected [1, 3]",
            ),
        ],
    )


def test_exercise_1_wants_as_many_of_each_and_others_for_another_seed():
    def by_permutation(labels, count, seed):
        rng = np.random.default_rng(seed)
        return np.concatenate(
            [rng.permutation(np.flatnonzero(labels == one))[:count] for one in np.unique(labels)]
        )

    def as_a_list(labels, count, seed):
        rng = np.random.default_rng(seed)
        return [
            int(each)
            for one in sorted(set(labels.tolist()))
            for each in rng.choice(np.flatnonzero(labels == one), count, replace=False)
        ]

    def whatever_comes(labels, count, seed):
        return np.random.default_rng(seed).permutation(len(labels))[: 3 * count]

    def always_the_first(labels, count, seed):
        return np.concatenate([np.flatnonzero(labels == one)[:count] for one in np.unique(labels)])

    def with_repeats(labels, count, seed):
        rng = np.random.default_rng(seed)
        return np.concatenate(
            [rng.choice(np.flatnonzero(labels == one)[:1], count) for one in np.unique(labels)]
        )

    def a_generator_for_each_class(labels, count, seed):
        return np.concatenate(
            [
                np.random.default_rng(seed).permutation(np.flatnonzero(labels == one))[:count]
                for one in np.unique(labels)
            ]
        )

    unseeded = np.random.default_rng(5)

    def forgets_the_seed(labels, count, seed):
        return np.concatenate(
            [unseeded.permutation(np.flatnonzero(labels == one))[:count] for one in np.unique(labels)]
        )

    assert_checker(
        check.exercise_1,
        right=[by_permutation, as_a_list],
        wrong=[
            (whatever_comes, "expected [2, 2, 2], because 2 of each of three classes were asked for"),
            (always_the_first, "12 seeds gave 1 choice"),
            (with_repeats, "no picture may be there twice"),
            (forgets_the_seed, "the same seed has to choose the same pictures"),
            (lambda labels, count, seed: labels[:3], "expected"),
            (a_generator_for_each_class, "make one generator, before the loop over the classes"),
        ],
    )


def test_exercise_3_wants_half_of_the_interval_of_the_mean():
    assert_checker(
        check.exercise_3,
        right=[
            lambda values, t: t * np.std(values, ddof=1) / len(values) ** 0.5,
            lambda values, t: t * stdev(values) / np.sqrt(len(values)),
            lambda values, t: t * torch.tensor(values, dtype=torch.float64).std() / len(values) ** 0.5,
        ],
        wrong=[
            (lambda values, t: t * np.std(values) / len(values) ** 0.5, "the spread of the sample 0.0316"),
            (lambda values, t: t * np.std(values, ddof=1), "is 0.0877848, expected 0.0392586"),
            (lambda values, t: 2 * t * np.std(values, ddof=1) / len(values) ** 0.5, "is 0.0785"),
            (lambda values, t: np.std(values, ddof=1) / len(values) ** 0.5, "because t is 2.776"),
        ],
    )


def test_exercise_2_wants_the_share_of_the_commonest_label_of_any_kind():
    assert_checker(
        check.exercise_2,
        right=[
            lambda labels: max(labels.count(each) for each in labels) / len(labels),
            lambda labels: Counter(labels).most_common(1)[0][1] / len(labels),
        ],
        wrong=[
            (lambda labels: 1 / len(set(labels)), "is 0.5, expected 0.75"),
            (
                lambda labels: max(int(each) for each in labels) / len(labels),
                "is 0.75, expected 0.25",
            ),
            (lambda labels: max(labels.count(each) for each in labels), "is 1, expected 0.25"),
            (lambda labels: Counter(labels).most_common(1)[0][0], "expected"),
        ],
    )
