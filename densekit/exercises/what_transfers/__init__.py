"""The exercises of notebook 01: how to measure, what features say, what is trained, and what breaks it."""

from densekit.exercises.what_transfers.freezing import ADVICE, STAGES, exercise_6, exercise_7
from densekit.exercises.what_transfers.measuring import exercise_1, exercise_2, exercise_3, exercise_4
from densekit.exercises.what_transfers.pitfalls import exercise_5, exercise_8, exercise_9

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
    "exercise_9",
]
