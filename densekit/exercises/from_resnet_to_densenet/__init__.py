"""The exercises of notebook 02: connections, channels, adding and concatenating, counting, comparing fairly."""

from densekit.exercises.from_resnet_to_densenet.comparing import exercise_8, exercise_9
from densekit.exercises.from_resnet_to_densenet.counting import exercise_1, exercise_2, exercise_7
from densekit.exercises.from_resnet_to_densenet.joining import (
    PAIR,
    exercise_3,
    exercise_4,
    exercise_5,
    exercise_6,
)

__all__ = [
    "PAIR",
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
