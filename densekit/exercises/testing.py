"""The test that every checker passes: right answers pass, plausible wrong ones are told why they are wrong.

assert_checker(
    start_here.exercise_1,
    right=[256, torch.tensor(256)],
    wrong=[(192, "192, expected 256"), ("many", "many")],
)
"""

from collections.abc import Sequence
from typing import Any

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


def assert_checker(exercise: Exercise, right: Sequence[Any], wrong: Sequence[tuple[Any, str]]) -> None:
    """Hold a checker to its promises.

    Args:
        exercise: the exercise.
        right: answers that must pass; a tuple is several arguments.
        wrong: answers that must not, each with a fragment of the message that the reader must see.

    Raises:
        AssertionError: a right answer does not pass, a wrong one does, its message lacks the fragment, or the
            placeholder is not told as to do.
    """
    assert right and wrong, "give at least one right and one plausible wrong answer"
    for answer in right:
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


def _arguments(answer: Any) -> tuple[Any, ...]:
    return answer if isinstance(answer, tuple) else (answer,)
