"""How numbers and names are written, everywhere the same."""

import math
import unicodedata
from contextlib import suppress
from pathlib import Path

_UNSEEN = ("Cc", "Cs", "Zl", "Zp")  # control characters, halves of characters, breaks of lines


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


def shown(name: str | Path, keep: str = "") -> str:
    r"""Return a name as text that can be written anywhere: on a terminal, into a table, into a file.

    A file's name is any bytes. Those that are no UTF-8 are written as '\xb0', control characters as '\r' or
    '\x1b': on a terminal they would do something instead of being seen.

    Args:
        name: a name, or a text with names in it.
        keep: control characters that stay, such as "\n".
    """
    return "".join(
        character
        if character in keep or unicodedata.category(character) not in _UNSEEN
        else _escaped(character)
        for character in str(name)
    )


def from_here(path: Path) -> str:
    """Return a path as text, as seen from the present folder if it lies in there."""
    with suppress(OSError, ValueError):  # the present folder is gone, or the path leads elsewhere
        return shown(path.relative_to(Path.cwd()))
    return shown(path)


def is_plain(name: str) -> bool:
    """Say whether a name is shown as it is."""
    return shown(name) == name


def _escaped(character: str) -> str:
    if "\udc80" <= character <= "\udcff":  # how Python keeps a byte that is no UTF-8
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape", "backslashreplace").decode()


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun: '1 class', '3 classes'."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"
