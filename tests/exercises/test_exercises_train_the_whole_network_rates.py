"""The checkers about learning rates accept every right answer and tell the usual mistakes apart."""

import numpy as np

from densekit.exercises.testing import assert_checker
from densekit.exercises.train_the_whole_network import rates as check


def steepest(rates, losses):
    return rates[int(np.gradient(losses, np.log(rates)).argmin())]


def test_exercise_5_wants_a_rate_where_the_loss_falls_fastest():
    assert_checker(
        check.exercise_5,
        right=[
            steepest,
            lambda rates, losses: rates[int(np.diff(losses).argmin())],
        ],
        wrong=[
            (lambda rates, losses: rates[int(np.argmin(losses))], "where the loss is lowest"),
            (lambda rates, losses: rates[-1], "on its way up"),
            (lambda rates, losses: steepest(rates, losses) / 3, "hardly falls yet"),
            (lambda rates, losses: rates[0], "hardly falls yet"),
            (lambda rates, losses: rates[int(np.argmin(np.gradient(losses, rates)))], "hardly falls yet"),
            (lambda rates, losses: rates[int(np.argmin(losses)) - 4], "where the loss is lowest"),
            (lambda rates, losses: rates[int(np.gradient(losses, np.log(rates)).argmax())], "on its way up"),
            (lambda rates, losses: int(np.diff(losses).argmin()), "not one of the rates"),
            (lambda rates, losses: 1e-3, "on its way up"),
            (lambda rates, losses: "0.001!", "expected one rate"),
        ],
    )


def rates_of(reverse=False, first=0, linear=False, as_list=False):
    """Return a right way to write it, with knobs to make it wrong."""

    def way(highest, decay, stages):
        names = list(stages) if reverse else list(reversed(stages))
        found = {
            name: highest * (1 - (1 - decay) * depth if linear else decay**depth)
            for depth, name in enumerate(names, start=first)
        }
        return list(found.values()) if as_list else found

    return way


def by_going_back(highest, decay, stages):
    rate, found = highest, {}
    for name in stages[::-1]:
        found[name] = rate
        rate *= decay
    return found


def test_exercise_7_wants_each_stage_slower_than_the_one_after_it():
    assert_checker(
        check.exercise_7,
        right=[rates_of(), by_going_back],
        wrong=[
            (rates_of(reverse=True), "0 stages after it"),
            (rates_of(first=1), "0 stages after it"),
            (rates_of(linear=True), "2 stages after it"),
            (rates_of(as_list=True), "expected a dictionary"),
            (lambda highest, decay, stages: {stages[0]: highest}, "has no rate for 'classifier'"),
        ],
    )
