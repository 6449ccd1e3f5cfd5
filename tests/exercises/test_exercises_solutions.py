import shutil
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest

import densekit.exercises as rooms
from densekit.exercises.framework import Exercise, Hint, exercise
from densekit.exercises.solutions import find_solution

SAMPLE = Path(__file__).parent.parent / "course" / "sample"
NOTEBOOKS = Path(__file__).parent.parent.parent / "notebooks" / "src"
HINTS = (Hint("I see this", "Look here."), Hint("I see that", "Look there."))


def exercise_of_the_sample(name, module="densekit.exercises.sample"):
    def checker(answer):
        return "right"

    checker.__name__, checker.__module__ = name, module
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


def test_the_checkers_of_a_notebook_may_be_a_package():
    of_a_package = exercise_of_the_sample("exercise_3", module="densekit.exercises.sample.devices")
    assert find_solution(of_a_package, SAMPLE) == 'device = "cpu"'


def test_the_notebooks_name_may_be_longer_than_the_modules(tmp_path):
    course = shutil.copytree(SAMPLE, tmp_path / "course")
    (course / "src" / "00_sample.py").rename(course / "src" / "00_longer_sample.py")
    assert find_solution(exercise_of_the_sample("exercise_3"), course) == 'device = "cpu"'


def test_a_module_without_a_notebook_is_told():
    homeless = exercise_of_the_sample("exercise_1", module="densekit.exercises.elsewhere")
    assert find_solution(homeless, SAMPLE) == (
        "# the solution can't be found: no notebook has a name that ends in '_elsewhere'"
    )


def rooms_of_exercises():
    """The modules that hold exercises: a notebook each."""
    modules = [import_module(found.name) for found in iter_modules(rooms.__path__, "densekit.exercises.")]
    return [each for each in modules if exercises_of(each)]


def exercises_of(module):
    return [each for each in vars(module).values() if isinstance(each, Exercise)]


def test_every_notebook_has_exercises_but_the_one_that_only_measures():
    measures = NOTEBOOKS / "07b_one_training.py"
    assert len(rooms_of_exercises()) == len(set(NOTEBOOKS.glob("*.py")) - {measures})


@pytest.mark.parametrize("module", rooms_of_exercises(), ids=lambda module: module.__name__)
def test_every_exercise_of_the_course_has_its_solution(module):
    exercises = exercises_of(module)
    assert [each for each in exercises if find_solution(each).startswith("#")] == []
