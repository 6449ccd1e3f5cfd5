"""The test that every checker passes: right answers pass, plausible wrong ones are told why they are wrong.

assert_checker(
    start_here.exercise_1,
    right=[256, "256"],
    wrong=[(192, "192, expected 256"), ("many", "many"), …],
)
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from densekit.exercises.framework import Exercise

_ANYTHING: tuple[Any, ...] = (
    None,
    0,
    -1.5,
    "",
    "text",
    b"",
    [],
    {},
    object(),
    type,
    lambda: 1 / 0,
    float("nan"),
)


def assert_checker(
    exercise: Exercise, right: Sequence[Any], wrong: Sequence[tuple[Any, str]], part: bool = False
) -> None:
    """Hold a checker to its promises.

    Args:
        exercise: the exercise.
        right: answers that must pass; a tuple is several arguments.
        wrong: answers that must not, each with a fragment of the message that the reader must see.
        part: other tests give the rest of the two right ways and the four wrong ones.

    Besides, every number in a right answer is given as a numpy scalar, an array and a tensor, which must pass,
    too; and the checker is fed what nobody would expect.

    Raises:
        AssertionError: there are fewer than two right ways or four wrong ones; a right answer does not pass, a
            wrong one does, its message lacks the fragment, or the placeholder is not told as to do.
    """
    ways, mistakes = (1, 1) if part else (2, 4)
    assert len(right) >= ways, f"right answers: {len(right)}, expected {ways} ways of writing it or more"
    assert len(wrong) >= mistakes, f"wrong answers: {len(wrong)}, expected {mistakes} plausible ones or more"
    for answer in [*right, *(other for way in right for other in _in_other_types(way))]:
        verdict = exercise.judge(*_arguments(answer))
        assert verdict.state == "passed", f"right answer {answer!r} is told: {verdict.reason}"
        assert verdict.reason, f"right answer {answer!r} passes without a reason"
    for answer, fragment in wrong:
        verdict = exercise.judge(*_arguments(answer))
        assert verdict.state == "not yet", (
            f"wrong answer {answer!r} is told '{verdict.state}': {verdict.reason}"
        )
        assert fragment in verdict.reason, f"{fragment!r} is not in the message {verdict.reason!r}"
    number = len(_arguments(right[0]))
    todo = exercise.judge(*[...] * number)
    assert todo.state == "todo", f"the placeholder is told '{todo.state}': {todo.reason}"
    for answer in _ANYTHING:  # whatever it is fed, it answers
        verdict = exercise.judge(*[answer] * number)
        assert verdict.state in ("todo", "passed", "not yet")


def _in_other_types(answer: Any) -> list[Any]:
    """Return an answer with its numbers as numpy scalars, as arrays of none dimensions, and as tensors."""
    arguments = _arguments(answer)
    if not any(_is_number(argument) for argument in arguments):
        return []
    return [
        tuple(kind(argument) if _is_number(argument) else argument for argument in arguments)
        for kind in (np.float64, np.array, torch.tensor)
    ]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _arguments(answer: Any) -> tuple[Any, ...]:
    return answer if isinstance(answer, tuple) else (answer,)
