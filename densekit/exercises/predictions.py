"""A prediction before the number is shown: the reader commits to a guess, and the cell answers.

    predict("channels after the block", guess=..., answer=maps.shape[1])

With `...` as the guess, nothing is given away and the notebook runs on.
"""

import math
from typing import Any

from densekit.exercises.display import Card, show
from densekit.exercises.framework import quoted


def predict(question: str, *, guess: Any, answer: Any, close: float = 0.1, unit: str = "") -> None:
    """Show how far a guess is from the answer.

    Args:
        question: what is guessed, a few words.
        guess: the reader's; `...` if there is none yet.
        answer: the right one.
        close: for numbers, the share of the answer by which a guess may be off and still be called close.
        unit: of a number, such as 'channels' or '%'.
    """
    show(_card(question, guess, answer, close, unit))


def _card(question: str, guess: Any, answer: Any, close: float, unit: str) -> Card:
    if guess is ...:
        return Card(question, "guess", "put it in the place of ... and run the cell, before you read on")
    try:
        return Card(question, "told", _compared(guess, answer, close, unit))
    except Exception as error:
        return Card(question, "told", f"{quoted(guess)} can't be compared: {type(error).__name__}: {error}")


def _compared(guess: Any, answer: Any, close: float, unit: str) -> str:
    right, said = _number(answer), _number(guess)
    if right is None:
        return (
            f"yes, it is {quoted(answer)}"
            if guess == answer
            else f"you said {quoted(guess)}, it is {quoted(answer)}"
        )
    if said is None:
        return f"you said {quoted(guess)}, which is not a number; guess one"
    space = "" if unit in ("", "%", "×") else " "
    shown, told, apart = (f"{_short(number)}{space}{unit}" for number in (right, said, abs(said - right)))
    if said == right:
        return f"exactly: it is {shown}"
    direction = "too high" if said > right else "too low"
    word = "close: " if abs(said - right) <= close * abs(right) else ""
    return f"{word}you said {told}, it is {shown}: {apart} {direction}"


def _short(number: float) -> str:
    return f"{int(number):,}" if number.is_integer() else f"{number:.4g}"


def _number(value: Any) -> float | None:
    if isinstance(value, str | bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None
