"""How numbers are written, everywhere the same."""

import math


def percent(share: float, decimals: int = 1) -> str:
    """Return a share as a percentage, such as '90.0 %', or '–' where it is not known.

    What is almost all is not rounded to all, nor what is almost nothing to nothing: they are '>99.9 %' and
    '<0.1 %'.
    """
    if math.isnan(share):
        return "–"
    least = 10.0**-decimals
    rounded = round(100 * share, decimals)
    if rounded >= 100 and share < 1:
        return f">{100 - least:.{decimals}f} %"
    if rounded <= 0 and share > 0:
        return f"<{least:.{decimals}f} %"
    return f"{100 * share:.{decimals}f} %"


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun: '1 class', '3 classes'."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"
