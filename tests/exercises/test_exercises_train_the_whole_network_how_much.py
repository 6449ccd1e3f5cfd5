"""The checkers about how much is trained accept every right answer and tell the usual mistakes apart."""

import torch

from densekit.exercises.testing import assert_checker
from densekit.exercises.train_the_whole_network import how_much as check


def under(tensors, prefix):
    return {name: tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def in_one_list(before, after, prefix):
    old = torch.cat([tensor.flatten() for tensor in under(before, prefix).values()])
    new = torch.cat([tensor.flatten() for tensor in under(after, prefix).values()])
    return (new - old).norm() / old.norm()


def by_squares(before, after, prefix):
    change = sum(float(((after[name] - old) ** 2).sum()) for name, old in under(before, prefix).items())
    length = sum(float((old**2).sum()) for old in under(before, prefix).values())
    return (change / length) ** 0.5


def each(before, after, prefix):
    return [(float((after[n] - old).norm()), float(old.norm())) for n, old in under(before, prefix).items()]


def mean_of_ratios(before, after, prefix):
    pairs = each(before, after, prefix)
    return sum(change / length for change, length in pairs) / len(pairs)


def sum_of_lengths(before, after, prefix):
    pairs = each(before, after, prefix)
    return sum(change for change, _ in pairs) / sum(length for _, length in pairs)


def test_exercise_6_wants_the_length_of_the_whole_change():
    assert_checker(
        check.exercise_6,
        right=[in_one_list, by_squares],
        wrong=[
            (mean_of_ratios, "small tensors count as much as large ones"),
            (sum_of_lengths, "the squares add up"),
            (lambda b, a, prefix: in_one_list(b, a, ""), "not only of those under the prefix"),
            (lambda b, a, prefix: in_one_list(a, b, prefix), "divided by the length after"),
            (
                lambda b, a, prefix: (
                    in_one_list(b, a, prefix)
                    * torch.cat([t.flatten() for t in under(b, prefix).values()]).norm()
                ),
                "not divided by the length before",
            ),
            (lambda b, a, prefix: by_squares(b, a, prefix) ** 2, "your number"),
        ],
    )


def will_do(stops):
    best = max(stops, key=lambda stop: stop["accuracy"])
    chosen = [stop for stop in stops if stop["accuracy"] + stop["half"] >= best["accuracy"] - best["half"]]
    return min(chosen, key=lambda stop: stop["seconds"])["stop"]


def by_cost(stops):
    most = max((stop["accuracy"], stop["half"]) for stop in stops)
    for stop in sorted(stops, key=lambda stop: stop["seconds"]):
        if stop["accuracy"] + stop["half"] >= most[0] - most[1]:
            return stop["stop"]
    return None


def _will_do(stop, stops):
    best = max(stops, key=lambda one: one["accuracy"])
    return stop["accuracy"] + stop["half"] >= best["accuracy"] - best["half"]


def means_alone(stops):
    """The mean of a stop against the interval of the best one: its own interval is left out."""
    best = max(stops, key=lambda stop: stop["accuracy"])
    chosen = [stop for stop in stops if stop["accuracy"] >= best["accuracy"] - best["half"]]
    return min(chosen, key=lambda stop: stop["seconds"])["stop"]


def test_exercise_8_wants_the_cheapest_of_those_that_reach_the_best():
    assert_checker(
        check.exercise_8,
        right=[will_do, by_cost],
        wrong=[
            (lambda stops: max(stops, key=lambda stop: stop["accuracy"])["stop"], "reaches 0.87 will do"),
            (lambda stops: min(stops, key=lambda stop: stop["seconds"])["stop"], "reaches 0.87 will do"),
            (lambda stops: stops[1]["stop"], "will do"),
            (means_alone, "± 0.10 in 2 s, your stop is 'all', expected 'classifier'"),
            (
                lambda stops: next(one for one in stops if _will_do(one, stops))["stop"],
                "reaches 0.87 will do",
            ),
            (lambda stops: [one for one in stops if _will_do(one, stops)][-1]["stop"], "will do"),
            (lambda stops: stops[-1]["stop"], "will do"),
            (lambda stops: stops[0], "expected the name of a stop"),
            (lambda stops: "the head", "expected the name of a stop"),
        ],
    )


HEAD = {"train_from": "classifier", "training": {"epochs": 5}}
MORE = {"train_from": "denseblock3", "training": {"epochs": 3, "learning_rate": 1e-4}}


def test_exercise_9_wants_the_head_first_and_then_more():
    assert_checker(
        check.exercise_9,
        right=[
            [HEAD, MORE],
            [
                {**HEAD, "training": {"epochs": 5, "batch_size": 8}},
                {**MORE, "training": {"epochs": 3, "learning_rate": 0.0001, "optimizer": "adamw"}},
            ],
        ],
        wrong=[
            ([MORE, HEAD], "phases[0]['train_from']"),
            ([HEAD], "expected a list of two dictionaries"),
            ([HEAD, {**MORE, "train_from": "block3"}], "no such cut"),
            ([HEAD, {"train_from": "denseblock3", "epochs": 3}], "epochs"),
            ([HEAD, {**MORE, "training": {"epochs": 3}}], "the rate of phases[1]"),
            ([{**HEAD, "training": {"epochs": 5, "learning_rate": 1e-4}}, MORE], "the rate of phases[0]"),
            ([{**HEAD, "training": {"epochs": 5, "optimizer": "sgd"}}, MORE], "the optimizer of phases[0]"),
            ([HEAD, {**MORE, "training": {"epochs": 3, "lr": 1e-4}}], "lr"),
            (["classifier", "denseblock3"], "a dictionary for each"),
        ],
    )
