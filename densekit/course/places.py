"""Where the course lies: its sources, the notebooks for learners, and those with solutions."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from densekit.errors import CourseError, nearest
from densekit.files import bundled, is_folder, named

Version = Literal["learner", "solutions"]
VERSIONS: tuple[Version, ...] = ("learner", "solutions")


@dataclass(frozen=True)
class Course:
    """A folder of notebooks.

    Args:
        folder: holds `src/NN_name.py`, `NN_name.ipynb` and `solutions/NN_name.ipynb`.
    """

    folder: Path

    @property
    def sources(self) -> Path:
        """The folder of the sources, the only files that are edited."""
        return self.folder / "src"

    def source(self, name: str) -> Path:
        """Return the source of a notebook."""
        return self.sources / f"{name}.py"

    def notebook(self, name: str, version: Version = "learner") -> Path:
        """Return the built notebook, for the learner or with solutions."""
        return (self.folder if version == "learner" else self.folder / "solutions") / f"{name}.ipynb"

    def names(self) -> tuple[str, ...]:
        """Return the names of all notebooks, in the order of the course."""
        sources = (path.stem for path in self.sources.glob("[0-9]*.py"))
        return tuple(sorted(sources))

    def choose(self, wanted: Sequence[str] = ()) -> tuple[str, ...]:
        """Return the notebooks that are meant by the given names or numbers, or all of them.

        >>> course.choose(["00", "03_densenet121"])
        ("00_start_here", "03_densenet121")

        Raises:
            CourseError: a name fits no notebook.
        """
        known = self.names()
        chosen = [self._resolve(name, known) for name in wanted]
        return tuple(name for name in known if name in chosen) if wanted else known

    def _resolve(self, wanted: str, known: Sequence[str]) -> str:
        stem = wanted.removesuffix(".ipynb").removesuffix(".py")
        for name in known:
            if stem in (name, name.partition("_")[0], name.partition("_")[2]):
                return name
        if not known:
            raise CourseError(f"no notebook '{wanted}': {self.sources} holds no sources")
        raise CourseError(f"no notebook '{wanted}': {nearest(stem, known)}")


def open_course(folder: Path | None = None) -> Course:
    """Return the course in a folder, or the one that comes with densekit.

    Raises:
        CourseError: the folder is named and does not exist.
    """
    if folder is None:
        return Course(bundled("notebooks"))
    folder = named(folder)
    if not is_folder(folder):
        raise CourseError(f"no course in {folder}: the folder does not exist")
    return Course(folder)
