"""Build notebooks from their sources: both versions, executed, with outputs, to the same bytes every time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import nbformat

from densekit.course.execution import TIMEOUT_S, execute
from densekit.course.places import VERSIONS, Course, Version, open_course
from densekit.course.sources import Source, generate, read_source
from densekit.course.tidying import tidy, to_text
from densekit.errors import CourseError
from densekit.files import write_atomically


@dataclass(frozen=True)
class BuildReport:
    """What a build did.

    Args:
        built: notebooks that were executed and written.
        unchanged: notebooks that already came from their sources as they are now.
    """

    built: tuple[Path, ...]
    unchanged: tuple[Path, ...]

    @property
    def text(self) -> str:
        """The report, as a line or a few."""
        lines = [f"built      {path}" for path in self.built]
        lines += [f"unchanged  {path}" for path in self.unchanged]
        return "\n".join(lines) or "no sources, so nothing to build"


def build_course(
    names: Sequence[str] = (),
    *,
    force: bool = False,
    folder: Path | None = None,
    timeout_s: float = TIMEOUT_S,
    told: Callable[[str], None] = lambda line: None,
) -> BuildReport:
    """Build the learner's and the solved version of notebooks whose source has changed.

    A notebook is executed without a network, in an empty folder, with an empty cache. Both versions are
    executed before either file is replaced, so a source that fails leaves the notebooks as they were.

    Args:
        names: notebooks by name or number; all if empty.
        force: build again what has not changed, too (the package may have).
        folder: of the course; the one that comes with densekit if not given.
        timeout_s: seconds that one notebook may take.
        told: is called with a line of text before each notebook.

    Raises:
        CourseError: no such notebook, a source that can't be read, a cell that failed, or a folder that can't
            be written to.
    """
    course = open_course(folder)
    built: list[Path] = []
    unchanged: list[Path] = []
    for name in course.choose(names):
        source = read_source(course.source(name))
        paths = [course.notebook(name, version) for version in VERSIONS]
        if not force and all(_is_built(course, source, version) for version in VERSIONS):
            unchanged += paths
            continue
        told(f"building {name}")
        texts = [_build(source, version, timeout_s) for version in VERSIONS]
        for path, text in zip(paths, texts, strict=True):
            _write(path, text)
        built += paths
    return BuildReport(tuple(built), tuple(unchanged))


def _build(source: Source, version: Version, timeout_s: float) -> str:
    notebook = execute(generate(source, version), f"{source.name} ({version})", timeout_s, offline=True)
    return to_text(tidy(notebook))


def _write(path: Path, text: str) -> None:
    try:
        with write_atomically(path, "w") as file:
            file.write(text)
    except OSError as error:
        raise CourseError(f"can't write {path}: {error.strerror or error}") from error


def _is_built(course: Course, source: Source, version: Version) -> bool:
    path = course.notebook(source.name, version)
    try:
        notebook = read_notebook(path)
    except CourseError:
        return False  # not there, or damaged: it is built anew
    return bool(notebook.metadata.get("densekit", {}).get("source_sha256") == source.sha256)


def read_notebook(path: Path) -> nbformat.NotebookNode:
    """Read a notebook.

    Raises:
        CourseError: the file is missing or is not a notebook.
    """
    if not path.is_file():
        raise CourseError(f"no notebook {path}: 'densekit course build' makes it from its source")
    try:
        return nbformat.read(path, as_version=4)
    except Exception as error:  # nbformat passes on whatever its JSON and schema readers raise
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CourseError(f"{path} is not a notebook: {reason}") from error
