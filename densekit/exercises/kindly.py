"""Answers are read as they are meant: 'B', '(b)' and 'b' are one, so are 'No' and False, '10,250' and 10250."""

import math
import re
from collections.abc import Iterable
from typing import Any

_WORDS = {True: {"yes", "y", "true", "예", "네"}, False: {"no", "n", "false", "아니요", "아니오"}}
_NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)(?:\s*/\s*(\d+\.?\d*))?")
_BESIDE = re.compile(r"[%×]|\b(?:percent|about|ca\.?)\b|~|≈")


def number_in(value: Any) -> float | None:
    """Return the number that is meant, or None: 23, "23", "10,250", "10 250", "94 %", "1/2", tensor(23)."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        return _number_in_text(value)
    try:
        number = float(value)
    except (TypeError, ValueError, RuntimeError):
        return None
    return number if math.isfinite(number) else None


def is_empty(value: Any) -> bool:
    """Say whether no answer was given yet: the dots, None, an empty text, or a number that is none."""
    if value is None or value is ...:
        return True
    if isinstance(value, str):
        return not value.strip(" .")
    return isinstance(value, float) and math.isnan(value)


def same_answer(mine: Any, answer: Any) -> bool:
    """Say whether two answers mean the same, whatever their case, brackets, order and spaces.

    Args:
        mine: the reader's.
        answer: a text, a bool for yes and no, or several texts, of which the order doesn't matter.
    """
    if isinstance(answer, bool):
        return _normal(mine) in _WORDS[answer]
    if isinstance(answer, str):
        mine_text, right = _normal(mine), _normal(answer)
        digits = "".join(re.findall(r"\d", right))
        # "dense block 4", "denseblock4" and "4" all mean "block 4", and the other way round.
        same_digits = digits == "".join(re.findall(r"\d", mine_text))
        within = right in mine_text or mine_text in right
        return mine_text == right or (digits != "" and same_digits and within)
    if isinstance(answer, Iterable):
        several = re.split(r"[,;]| and ", mine) if isinstance(mine, str) else list(mine)
        return {_normal(each) for each in several} == {_normal(each) for each in answer}
    return bool(mine == answer)


def _normal(value: Any) -> str:
    return re.sub(r"[\W_]", "", str(value).casefold())


def _number_in_text(text: str) -> float | None:
    # A lone zero begins no thousands: 0,125 is an eighth.
    plain = re.sub(
        r"(?<=\d)(?<!(?<!\d)0)[,_ '’](?=\d{3}(?!\d))", "", _BESIDE.sub("", text.casefold()).strip()
    )
    plain = re.sub(r"(?<=\d),(?=\d)", ".", plain)  # a decimal comma: 0,95
    match = _NUMBER.fullmatch(plain.strip())
    if match is None:
        return None
    below = float(match[2]) if match[2] else 1.0
    return float(match[1]) / below if below else None
