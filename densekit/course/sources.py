"""A source becomes the cells of a notebook.

A source is a Python file in jupytext's percent format, with a header that says how much of the notebook must
be held to its stored outputs (see `densekit.course.check`):

    # ---
    # jupyter:
    #   densekit:
    #     compared_at_least: 12
    #     ignored_at_most: 3
    # ---

    # %% [markdown]
    # # Start here

    # %% tags=["parameters"]
    epochs: int = 10  # passes over the training set
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import jupytext
import nbformat
import yaml
from nbformat import NotebookNode

from densekit.course.blanking import blanked, solutions, solved
from densekit.course.places import Version
from densekit.errors import CourseError, listed, nearest, one_line

KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
LIMITS = ("compared_at_least", "ignored_at_most")

IGNORE_TAG = "nbval-ignore-output"
VOLATILE_TAG = "volatile"
RESULT_TAG = "result"
FALSE_TAG = "false-is-meant"


@dataclass(frozen=True)
class Source:
    """A source, read.

    Args:
        name: of the notebook, such as '00_start_here'.
        sha256: of the text; a notebook that was built from it carries the same.
        cells: as jupytext reads them, markers of solutions included.
        compared_at_least: code cells whose stored outputs must be compared.
        ignored_at_most: code cells whose outputs may stay uncompared.
    """

    name: str
    sha256: str
    cells: tuple[NotebookNode, ...]
    compared_at_least: int
    ignored_at_most: int

    def solutions(self) -> list[str]:
        """Return the solutions of all exercises, one text for each block between markers."""
        code = [cell for cell in self.cells if cell.cell_type == "code"]
        return [text for cell in code for text in solutions(cell.source, self.name)]


def read_source(path: Path) -> Source:
    """Read a source.

    Raises:
        CourseError: the file is missing or can't be read, or its header lacks a limit or has an unknown one.
    """
    if not path.is_file():
        raise CourseError(f"no source {path}")
    try:
        text = path.read_text(encoding="utf-8")  # "\r\n" arrives as "\n", so the hash is the same everywhere
        notebook = jupytext.reads(text, fmt="py:percent")
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise CourseError(f"{path} is no source that can be read: {one_line(error)}") from error
    header = notebook.metadata.get("densekit", {})
    if not isinstance(header, dict):
        raise CourseError(
            f"{path}: 'densekit' in the header is '{header}': expected {listed(LIMITS)} below it"
        )
    limits = _read_limits(header, path)
    sha256 = hashlib.sha256(text.encode("utf-8")).hexdigest()
    return Source(path.stem, sha256, tuple(notebook.cells), **limits)


def generate(source: Source, version: Version) -> NotebookNode:
    """Return the notebook that a source describes, not yet executed.

    Raises:
        CourseError: markers of solutions don't pair up, or a solution can't be blanked.
    """
    text_for = blanked if version == "learner" else solved
    notebook = nbformat.v4.new_notebook()
    for index, cell in enumerate(source.cells):
        name = f"{source.name}-{index:03d}"
        if cell.cell_type == "code":
            new = nbformat.v4.new_code_cell(
                text_for(cell.source, f"{source.name}.py, cell {index + 1}"), id=name
            )
        else:
            new = nbformat.v4.new_markdown_cell(cell.source, id=name)
        if tags := _tags(cell):
            new.metadata["tags"] = tags
        notebook.cells.append(new)
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": KERNEL,
            "language_info": {"name": "python"},
            "densekit": {
                "source_sha256": source.sha256,
                "version": version,
                "compared_at_least": source.compared_at_least,
                "ignored_at_most": source.ignored_at_most,
            },
        }
    )
    return notebook


def _tags(cell: NotebookNode) -> list[str]:
    """Return the tags of a cell; what can't be compared says so in nbval's own word."""
    tags: list[str] = list(cell.metadata.get("tags", []))
    if {VOLATILE_TAG, RESULT_TAG} & set(tags) and IGNORE_TAG not in tags:
        tags.append(IGNORE_TAG)
    return tags


def _read_limits(header: dict[str, object], path: Path) -> dict[str, int]:
    for key in header:
        if key not in LIMITS:
            raise CourseError(
                f"{path}: unknown key '{key}' under 'densekit' in the header: {nearest(key, LIMITS)}"
            )
    limits: dict[str, int] = {}
    for key in LIMITS:
        value = header.get(key)
        if type(value) is not int or value < 0:
            raise CourseError(
                f"{path}: the header's 'jupyter: densekit: {key}' is {value!r}: expected a whole "
                "number, how many code cells that is"
            )
        limits[key] = value
    return limits
