"""What the doctor found, to look at: thumbnails by kind, each with a box to tick for what shall stay.

    view = doctor_view(diagnose("my_pictures"))
    view.left_out            # what is not ticked, as paths

Nothing is deleted, moved or written: the answer is a list. A clean copy is written by `densekit doctor DIR
--write-clean COPY`.
"""

from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import ipywidgets as widgets
from IPython.display import display

from densekit.data.clean_copy import left_out_of_a_copy
from densekit.data.doctor import Diagnosis
from densekit.data.doctor_page import PICTURES, thumbnail
from densekit.data.problems import KINDS, Problem, name_below
from densekit.errors import DensekitError, nearest
from densekit.words import counted, shown


class DoctorView:
    """A diagnosis with thumbnails, and what of it shall be left out.

    At first that is what `--write-clean` leaves out: what can't be read, and copies that would spoil a result.

    Args:
        diagnosis: what the doctor found.
    """

    def __init__(self, diagnosis: Diagnosis) -> None:
        self.diagnosis = diagnosis
        self._out = {problem.path for problem in left_out_of_a_copy(diagnosis)}
        self._problems: dict[str, list[Problem]] = {}
        for problem in diagnosis.problems:
            self._problems.setdefault(problem.kind, []).append(problem)
        options = [(_title(kind, problems), kind) for kind, problems in self._problems.items()]
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
            DensekitError: no problem names this path.
        """
        path = Path(path)
        known = {problem.path for problem in self.diagnosis.problems}
        if path not in known:
            path = self.diagnosis.root / path
        if path not in known:
            raise DensekitError(f"no problem names {shown(path)}: it is used as it is")
        self._out = self._out - {path} if included else self._out | {path}
        if path in self.boxes and self.boxes[path].value != included:
            self.boxes[path].value = included
        self._tell()

    def _show(self) -> None:
        problems = self._problems.get(self.kind.value, [])
        self.boxes = {}
        self._remedy.value = f"<p>{escape(problems[0].remedy)}</p>" if problems else ""
        self._pictures.children = tuple(self._cards(problems))
        self._tell()

    def _cards(self, problems: list[Problem]) -> Iterator[Any]:
        for problem in problems[:PICTURES]:
            source, name = thumbnail(problem), self._name(problem.path)
            alt = f"{name}: {escape(problem.message)}"
            picture = f'<img src="{source}" alt="{alt}" style="max-width: 100%">' if source else ""
            words = f'<div style="overflow-wrap: anywhere; line-height: 1.3">{picture}<br>{alt}</div>'
            box = widgets.Checkbox(
                value=problem.path not in self._out,
                description="use it",
                indent=False,
                layout=widgets.Layout(width="max-content"),
            )
            box.observe(lambda change, path=problem.path: self.include(path, change["new"]), names="value")
            self.boxes[problem.path] = box
            layout = widgets.Layout(width="180px", margin="4px 12px 4px 0")
            yield widgets.VBox([widgets.HTML(words), box], layout=layout)
        if len(problems) > PICTURES:
            yield widgets.HTML(f"and {len(problems) - PICTURES} more: densekit doctor --html names them all")

    def _tell(self) -> None:
        names = "".join(f"<li>{self._name(path)}</li>" for path in self.left_out)
        told = f"<b>{counted(len(self.left_out), 'file or folder', 'files and folders')} left out</b>"
        self._told.value = f"{told}; nothing is changed on the disk.<ul>{names}</ul>"

    def _name(self, path: Path) -> str:
        """Return a path as HTML."""
        return escape(name_below(path, self.diagnosis.root))

    def _ipython_display_(self) -> None:
        display(self.view)


def doctor_view(diagnosis: Diagnosis) -> DoctorView:
    """Return a diagnosis to look at and to choose from."""
    return DoctorView(diagnosis)


def _title(kind: str, problems: list[Problem]) -> str:
    return f"{problems[0].severity}: {KINDS[kind].title} ({len(problems)})"
