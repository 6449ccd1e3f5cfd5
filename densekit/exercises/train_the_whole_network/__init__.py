"""The exercises of notebook 07: two phases, rates that suit, how much to train, and in which order."""

from densekit.exercises.train_the_whole_network.how_much import exercise_6, exercise_8, exercise_9
from densekit.exercises.train_the_whole_network.momentum import exercise_3
from densekit.exercises.train_the_whole_network.rates import exercise_5, exercise_7
from densekit.exercises.train_the_whole_network.two_phases import exercise_1, exercise_2, exercise_4

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
]
