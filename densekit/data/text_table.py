"""Tables as plain text, aligned also where names are Hangul, whose characters are two columns wide."""

import unicodedata
from collections.abc import Sequence


def text_table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table: the first column to the left, the numbers in the others to the right."""
    columns = list(zip(heading, *rows, strict=True))
    widths = [max(_width(cell) for cell in column) for column in columns]
    return ["  ".join(_line(row, widths)).rstrip() for row in (heading, *rows)]


def _line(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    gaps = [" " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)]
    return [
        cell + gap if index == 0 else gap + cell
        for index, (cell, gap) in enumerate(zip(row, gaps, strict=True))
    ]


def _width(text: str) -> int:
    marks = sum(unicodedata.combining(character) > 0 for character in text)
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return len(text) - marks + wide
