"""The exercises of notebook 03: DenseNet-121 written by the reader, part by part."""

from densekit.exercises.layer_by_layer.counts import exercise_1, exercise_3, exercise_5, exercise_10
from densekit.exercises.layer_by_layer.network import exercise_6, exercise_8
from densekit.exercises.layer_by_layer.parts import (
    exercise_2,
    exercise_4,
    exercise_7,
    exercise_9,
    stem,
    yours_or_ours,
)

__all__ = [
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
    "stem",
    "yours_or_ours",
]
