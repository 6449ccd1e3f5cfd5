"""The exercises of notebook 05: folders and classes, copies of pictures, and changes that a class survives."""

from densekit.exercises.know_your_data.copies import exercise_4, exercise_5, exercise_6
from densekit.exercises.know_your_data.folders import exercise_1, exercise_2, exercise_3

__all__ = ["exercise_1", "exercise_2", "exercise_3", "exercise_4", "exercise_5", "exercise_6"]
