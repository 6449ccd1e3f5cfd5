"""What the doctor found, to look at: thumbnails by kind, each with a box to tick for what shall stay.

    view = doctor_view(diagnose("my_pictures"))
    view.left_out                       # what is not ticked, as paths
    view.write_clean_copy("my_copy")    # everything else, in a folder of its own

Nothing is deleted or moved: the answer is a list, and a copy if you ask for one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Any

import ipywidgets as widgets
from IPython.display import display

from densekit.data.clean_copy import CleanCopy, left_out_of_a_copy, write_clean_copy
from densekit.data.doctor import Diagnosis
from densekit.data.doctor_page import PICTURES, thumbnail
from densekit.data.problems import KINDS, Problem, name_below
from densekit.errors import DensekitError, nearest
from densekit.words import counted, shown


class DoctorView:
    """A diagnosis with thumbnails, and what of it shall be left out.

    At first that is what `--write-clean` leaves out: what can't be read, and files that are there twice or in two
    classes. A picture that is the same as another one stands beside it, and either of the two can be chosen.

    Args:
        diagnosis: what the doctor found.
    """

    def __init__(self, diagnosis: Diagnosis) -> None:
        self.diagnosis = diagnosis
        self._out = {problem.path for problem in left_out_of_a_copy(diagnosis)}
        self._problems: dict[str, list[Problem]] = {}
        for problem in diagnosis.problems:
            self._problems.setdefault(problem.kind, []).append(problem)
        self._known = {
            path for problem in diagnosis.problems for path in (problem.path, problem.other) if path
        }
        options = [(_title(kind, problems), kind) for kind, problems in self._problems.items()]
        self._unusable = {problem.path: problem for problem in diagnosis.problems if problem.left_out}
        self.kind = widgets.Dropdown(
            options=options or [("nothing was found", "")],
            description="Show",
            layout=widgets.Layout(width="max-content"),
        )
        self.boxes: dict[Path, Any] = {}
        """The boxes to tick that are shown now, by path."""
        self._remedy, self._told = widgets.HTML(), widgets.HTML()
        self._pictures = widgets.Box(layout=widgets.Layout(flex_flow="row wrap", align_items="flex-start"))
        self.view = widgets.VBox([self.kind, self._remedy, self._pictures, self._told])
        self.kind.observe(lambda change: self._show(), names="value")
        self._show()

    @property
    def left_out(self) -> tuple[Path, ...]:
        """What shall not be used, in the order of the paths."""
        return tuple(sorted(self._out))

    def show(self, kind: str) -> None:
        """Show the problems of a kind.

        Raises:
            DensekitError: there is none of this kind.
        """
        if kind not in self._problems:
            raise DensekitError(
                f"nothing of the kind '{kind}' was found: {nearest(kind, list(self._problems))}"
            )
        self.kind.value = kind

    def include(self, path: Path | str, included: bool = True) -> None:
        """Use what a problem names after all, or leave it out.

        Raises:
            DensekitError: no problem names this path, or it can't be used.
        """
        path = self._found(Path(path))
        if included and path in self._unusable:
            raise DensekitError(f"it can't be used as it is: {self._unusable[path]}")
        self._out = self._out - {path} if included else self._out | {path}
        if path in self.boxes and self.boxes[path].value != included:
            self.boxes[path].value = included
        self._tell()

    def write_clean_copy(self, target: Path | str) -> CleanCopy:
        """Copy everything but what is left out, and list that in manifest.csv beside it.

        Args:
            target: a new or empty folder.

        Raises:
            DataError: the target can't be used, or no image is left to copy.
        """
        return write_clean_copy(self.diagnosis, target, left_out=self.left_out)

    def _found(self, path: Path) -> Path:
        """Return a path as the problems have it, where it may be given from the data folder on."""
        for known in (path, self.diagnosis.root / path):
            if known in self._known:
                return known
        raise DensekitError(f"no problem names {shown(path)}: it is used as it is")

    def _show(self) -> None:
        problems = self._problems.get(self.kind.value, [])
        remedies = {problem.remedy for problem in problems}
        self._remedy.value = f"<p>{escape(remedies.pop())}</p>" if len(remedies) == 1 else ""
        before, self.boxes = self._pictures.children, {}
        self._pictures.children = tuple(self._cards(problems))
        for card in before:
            _close(card)
        self._tell()

    def _cards(self, problems: Sequence[Problem]) -> Iterator[Any]:
        are_alike = len({(problem.severity, problem.remedy) for problem in problems}) == 1
        for problem in problems[:PICTURES]:
            words = (
                problem.message if are_alike else f"{problem.message} ({problem.severity}). {problem.remedy}"
            )
            parts = [*self._picture(problem, words)]
            if problem.other:
                parts += self._picture(replace(problem, path=problem.other), "the other one")
            yield widgets.VBox(parts, layout=widgets.Layout(width="180px", margin="4px 12px 4px 0"))
        if len(problems) > PICTURES:
            yield widgets.HTML(f"and {len(problems) - PICTURES} more: densekit doctor --html names them all")

    def _picture(self, problem: Problem, words: str) -> Iterator[Any]:
        """Yield a thumbnail with words, and the box that says whether it is used."""
        source, alt = thumbnail(problem), f"{self._name(problem.path)}: {escape(shown(words))}"
        picture = f'<img src="{source}" alt="{alt}" style="max-width: 100%">' if source else ""
        yield widgets.HTML(f'<div style="overflow-wrap: anywhere; line-height: 1.3">{picture}<br>{alt}</div>')
        if problem.path.exists() or problem.path.is_symlink():  # what is not there can't be used
            if problem.path not in self.boxes:
                self.boxes[problem.path] = self._box(problem.path)
            yield self.boxes[problem.path]  # one box, wherever the picture stands

    def _box(self, path: Path) -> Any:
        box = widgets.Checkbox(
            value=path not in self._out,
            description="use it",
            disabled=path in self._unusable,
            indent=False,
            layout=widgets.Layout(width="max-content"),
        )
        box.observe(lambda change: self.include(path, change["new"]), names="value")
        return box

    def _tell(self) -> None:
        names = "".join(f"<li>{self._name(path)}</li>" for path in self.left_out)
        told = f"<b>{counted(len(self.left_out), 'file or folder', 'files and folders')} left out</b>"
        copied = '<code>write_clean_copy("my_copy")</code> copies the rest'
        self._told.value = f"{told}; nothing is changed on the disk, and {copied}.<ul>{names}</ul>"

    def _name(self, path: Path) -> str:
        """Return a path as HTML."""
        return escape(name_below(path, self.diagnosis.root))

    def _ipython_display_(self) -> None:
        display(self.view)


def doctor_view(diagnosis: Diagnosis) -> DoctorView:
    """Return a diagnosis to look at and to choose from."""
    return DoctorView(diagnosis)


def _title(kind: str, problems: Sequence[Problem]) -> str:
    severities = " or ".join(dict.fromkeys(problem.severity for problem in problems))
    return f"{severities}: {KINDS[kind].title} ({len(problems)})"


def _close(widget: Any) -> None:
    """Close a widget with all that belongs to it: ipywidgets keeps, thumbnails and all, what nobody closes."""
    for part in (*getattr(widget, "children", ()), widget.layout, getattr(widget, "style", None)):
        if isinstance(part, widgets.DOMWidget):
            _close(part)
        elif part is not None:
            part.close()
    widget.close()
