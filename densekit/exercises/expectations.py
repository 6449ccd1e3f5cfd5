"""What is expected of an answer: each function stops a check with the reason if it does not hold."""

import re
from collections.abc import Mapping
from typing import Any

from densekit.exercises.kindly import number_in


class NotYet(Exception):  # noqa: N818 (a verdict, not an error)
    """An answer is not right yet; the message says why, with the reader's own value.

    Args:
        reason: the message.
        discreet: the message without the right answer, where `reason` quotes it.
        about: which of several values the message is about.
    """

    def __init__(self, reason: str, discreet: str = "", about: str = "") -> None:
        super().__init__(reason)
        self.discreet, self.about = discreet or reason, about


def expect(condition: bool, reason: str) -> None:
    """Stop the check with a reason unless the condition holds."""
    if not condition:
        raise NotYet(reason)


def expect_equal(value: Any, expected: Any, because: str, name: str = "your value") -> None:
    """Stop the check unless the reader's value equals the expected one; both are quoted.

    Args:
        value: the reader's.
        expected: the right one.
        because: why it is right, a clause.
        name: what the value is called in the message.
    """
    _expect_something(value, name)
    if isinstance(expected, bool) and not isinstance(getattr(value, "item", lambda: value)(), bool):
        raise NotYet(f"{name} is {quoted(value)}, expected True or False", about=name)
    if not _equal(value, expected):
        raise NotYet(
            f"{name} is {quoted(value)}, expected {quoted(expected)}, because {because}",
            _discreet(name, value),
            name,
        )


def expect_close(
    value: Any, expected: float, tolerance: float, because: str, name: str = "your value"
) -> None:
    """Stop the check unless a number is within `tolerance` of the expected one."""
    _expect_something(value, name)
    number = _as_number(value)
    if number is None:
        raise NotYet(
            f"{name} is {quoted(value)}, expected a number near {expected:g}, because {because}",
            f"{name} is {quoted(value)}, expected a number",
            name,
        )
    if not abs(number - expected) <= tolerance:
        raise NotYet(
            f"{name} is {_apart(number, expected)} (± {tolerance:g}), because {because}",
            _discreet(name, value),
            name,
        )


def expect_letter(value: Any, right: str, wrong: Mapping[str, str]) -> None:
    """Stop the check unless the reader chose the right letter, however it is written: b, (B), (b) and its text.

    Args:
        value: the reader's.
        right: the letter.
        wrong: for each of the other letters, why it is not right.
    """
    text = value.lower().strip() if isinstance(value, str) else ""
    written = _A_LETTER.fullmatch(text) or re.match(r"\W*([a-z])[).:]", text)
    letter = written[1] if written else ""
    *others, last = (f"'{each}'" for each in sorted([right, *wrong]))
    expect(
        letter in (right, *wrong), f"your answer is {quoted(value)}, expected {', '.join(others)} or {last}"
    )
    expect(letter == right, f"your answer is {letter!r}, expected another one: {wrong.get(letter)}")


_A_LETTER = re.compile(r"\W*(?:(?:answer|case|choice|option|pipeline|verdict)[_: ]+)?\W*([a-z])\W*")
"""A letter, brackets around it, and a word that says no more than that it is an answer."""


def _expect_something(value: Any, name: str) -> None:
    """Stop where nothing came out, which has its own cause."""
    if value is None:
        raise NotYet(f"{name} is None: expected an answer; a function needs a `return` for it")
    if value is ...:
        raise NotYet(f"{name} is still ...: write your answer in its place")


def _apart(number: float, expected: float) -> str:
    """Return both numbers with so many digits that they differ."""
    digits = next((n for n in range(6, 17) if f"{number:.{n}g}" != f"{expected:.{n}g}"), 17)
    return f"{number:.{digits}g}, expected {expected:.{digits}g}"


def _discreet(name: str, value: Any) -> str:
    return f"{name} is {quoted(value)}, and that is not it. Try again, or open a hint; then you are told"


def quoted(value: Any, length: int = 60) -> str:
    """Return a value as a message quotes it: on one line, not too long, whatever it is."""
    try:
        text = " ".join(repr(value).split())
    except Exception as error:
        text = f"<a {type(value).__name__} whose repr raises {type(error).__name__}>"
    return text if len(text) <= length else f"{text[: length - 1]}…"


def _equal(value: Any, expected: Any) -> bool:
    if getattr(value, "ndim", None) == 0 and not hasattr(expected, "ndim"):
        value = value.item()  # an array or tensor of one number is that number
    if isinstance(value, bool) != isinstance(expected, bool):
        return False  # True == 1 in Python, but not as an answer
    same = value == expected
    if hasattr(same, "all"):
        return getattr(value, "shape", None) == getattr(expected, "shape", None) and bool(same.all())
    return bool(same)


def _as_number(value: Any) -> float | None:
    """Return a number, infinite ones and NaN too, or that which a text means; None if there is none."""
    if isinstance(value, str):
        return number_in(value)
    try:
        return float(value)
    except (TypeError, ValueError):
        return None
