"""Notebook 01 finds all of its exercises in one place, each with help."""

from densekit.exercises import what_transfers as check
from densekit.exercises.framework import Exercise


def test_every_exercise_has_help_that_rises():
    exercises = [each for each in vars(check).values() if isinstance(each, Exercise)]
    assert sorted(each.number for each in exercises) == list(range(1, 10))
    assert all(len(each.hints) >= 3 for each in exercises)
