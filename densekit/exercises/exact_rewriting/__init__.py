"""The exercises of notebook 04b: two rewritings that make a frozen network faster and change nothing."""

from densekit.exercises.exact_rewriting.rewritings import exercise_1, exercise_2, exercise_3

__all__ = ["exercise_1", "exercise_2", "exercise_3"]
