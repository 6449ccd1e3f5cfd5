"""The exercises of notebook 01: what features say, what is trained, how to measure, and what breaks it."""

from densekit.exercises.what_transfers.freezing import ADVICE, STAGES, exercise_2, exercise_6
from densekit.exercises.what_transfers.measuring import exercise_1, exercise_3, exercise_4, exercise_5
from densekit.exercises.what_transfers.pitfalls import exercise_7, exercise_8

__all__ = [
    "ADVICE",
    "STAGES",
    "exercise_1",
    "exercise_2",
    "exercise_3",
    "exercise_4",
    "exercise_5",
    "exercise_6",
    "exercise_7",
    "exercise_8",
]
