"""Check that the notebooks are what they claim to be: built from their sources, run, held to their outputs.

Comparing stored outputs (nbval) passes silently where there is nothing to compare: a cell without outputs
that was never run, a cell tagged as ignored. So this check comes first, and it reads files only; nothing is
executed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from nbformat import NotebookNode

from densekit.course.build import read_notebook
from densekit.course.guesses import facts_of_guesses, problems_of_guesses
from densekit.course.outputs import code_cells, problems_of_outputs, shows_false
from densekit.course.pace import Pace, measure_pace, pace_table, problems_of_pace
from densekit.course.parameters import parameters_of
from densekit.course.places import VERSIONS, Course, Version, open_course
from densekit.course.results import CHECK_MIME, GUESS_MIME
from densekit.course.sources import FALSE_TAG, IGNORE_TAG, Source, generate, read_source
from densekit.errors import CourseError

_SKIPPING = ("nbval-skip", "raises-exception", "nbval-raises-exception")
_COMMENT_MARKERS = ("NBVAL_", "PYTEST_VALIDATE_IGNORE_OUTPUT")
_SHELL = ("!", "%pip", "%conda", "%sx", "%system", "%%bash", "%%sh", "%%script", "%%!")
_SETUP_TAG = "setup"


@dataclass(frozen=True)
class Problem:
    """One reason not to trust a notebook.

    Args:
        notebook: the file.
        message: what is wrong, and what to do.
    """

    notebook: Path
    message: str


@dataclass(frozen=True)
class CheckReport:
    """What a check found.

    Args:
        checked: the notebooks that were looked at.
        problems: what is wrong with them.
        paces: what was counted in each of the learner's notebooks that can be read.
    """

    checked: tuple[Path, ...]
    problems: tuple[Problem, ...]
    paces: tuple[Pace, ...] = ()

    @property
    def ok(self) -> bool:
        """Say whether nothing is wrong."""
        return not self.problems

    @property
    def text(self) -> str:
        """The report: a table of what was counted, a line for each problem, and one for the sum."""
        lines = [f"{problem.notebook}: {problem.message}" for problem in self.problems]
        count = "1 problem" if len(lines) == 1 else f"{len(lines)} problems"
        table = [pace_table(self.paces)] if self.paces else []
        return "\n".join(
            [*table, *lines, f"{len(self.checked)} notebooks checked, {count if lines else 'all good'}"]
        )


def check_course(names: Sequence[str] = (), *, folder: Path | None = None) -> CheckReport:
    """Check notebooks against their sources and against the rules for stored outputs.

    Args:
        names: notebooks by name or number; all if empty.
        folder: of the course; the one that comes with densekit if not given.

    Raises:
        CourseError: no such notebook.
    """
    course = open_course(folder)
    checked: list[Path] = []
    problems: list[Problem] = []
    for name in course.choose(names):
        for version in VERSIONS:
            path = course.notebook(name, version)
            checked.append(path)
            problems += [Problem(path, message) for message in _problems(course, name, version)]
    problems += [Problem(path, "no source: delete it, or write its source") for path in _orphans(course)]
    paces = tuple(_paces(course, names))
    problems += [
        Problem(course.notebook(pace.notebook), message)
        for pace in paces
        for message in problems_of_pace(pace)
    ]
    return CheckReport(tuple(checked), tuple(problems), paces)


def _paces(course: Course, names: Sequence[str]) -> Iterator[Pace]:
    for name in course.choose(names):
        path = course.notebook(name)
        try:
            yield measure_pace(name, read_notebook(path))
        except CourseError:
            continue  # what is wrong with it is told as a problem


def _problems(course: Course, name: str, version: Version) -> Iterator[str]:
    try:
        source = read_source(course.source(name))
        expected = generate(source, version)
        notebook = read_notebook(course.notebook(name, version))
    except CourseError as error:
        yield str(error)
        return
    yield from _not_in_step(expected, notebook)
    yield from _not_run(notebook)
    yield from _not_compared(source, notebook)
    yield from _failed_bands(notebook)
    yield from _shell_escapes(notebook)
    yield from _parameters(notebook, course.notebook(name, version))
    yield from problems_of_outputs(notebook)
    yield from problems_of_guesses(notebook, version)
    yield from _exercises(source, notebook, version)


def _not_in_step(expected: NotebookNode, notebook: NotebookNode) -> Iterator[str]:
    """Tell where the notebook holds other cells than its source."""
    remedy = "build it again, and edit sources only"
    if notebook.metadata.get("densekit") != expected.metadata.densekit:
        yield f"is not built from its source as it is now: {remedy}"
        return
    for index, (ours, theirs) in enumerate(zip_longest(expected.cells, notebook.cells)):
        if ours is None or theirs is None:
            yield f"has {len(notebook.cells)} cells where its source has {len(expected.cells)}: {remedy}"
            return
        for key in ("cell_type", "id", "source"):
            if ours.get(key) != theirs.get(key):
                yield f"cell {index + 1}: its {key} differs from the source: {remedy}"
        if ours.metadata.get("tags", []) != theirs.metadata.get("tags", []):
            yield f"cell {index + 1}: its tags differ from the source: {remedy}"


def _not_run(notebook: NotebookNode) -> Iterator[str]:
    """Tell which code cells were not run once, from top to bottom, without an error."""
    for count, (number, cell) in enumerate(code_cells(notebook), 1):
        if cell.execution_count is None:
            yield f"cell {number} was never run, so nothing of it is compared"
        elif cell.execution_count != count:
            yield f"cell {number} was run as number {cell.execution_count}, expected {count}"
        if any(output.output_type == "error" for output in cell.outputs):
            yield f"cell {number} stopped with an error: show failures with try and except"


def _not_compared(source: Source, notebook: NotebookNode) -> Iterator[str]:
    """Tell if too few cells are compared with their stored outputs, or too many are ignored."""
    compared = ignored = 0
    for number, cell in code_cells(notebook):
        tags = cell.metadata.get("tags", [])
        if any(tag in _SKIPPING for tag in tags):
            yield f"cell {number}: skipping it or letting it fail hides it; use '{IGNORE_TAG}'"
        elif any(marker in cell.source for marker in _COMMENT_MARKERS):
            yield f"cell {number}: say what is not compared by the tag '{IGNORE_TAG}', not by a comment"
        elif IGNORE_TAG in tags:
            ignored += 1
        elif cell.outputs and cell.execution_count is not None:
            compared += 1
    if compared < source.compared_at_least:
        yield f"{compared} cells are compared, its source asks for at least {source.compared_at_least}"
    if ignored > source.ignored_at_most:
        yield f"{ignored} cells are ignored, its source allows at most {source.ignored_at_most}"


def _failed_bands(notebook: NotebookNode) -> Iterator[str]:
    """Tell where a stored output says False: later runs would be held to a band that was missed once."""
    for number, cell in code_cells(notebook):
        tags = cell.metadata.get("tags", [])
        if IGNORE_TAG in tags:
            continue
        # What the check of an exercise or of a guess says is words, and may quote a False.
        is_false = any(
            shows_false(output)
            for output in cell.outputs
            if not {CHECK_MIME, GUESS_MIME}.intersection(output.get("data", {}))
        )
        if is_false and FALSE_TAG not in tags:
            yield f"cell {number} shows False, and is held to it: mend it, or tag it '{FALSE_TAG}'"
        if FALSE_TAG in tags and not is_false:
            yield f"cell {number} is tagged '{FALSE_TAG}' and shows no False: take the tag away"


def _shell_escapes(notebook: NotebookNode) -> Iterator[str]:
    """Tell where a shell command is run: one that fails does not stop a notebook."""
    for number, cell in code_cells(notebook):
        lines = [line.strip() for line in cell.source.splitlines()]
        if _SETUP_TAG not in cell.metadata.get("tags", []) and any(line.startswith(_SHELL) for line in lines):
            yield f"cell {number} runs a shell command, whose failure passes silently: use Python"


def _parameters(notebook: NotebookNode, path: Path) -> Iterator[str]:
    """Tell which assignments of the parameters cell papermill does not see, so that nobody could set them."""
    for number, cell in code_cells(notebook):
        if "parameters" not in cell.metadata.get("tags", []):
            continue
        known = parameters_of(path)
        for line in cell.source.splitlines():
            name = line.partition("=")[0].partition(":")[0].strip()
            if name.isidentifier() and name not in known:
                yield f"cell {number}: '{line.strip()}' can't be set: write `name: type = literal  # meaning`"


def _exercises(source: Source, notebook: NotebookNode, version: Version) -> Iterator[str]:
    """Tell which exercises are not checked in their cell: to do for the learner, passed with solutions."""
    expected = "todo" if version == "learner" else "passed"
    blocks = ["### BEGIN SOLUTION" in cell.source for cell in source.cells]
    for number, (cell, has_solution) in enumerate(zip(notebook.cells, blocks, strict=False), 1):
        states = states_of_checks(cell)
        if has_solution and not states and not facts_of_guesses(cell):
            yield f"cell {number} holds an exercise but doesn't call its check"
        for state in states:
            if state != expected:
                yield f"cell {number}: its check says '{state}', expected '{expected}'"
    if version == "learner":
        yield from _leaks(source, notebook)


def _leaks(source: Source, notebook: NotebookNode) -> Iterator[str]:
    """Tell where a whole solution stands in the learner's notebook."""
    solutions = [_normal(text) for text in source.solutions()]
    for number, cell in enumerate(notebook.cells, 1):
        texts = [cell.source, *(str(output) for output in cell.get("outputs", []))]
        if "END SOLUTION" in cell.source or any(_holds(text, solutions) for text in texts):
            yield f"cell {number} shows a solution to the learner"


def _holds(text: str, solutions: list[str]) -> bool:
    normal = f"\n{_normal(text)}\n"
    return any(f"\n{solution}\n" in normal for solution in solutions)


def _normal(code: str) -> str:
    """Return the lines of a text without indentation, comments and empty lines: layout hides nothing."""
    lines = (line.partition("#")[0].strip() for line in code.replace("\\n", "\n").splitlines())
    return "\n".join(line for line in lines if line)


def states_of_checks(cell: NotebookNode) -> list[str]:
    """Return the states of the exercise checks that a cell shows: 'todo', 'passed' or 'not yet'."""
    data = [output.get("data", {}) for output in cell.get("outputs", [])]
    return [bundle[CHECK_MIME]["state"] for bundle in data if CHECK_MIME in bundle]


def _orphans(course: Course) -> list[Path]:
    built = [*course.folder.glob("*.ipynb"), *(course.folder / "solutions").glob("*.ipynb")]
    return sorted(path for path in built if path.stem not in course.names())
