"""The exercises of notebook 06: what is frozen in earnest, what runs once, and how a head is trained."""

from densekit.exercises.layer_by_layer import yours_or_ours
from densekit.exercises.train_the_head.freezing import exercise_1, exercise_2, exercise_3
from densekit.exercises.train_the_head.keeping import embeddings_of, exercise_4, exercise_9, folded
from densekit.exercises.train_the_head.schedules import (
    exercise_6,
    exercise_7,
    exercise_8,
    rate_at,
    steps_to_validate,
)
from densekit.exercises.train_the_head.stepping import adam_step, exercise_5

__all__ = [
    "adam_step",
    "embeddings_of",
    "exercise_1",
    "exercise_2",
    "exercise_3",
    "exercise_4",
    "exercise_5",
    "exercise_6",
    "exercise_7",
    "exercise_8",
    "exercise_9",
    "folded",
    "rate_at",
    "steps_to_validate",
    "yours_or_ours",
]
