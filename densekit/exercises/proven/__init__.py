"""The exercises of notebook 04: names, proofs, and hunted bugs."""

from densekit.exercises.proven.hunted_bugs import HUNTED, exercise_4, exercise_5, exercise_6
from densekit.exercises.proven.published_weights import (
    exercise_1,
    exercise_2,
    exercise_3,
    exercise_7,
    foreign_name,
)

__all__ = [
    "HUNTED",
    "exercise_1",
    "exercise_2",
    "exercise_3",
    "exercise_4",
    "exercise_5",
    "exercise_6",
    "exercise_7",
    "foreign_name",
]
