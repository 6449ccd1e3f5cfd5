"""The exercises of notebook 04: names, proofs, hunted bugs, and two rewritings that change nothing."""

from densekit.exercises.proven.hunted_bugs import HUNTED, exercise_4, exercise_5, exercise_6
from densekit.exercises.proven.published_weights import (
    exercise_1,
    exercise_2,
    exercise_3,
    exercise_7,
    own_name,
)
from densekit.exercises.proven.rewritings import exercise_8, exercise_9, exercise_10

__all__ = [
    "HUNTED",
    "exercise_1",
    "exercise_2",
    "exercise_3",
    "exercise_4",
    "exercise_5",
    "exercise_6",
    "exercise_7",
    "exercise_8",
    "exercise_9",
    "exercise_10",
    "own_name",
]
