"""Predictions that are real: a guess in a cell of its own, and nothing of the answer before it.

    guess("channels after the block", ...)                        # the reader replaces the dots

    with reveal("channels after the block", maps.shape[1]):       # in a later cell
        print(tuple(maps.shape))
        show(figure)

The body of `with` always runs, so later cells have what it assigns. What it prints and draws is held back until
there is a guess. So a notebook with dots in it runs from top to bottom and gives nothing away.
"""

from dataclasses import dataclass
from types import TracebackType
from typing import Any

from IPython.utils.capture import capture_output

from densekit.course.results import GUESS_MIME
from densekit.exercises.display import Card, show
from densekit.exercises.expectations import quoted
from densekit.exercises.kindly import is_empty, number_in, same_answer


@dataclass
class _Guess:
    """What a reader guessed, and how it went: None before the answer is revealed."""

    value: Any
    unit: str
    good: bool | None = None


_guesses: dict[str, _Guess] = {}
"""The guesses of this notebook, in the order of its questions."""


def guess(question: str, mine: Any, *, unit: str = "") -> None:
    """Keep a guess, and show that it is kept; the answer comes with `reveal`.

    Args:
        question: a few words, the same as in `reveal`.
        mine: the reader's guess; `...` or nothing if there is none yet.
        unit: of a number, such as 'channels' or '%'.
    """
    if is_empty(mine):
        _guesses[question] = _Guess(..., unit)
        show(_card(question, "guess", "put it in the place of ... and run this cell, before you read on"))
        return
    _guesses[question] = _Guess(mine, unit)
    show(_card(question, "told", f"noted: {_noted(mine, unit)}. The next cells tell"))


def reveal(question: str, answer: Any, *, close: float = 0.1, quiet: bool = False) -> "_Body":
    """Say how far the guess was from the answer; without a guess, say nothing but that one is missing.

    Args:
        question: the same words as in `guess`.
        answer: the right one: a number, a text, a yes or no as a bool, or several texts in any order.
        close: for numbers, the share of the answer by which a guess may be off and still be called close.
        quiet: give no verdict, for a second cell that gives the same answer away.

    Returns:
        A context for whatever else gives the answer away: what is printed and drawn in it is shown if there is a
        guess, and held back if there is none.
    """
    if getattr(answer, "ndim", None) == 0:
        answer = answer.item()  # an array or tensor of one number, or of one True or False, is that
    made = _guesses.setdefault(question, _Guess(..., ""))
    missing = made.value is ...
    unreadable = not missing and _is_number(answer) and number_in(made.value) is None
    if not quiet:
        made.good, text = None, "first type it in the cell above and run that, then run this one"
        if unreadable:
            text = f"{quoted(made.value)} can't be read as a number: write it in digits, in the cell above"
        elif not missing:
            made.good, text = _judged(made, answer, close)
        show(_card(question, "guess" if missing or unreadable else "told", text))
    return _Body(held_back=missing or unreadable)


class _Body:
    """What gives an answer away: run in any case, and shown or held back. As a value it shows nothing itself."""

    def __init__(self, held_back: bool) -> None:
        self._capture = capture_output() if held_back else None

    def __enter__(self) -> None:
        if self._capture is not None:
            self._capture.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._capture is not None:
            self._capture.__exit__(kind, error, trace)

    def _ipython_display_(self) -> None:
        """Show nothing where `reveal` is the last line of a cell."""


def show_guesses() -> None:
    """Say how good the guesses of this notebook were."""
    made = {question: each for question, each in _guesses.items() if each.value is not ...}
    good = [question for question, each in made.items() if each.good]
    off = [question for question, each in made.items() if each.good is False]
    if not made:
        text = f"none made yet, of {len(_guesses)}: to be wrong is half of the fun, and most of the learning"
    else:
        text = f"{len(made)} of {len(_guesses)} made, {len(good)} of them right or close"
    show(Card("Your guesses", "told", f"{text}{'; look again at: ' + ', '.join(off) if off else ''}"))


def _card(question: str, state: str, text: str) -> Card:
    data = {"question": question, "made": state != "guess"}
    return Card(question, state, text, data=data, data_type=GUESS_MIME)


def _noted(mine: Any, unit: str) -> str:
    number = number_in(mine)
    if unit and number is None:
        return f"{quoted(mine)}, though a number is asked for ({unit})"
    if _is_share(mine, unit):
        counts = f"{100 * float(number or 0):g}%"
        return f"{quoted(mine)}. In percent? Then it counts as {counts}, unless less than 1% is right"
    return quoted(mine) if number is None else _with_unit(number, unit)


def _judged(made: _Guess, answer: Any, close: float) -> tuple[bool, str]:
    """Return whether a guess is right or close, and a sentence about it, whatever was guessed."""
    try:
        return _compared(made.value, answer, close, made.unit)
    except Exception as error:
        return False, f"{quoted(made.value)} can't be compared: {type(error).__name__}: {error}"


def _compared(mine: Any, answer: Any, close: float, unit: str) -> tuple[bool, str]:
    """Return whether a guess is right or close, and a sentence that says how far it is."""
    right = number_in(answer) if _is_number(answer) else None
    if right is None:
        good = same_answer(mine, answer)
        return (
            good,
            f"right: {_plain(answer)}" if good else f"you said {quoted(mine)}, it is {_plain(answer)}",
        )
    said = float(number_in(mine) or 0)
    if _is_share(mine, unit) and right > 1:
        said *= 100
    if said == right:
        return True, f"exactly: it is {_with_unit(right, unit)}"
    off = abs(said - right)
    good = off <= close * abs(right)
    direction = "too high" if said > right else "too low"
    shown, expected = _with_unit(said, unit), _with_unit(right, unit)
    apart = _with_unit(off, {"%": "point" if off == 1 else "points", "×": ""}.get(unit, unit))
    told = f"you said {shown}, it is {expected}: {apart} {direction}"
    return good, f"close: {told}" if good else told


def _is_number(answer: Any) -> bool:
    return not isinstance(answer, str) and number_in(answer) is not None


def _is_share(mine: Any, unit: str) -> bool:
    """Say whether an answer that is asked for in percent looks like a share of one: 0.94 for 94 %."""
    if unit != "%" or (isinstance(mine, str) and "%" in mine):
        return False
    number = number_in(mine)
    return number is not None and 0 < number < 1


def _plain(answer: Any) -> str:
    if isinstance(answer, bool):
        return "yes" if answer else "no"
    return quoted(answer)


def _with_unit(number: float, unit: str) -> str:
    space = "" if unit in ("", "%", "×") else " "
    whole = float(number).is_integer() or abs(number) >= 10_000
    shown = f"{number:,.0f}" if whole else f"{number:.4g}"
    return f"{shown}{space}{unit}"
