"""What an exercise is: a checker, its hints, and a verdict that gives its reason.

A module of checkers has one function for each exercise of its notebook:

    @exercise(
        number=1,
        title="Channels of a dense block",
        minutes=5,
        difficulty="easy",
        hints=(
            Hint("my number is too small", "Every layer appends its channels, nothing is lost."),
            Hint("my number is a little off", "Count the channels that enter the block, too."),
        ),
    )
    def exercise_1(channels: int) -> str:
        expect_equal(channels, 256, because="64 channels enter, and 6 layers add 32 each")
        return "64 channels enter, and 6 layers add 32 each"

A checker returns the reason why an answer is right, and raises `NotYet` (through `expect` and `expect_equal`)
with the reason why it is not. Whatever else it raises is told to the reader as a failure of their own code.
"""

import functools
import linecache
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal

from densekit.exercises.display import Card, show
from densekit.exercises.expectations import NotYet, quoted
from densekit.exercises.placeholders import still_to_do

State = Literal["todo", "passed", "not yet"]
Difficulty = Literal["easy", "medium", "hard"]
Checker = Callable[..., str]


@dataclass(frozen=True)
class Hint:
    """A step of help.

    Args:
        symptom: what the reader sees, as they would say it: "the count is right, the values are not".
        text: what to look at, without giving the answer away.
    """

    symptom: str
    text: str


@dataclass(frozen=True)
class Verdict:
    """What a checker says of an answer: its state, and the reason."""

    state: State
    reason: str
    discreet: str = ""
    """The reason without the right answer, where it quotes that."""
    about: str = ""
    """Which of several values it is about."""


class Exercise:
    """An exercise: call it with an answer, ask it for hints and for a solution."""

    def __init__(
        self,
        checker: Checker,
        number: int,
        title: str,
        minutes: int,
        difficulty: Difficulty,
        hints: Sequence[Hint],
        untouched: Callable[..., bool],
    ) -> None:
        if len(hints) < 2:
            raise ValueError(f"exercise {number} has {len(hints)} hints: expected two steps of help or more")
        self.checker = checker
        self.number = number
        self.title = title
        self.minutes = minutes
        self.difficulty = difficulty
        self.hints = tuple(hints)
        self.untouched = untouched
        self._failed: set[str] = set()
        functools.update_wrapper(self, checker)

    def __call__(self, *answers: Any) -> None:
        """Check an answer and show the verdict.

        What a value (not a function or a class) should be is told from its second failure on: the first is a
        reason to think again.
        """
        verdict = self.judge(*answers)
        if verdict.state == "not yet":
            is_first = verdict.about not in self._failed
            self._failed.add(verdict.about)
            if is_first and not any(callable(answer) for answer in answers):
                verdict = Verdict(verdict.state, verdict.discreet or verdict.reason)
        show(self._card(verdict))

    def __repr__(self) -> str:
        return f"<exercise {self.number}: {self.title}, {self.minutes} min, {self.difficulty}>"

    def judge(self, *answers: Any) -> Verdict:
        """Return the verdict on an answer, without showing it. Only Ctrl-C gets past it."""
        try:
            missing = still_to_do(answers)
            if missing or self.untouched(*answers):
                return Verdict("todo", missing or "change the code above, then run the cell again")
        except Exception:  # an answer that can't even be looked at is one that the checker reports on
            pass
        try:
            return Verdict("passed", self.checker(*answers))
        except NotYet as failure:
            return Verdict("not yet", str(failure), failure.discreet, failure.about)
        except (Exception, SystemExit) as error:
            return Verdict("not yet", _told(error, answers))

    def hint(self, step: int = 1) -> None:
        """Show a step of help, from 1."""
        known = range(1, len(self.hints) + 1)
        if step not in known:
            text = f"there is no hint {quoted(step)}: this exercise has {len(known)}"
            show(Card(self._heading(), "hint", text))
            return
        hint = self.hints[int(step) - 1]  # 1.0 is 1
        show(
            Card(f"{self._heading()} · hint {step} of {len(known)}", "hint", f"“{hint.symptom}”: {hint.text}")
        )

    def solution(self) -> None:
        """Show a solution, as it stands in the solved notebook."""
        from densekit.exercises.solutions import find_solution  # brings the readers of notebooks

        code = find_solution(self.checker)
        show(Card(f"{self._heading()} · a solution", "hint", "one way to do it:", code=code))

    def _heading(self) -> str:
        return f"Exercise {self.number} · {self.title}"

    def _card(self, verdict: Verdict) -> Card:
        helps = [(hint.symptom, hint.text) for hint in self.hints] if verdict.state != "passed" else []
        return Card(
            heading=self._heading(),
            state=verdict.state,
            text=verdict.reason,
            effort=f"{self.minutes} min, {self.difficulty}",
            helps=tuple(helps),
            how_to_get_help=f"check.{self.checker.__name__}.hint(1)",
            data={"exercise": self.number, "state": verdict.state},
        )


def exercise(
    *,
    number: int,
    title: str,
    minutes: int,
    difficulty: Difficulty,
    hints: Sequence[Hint],
    untouched: Callable[..., bool] = lambda *answers: False,
) -> Callable[[Checker], Exercise]:
    """Make a checker into an exercise.

    Args:
        number: in its notebook, from 1.
        title: a few words.
        minutes: that a learner needs.
        difficulty: 'easy', 'medium' or 'hard'.
        hints: two steps of help or more, the general first.
        untouched: says of an answer that it is still the given starting point, where that is not `...` (code
            to be repaired).
    """

    def make(checker: Checker) -> Exercise:
        return Exercise(checker, number, title, minutes, difficulty, hints, untouched)

    return make


def _told(error: BaseException, answers: Sequence[Any]) -> str:
    """Say what stopped a check: the reader's own line, if it is in their code, or else their value."""
    what = type(error).__name__ + (f": {error}" if str(error) else "")
    what = " ".join(what.split())
    where = _line_of_reader(error.__traceback__)
    if where:
        return f"your code stopped with {what} — {where}"
    values = ", ".join(quoted(answer) for answer in answers) or "nothing"
    return f"this can't be checked: you gave {values}, and looking at it stopped with {what}"


def _line_of_reader(trace: TracebackType | None) -> str:
    """Return the last line of a traceback that lies in a cell of the notebook, or nothing."""
    for frame in reversed(traceback.extract_tb(trace)):
        if _is_readers(frame.filename):
            code = (frame.line or linecache.getline(frame.filename, frame.lineno or 0)).strip()
            return f"line {frame.lineno} of {frame.name if frame.name != '<module>' else 'the cell'}: {code}"
    return ""


def _is_readers(filename: str) -> bool:
    # IPython names a cell '/tmp/ipykernel_123/456.py', '<ipython-input-1-...>' or, in older versions,
    # otherwise.
    return "ipykernel_" in filename or filename.startswith("<ipython-input")
