"""The pace of a notebook: how long its cells are, how many stand in a row, whether each figure is talked about.

The bounds come from counting in courses that read well: code cells of three to eight lines, prose cells of 20 to
80 words, at most three code cells in a row, a sentence after every figure.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from nbformat import NotebookNode

from densekit.tables import text_table

LONGEST_CODE = 25
"""Lines that nine in ten code cells stay below."""

LONGEST_PROSE = 160
"""Words that no prose cell but the first and the last may have more of."""

IN_A_ROW = 3
"""Code cells without a word between them."""

SHARE_OF_EXERCISES = 0.6
"""Of the minutes that a notebook states, at most this share may be those of its exercises."""

_EXERCISE = re.compile(r"^#+\s*Exercise \d+\b.*?\((\d+) min", re.MULTILINE)
_WHOLE = re.compile(r"\*\*Time\*\*:\s*(\d+) minutes")
_TABLE = re.compile(r"^\s*\|.*$", re.MULTILINE)
_BESIDE_THE_STORY = {"setup", "parameters", "result"}  # tags of cells that a reader passes over


@dataclass(frozen=True)
class Pace:
    """What was counted in a notebook.

    Args:
        notebook: its name.
        code_cells: those that belong to the story; set-up, parameters and result don't.
        code_lines: the median of their lines, without empty ones.
        long_code: the share of them with `LONGEST_CODE` lines or more.
        prose_words: the median of the words of a prose cell, without tables.
        longest_prose: the most words in a prose cell, the first and the last left out.
        most_in_a_row: code cells without prose between them.
        unspoken_figures: numbers of the cells, from 1, whose figure no prose follows before the next figure.
        minutes: that the notebook states; 0 if it states none.
        exercise_minutes: the sum of those of its exercises.
    """

    notebook: str
    code_cells: int
    code_lines: float
    long_code: float
    prose_words: float
    longest_prose: int
    most_in_a_row: int
    unspoken_figures: tuple[int, ...]
    minutes: int
    exercise_minutes: int


def measure_pace(name: str, notebook: NotebookNode) -> Pace:
    """Count in a notebook that was built and run."""
    prose = [str(cell.source) for cell in notebook.cells if cell.cell_type == "markdown"]
    words = [len(_TABLE.sub("", text).split()) for text in prose]
    lines = [_lines(cell) for cell in notebook.cells if _tells(cell)]
    text = "\n".join(prose)
    stated = _WHOLE.search(text)
    return Pace(
        notebook=name,
        code_cells=len(lines),
        code_lines=median(lines or [0]),
        long_code=sum(each >= LONGEST_CODE for each in lines) / max(1, len(lines)),
        prose_words=median(words or [0]),
        longest_prose=max(words[1:-1], default=0),
        most_in_a_row=_most_in_a_row(notebook),
        unspoken_figures=tuple(_unspoken_figures(notebook)),
        minutes=int(stated[1]) if stated else 0,
        exercise_minutes=sum(int(minutes) for minutes in _EXERCISE.findall(text)),
    )


def problems_of_pace(pace: Pace) -> Iterator[str]:
    """Say where a notebook goes beyond the bounds."""
    if pace.long_code > 0.1:
        yield f"{pace.long_code:.0%} of its code cells have {LONGEST_CODE} lines or more: at most one in ten may"
    if pace.longest_prose > LONGEST_PROSE:
        yield f"a prose cell has {pace.longest_prose} words: at most {LONGEST_PROSE}, and 20 to 80 read best"
    if pace.most_in_a_row > IN_A_ROW:
        yield f"{pace.most_in_a_row} code cells stand in a row: at most {IN_A_ROW}, then say what to notice"
    for number in pace.unspoken_figures:
        yield f"cell {number} shows a figure, and no prose after it says what to notice"
    if pace.exercise_minutes and pace.exercise_minutes > SHARE_OF_EXERCISES * pace.minutes:
        yield (
            f"its exercises take {pace.exercise_minutes} of its {pace.minutes} minutes: at most "
            f"{SHARE_OF_EXERCISES:.0%}, for there is something to read, too"
        )


def pace_table(paces: Sequence[Pace]) -> str:
    """Return what was counted as a table, a line for each notebook."""
    heading = (
        "notebook",
        "code cells",
        "lines",
        "long",
        "words",
        "most words",
        "in a row",
        "minutes",
        "exercises",
    )
    rows = [
        (
            pace.notebook,
            str(pace.code_cells),
            f"{pace.code_lines:g}",
            f"{pace.long_code:.0%}",
            f"{pace.prose_words:g}",
            str(pace.longest_prose),
            str(pace.most_in_a_row),
            str(pace.minutes),
            str(pace.exercise_minutes),
        )
        for pace in paces
    ]
    return "\n".join(text_table(heading, rows))


def _tells(cell: NotebookNode) -> bool:
    return cell.cell_type == "code" and not _BESIDE_THE_STORY.intersection(cell.metadata.get("tags", []))


def _lines(cell: NotebookNode) -> int:
    return sum(bool(line.strip()) for line in str(cell.source).splitlines())


def _most_in_a_row(notebook: NotebookNode) -> int:
    most = run = 0
    for cell in notebook.cells:
        run = run + 1 if _tells(cell) else 0
        most = max(most, run)
    return most


def _unspoken_figures(notebook: NotebookNode) -> Iterator[int]:
    """Yield the numbers of cells with a figure that are followed by another figure, or by nothing."""
    silent = 0
    for number, cell in enumerate(notebook.cells, 1):
        if cell.cell_type == "markdown":
            silent = 0
        elif _shows_figure(cell):
            if silent:
                yield silent
            silent = number
    if silent:
        yield silent


def _shows_figure(cell: NotebookNode) -> bool:
    data = [output.get("data", {}) for output in cell.get("outputs", [])]
    return any("<img" in "".join(bundle.get("text/html", "")) or "image/png" in bundle for bundle in data)
