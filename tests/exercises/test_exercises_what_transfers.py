"""The checkers of notebook 01 accept every right answer and tell the usual mistakes apart."""

from collections import Counter
from statistics import stdev

import numpy as np
import torch

from densekit.exercises import what_transfers as check
from densekit.exercises.framework import Exercise
from densekit.exercises.testing import assert_checker

RULE = {
    ("small", "similar"): "head",
    ("large", "similar"): "whole",
    ("small", "different"): "earlier",
    ("large", "different"): "whole",
}


def test_every_exercise_has_help_that_rises():
    exercises = [each for each in vars(check).values() if isinstance(each, Exercise)]
    assert [each.number for each in exercises] == list(range(1, 9))
    assert all(len(each.hints) >= 3 for each in exercises)


def test_exercise_1_wants_the_share_of_the_commonest():
    assert_checker(
        check.exercise_1,
        right=[
            lambda labels: max(labels.count(each) for each in labels) / len(labels),
            lambda labels: Counter(labels).most_common(1)[0][1] / len(labels),
            lambda labels: np.bincount(labels).max() / len(labels),
        ],
        wrong=[
            (
                lambda labels: max(labels.count(each) for each in labels),
                "purity([3, 3, 3, 7]) is 3, expected 0.75",
            ),
            (lambda labels: 1 / len(set(labels)), "purity([3, 3, 3, 7]) is 0.5, expected 0.75"),
            (
                lambda labels: labels.count(labels[0]) / len(labels) if len(labels) < 5 else 0.4,
                "is 0.4, expected 0.6",
            ),
            (lambda labels: Counter(labels).most_common(1)[0][0], "is 3, expected 0.75"),
        ],
    )


def _in_order(network):
    return [*network.features.named_children(), ("classifier", network.classifier)]


def test_exercise_2_wants_one_cut_through_the_network():
    def by_flag(network, stage):
        trained = stage == "all"
        for name, part in _in_order(network):
            trained = trained or name == stage
            part.requires_grad_(trained)

    def by_position(network, stage):
        names = [name for name, _ in _in_order(network)]
        first = 0 if stage == "all" else names.index(stage)
        for position, (_, part) in enumerate(_in_order(network)):
            for parameter in part.parameters():
                parameter.requires_grad = position >= first

    def only_freezes(network, stage):
        for name, part in _in_order(network):
            if name == stage or stage == "all":
                break
            part.requires_grad_(False)

    def freezes_the_stage_too(network, stage):
        trained = stage == "all"
        for name, part in _in_order(network):
            part.requires_grad_(trained or name == "classifier")
            trained = trained or name == stage

    def trains_the_stage_alone(network, stage):
        for name, part in _in_order(network):
            part.requires_grad_(name == stage or stage == "all")

    def freezes_all_for_all(network, stage):
        trained = False
        for name, part in _in_order(network):
            trained = trained or name == stage
            part.requires_grad_(trained)

    assert_checker(
        check.exercise_2,
        right=[by_flag, by_position],
        wrong=[
            (only_freezes, "for 'denseblock4', the list of trained parts is ['classifier']"),
            (freezes_the_stage_too, "expected ['denseblock4', 'norm5', 'classifier']"),
            (trains_the_stage_alone, "is ['denseblock4'], expected ['denseblock4', 'norm5', 'classifier']"),
            (freezes_all_for_all, "because 'all' trains all parts"),
        ],
    )
    assert check.exercise_2.judge(lambda network, stage: None).state == "todo"


def test_exercise_3_wants_as_many_of_each_and_others_for_another_seed():
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

    unseeded = np.random.default_rng(5)

    def forgets_the_seed(labels, count, seed):
        return np.concatenate(
            [unseeded.permutation(np.flatnonzero(labels == one))[:count] for one in np.unique(labels)]
        )

    assert_checker(
        check.exercise_3,
        right=[by_permutation, as_a_list],
        wrong=[
            (whatever_comes, "expected [2, 2, 2], because 2 of each of three classes were asked for"),
            (always_the_first, "12 seeds gave 1 choice"),
            (with_repeats, "no picture may be there twice"),
            (forgets_the_seed, "the same seed has to choose the same pictures"),
            (lambda labels, count, seed: labels[:3], "expected"),
        ],
    )


def test_exercise_4_wants_half_of_the_interval_of_the_mean():
    assert_checker(
        check.exercise_4,
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


def test_exercise_5_wants_the_share_of_the_commonest_label_of_any_kind():
    assert_checker(
        check.exercise_5,
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
        ],
    )


def test_exercise_6_wants_the_rule_of_thumb():
    assert_checker(
        check.exercise_6,
        right=[RULE, dict(reversed(RULE.items())), RULE | {("medium", "similar"): "whole"}],
        wrong=[
            (dict.fromkeys(RULE, "head"), "plan[('large', 'similar')] is 'head', expected 'whole'"),
            (RULE | {("small", "different"): "head"}, "is 'head', expected 'earlier', because few pictures"),
            (RULE | {("large", "different"): "scratch"}, "is 'scratch', expected 'whole'"),
            (RULE | {("small", "similar"): "freeze"}, "expected one of head, earlier, whole, scratch"),
            ({("small", "similar"): "head"}, "('large', 'similar') is missing"),
            (list(RULE.values()), "expected a dictionary"),
        ],
    )


def test_exercise_7_wants_the_pipeline_that_forgets_to_scale():
    assert_checker(
        check.exercise_7,
        right=["b", "B", " (b) "],
        wrong=[
            ("a", "the steps are only written out"),
            ("c", "255·std"),
            ("d", "expected 'a', 'b' or 'c'"),
            (2, "2"),
        ],
    )


def test_exercise_8_wants_eval_mode_and_no_gradient():
    def right(network, images):
        network.eval()
        with torch.no_grad():
            return network(images)

    def restores(network, images):
        was_training = network.training
        with torch.inference_mode():
            found = network.eval()(images)
        network.train(was_training)
        return found

    def keeps_the_gradient(network, images):
        return network.eval()(images)

    def stays_in_train_mode(network, images):
        with torch.no_grad():
            return network(images)

    def one_by_one_in_train_mode(network, images):
        with torch.no_grad():
            return torch.cat([network(image[None]) for image in images])

    def eval_too_late(network, images):
        with torch.no_grad():
            found = network(images)
        network.eval()
        return found

    assert_checker(
        check.exercise_8,
        right=[right, restores],
        wrong=[
            (keeps_the_gradient, "requires_grad is True, expected False"),
            (stays_in_train_mode, "of the network's tensors changed, expected 0"),
            (one_by_one_in_train_mode, "of the network's tensors changed, expected 0"),
            (eval_too_late, "of the network's tensors changed, expected 0"),
            (lambda network, images: None, "expected a tensor"),
            (lambda network, images: right(network, images) * 2, "from those in eval mode, expected 0"),
        ],
    )
    assert check.exercise_8.judge(lambda network, images: network(images)).state == "todo"
