"""Tables as plain text, aligned also where names are Hangul, two columns wide a character, and as CSV."""

import csv
import io
import re
from collections.abc import Sequence

from wcwidth import wcswidth

_FORMULA = re.compile(r"'*[=+\-@\t\r]")


def text_table(
    heading: Sequence[str], rows: Sequence[Sequence[str]], columns: str = "", ruled: bool = False
) -> list[str]:
    """Return the lines of a table.

    Args:
        heading: of each column.
        rows: as many cells each.
        columns: for each column '<' (to the left) or '>' (to the right); if not given, the first is
            to the left and all others to the right, as numbers are.
        ruled: draw a line below the heading.
    """
    sides = columns or "<" + ">" * (len(heading) - 1)
    widths = [max(map(_width, column)) for column in zip(heading, *rows, strict=True)]
    lines = [_line(row, widths, sides) for row in (heading, *rows)]
    if ruled:
        lines.insert(1, "  ".join("-" * width for width in widths))
    return lines


def _line(row: Sequence[str], widths: Sequence[int], sides: str) -> str:
    cells = []
    for cell, width, side in zip(row, widths, sides, strict=True):
        gap = " " * (width - _width(cell))
        cells.append(cell + gap if side == "<" else gap + cell)
    return "  ".join(cells).rstrip()


def _width(text: str) -> int:
    """Return how many columns a text takes; a character that a terminal doesn't show counts for none."""
    width = wcswidth(text)
    return width if width >= 0 else sum(max(0, wcswidth(character)) for character in text)


def as_csv(rows: Sequence[Sequence[str]]) -> bytes:
    """Return rows as CSV for a spreadsheet, too.

    With a byte order mark, without which Excel reads Hangul as gibberish; and what would be a formula there is
    text, since names of files and classes come from anybody.
    """
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([_guarded(cell) for cell in row] for row in rows)
    return text.getvalue().encode("utf-8-sig")


def _guarded(cell: str) -> str:
    return f"'{cell}" if _FORMULA.match(cell) else cell


def unguarded(cell: str) -> str:
    """Return a cell as it was before `as_csv`."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
