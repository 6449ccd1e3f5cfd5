from pathlib import Path

import pytest

from densekit.exercises.framework import Hint, exercise
from densekit.exercises.solutions import find_solution

SAMPLE = Path(__file__).parent.parent / "course" / "sample"
HINTS = (Hint("I see this", "Look here."), Hint("I see that", "Look there."))


def exercise_of_the_sample(name):
    def checker(answer):
        return "right"

    checker.__name__, checker.__module__ = name, "densekit.exercises.sample"
    return exercise(number=1, title="One", minutes=1, difficulty="easy", hints=HINTS)(checker)


@pytest.mark.parametrize(
    ("name", "solution"),
    [
        ("exercise_1", "channels = 64 + 32 * layers"),
        (
            "exercise_2",
            "total = number_of_layers * (number_of_layers + 1) // 2\nreturn total",
        ),
        ("exercise_3", 'device = "cpu"'),
    ],
)
def test_the_solution_is_read_from_the_source(name, solution):
    assert find_solution(exercise_of_the_sample(name), SAMPLE) == solution


def test_an_exercise_that_no_cell_checks_is_told():
    assert find_solution(exercise_of_the_sample("exercise_9"), SAMPLE) == (
        "# 00_sample has no solution for this exercise"
    )
