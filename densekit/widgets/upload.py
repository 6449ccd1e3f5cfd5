"""The reader's own pictures in a notebook: upload some, and a trained classifier says what it sees.

`answers(run, paths)` is the plain function: it works without a front end, in a batch run, and for a folder.
`picture_upload(run)` is a button above it, in JupyterLab and in Colab.
"""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from html import escape
from pathlib import Path
from textwrap import fill
from typing import Any, NamedTuple

import ipywidgets as widgets
from IPython.display import display
from matplotlib.figure import Figure
from PIL import Image

from densekit.data.decoding import read_and_use
from densekit.data.image_files import FORMATS
from densekit.data.problems import Problem
from densekit.errors import DensekitError, one_line
from densekit.plots import alt_text, describe, image_grid
from densekit.plots.described import img
from densekit.plots.style import drawn_text, shortened, styled
from densekit.run.classifier import Run
from densekit.run.predictions import Prediction, Predictions, as_paths, found
from densekit.words import percent, shown

_MOST = 20
"""Pictures that are answered at once; a whole folder is for `evaluate`."""
_BREAK = "\n"
_TOLD = 5  # pictures that can't be read
_NOT_MEANT = ("system-file", "hidden-file", "hidden-folder", "not-an-image", "packed-class")
"""What a folder of pictures may well hold, so that nothing is said of it."""


def answers(run: Run, pictures: Path | str | Sequence[Path | str]) -> Figure:
    """Draw pictures as a run sees them, with the class that it names for each, and how sure it is.

    Below the pictures stands which ones can't be read, and of how many these are the first.

    Args:
        run: a trained classifier.
        pictures: files, or a folder; the first 20 pictures are taken.

    Raises:
        DataError: what is given names no file.
        DensekitError: none of the pictures can be read; the message says why.
    """
    paths, problems = found(as_paths(pictures))
    meant = [problem for problem in problems if problem.kind not in _NOT_MEANT or not paths]
    answer = _answer(run, paths[:_MOST], meant, total=len(paths))
    return _with_notes(answer.figure, answer.notes)


class _Answer(NamedTuple):
    """A grid of pictures, and what there is to say besides."""

    figure: Figure
    notes: list[str]


def _answer(
    run: Run,
    paths: Sequence[Path],
    problems: Sequence[Problem],
    total: int,
    names: Mapping[Path, str] | None = None,
) -> _Answer:
    """Classify pictures and draw them; `total` is of how many they are the first, `names` what to call them."""
    predictions = run.predict(paths, top=1) if paths else Predictions((), ())
    squares = {each: _square(run, each.path) for each in predictions.made}
    seen = {each: square for each, square in squares.items() if not isinstance(square, Problem)}
    lost = [square for square in squares.values() if isinstance(square, Problem)]
    names = names or {}
    notes = _told([*problems, *predictions.skipped, *lost], names)
    if total > len(paths):
        notes.append(f"The first {len(paths)} of {total:,} pictures.")
    if not seen:
        reasons = "\n".join(notes) or "no pictures were found"
        raise DensekitError(f"there is nothing to show: {reasons}")
    called = names or _names_apart([each.path for each in seen])
    captions = [_caption(each, called[each.path]) for each in seen]
    return _Answer(image_grid(list(seen.values()), captions, "What the classifier sees"), notes)


def _names_apart(paths: Sequence[Path]) -> dict[Path, str]:
    """Return the files' names; where several have the same one, as 'cat/0001.jpg', with their folders'."""
    often = len({path.name for path in paths}) < len(paths)
    return {path: f"{path.parent.name}/{path.name}" if often else path.name for path in paths}


def _square(run: Run, path: Path) -> Image.Image | Problem:
    """Return what the network gets to see of a picture; of each, only that is kept."""
    return read_and_use(path, lambda picture: run.network.preprocessing.cut_out(picture.image))


def _caption(prediction: Prediction, name: str) -> str:
    answer = f"{prediction.classes[0]} {percent(prediction.probabilities[0], 0)}"
    return f"{shortened(shown(name), 18)}\n{answer}"


def _told(problems: Sequence[Problem], names: Mapping[Path, str]) -> list[str]:
    """Return a line for each of the first problems, with the names that a reader knows, and how many more."""
    known = [replace(each, path=Path(names.get(each.path, each.path))) for each in problems[:_TOLD]]
    more = [f"and {len(problems) - _TOLD} more can't be read"] if len(problems) > _TOLD else []
    return [*map(str, known), *more]


def _with_notes(figure: Figure, notes: Sequence[str]) -> Figure:
    """Write notes below a figure, and into its alt text."""
    if not notes:
        return figure
    width, height = figure.get_size_inches()
    lines = "\n".join(fill(drawn_text(note), int(14 * width)) for note in notes)
    with styled():
        figure.set_size_inches(width, height + 0.16 * (lines.count("\n") + 1))
        figure.supxlabel(lines, x=0.02, ha="left", fontsize=8)
    return describe(figure, f"{alt_text(figure)} {' '.join(notes)}")


class PictureUpload:
    """A button to upload pictures, and below it what a run says of them.

    Uploaded pictures are kept in a temporary folder until the notebook is closed, never beside the reader's own.

    Args:
        run: a trained classifier.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self._folder = tempfile.TemporaryDirectory(prefix="densekit-upload-", ignore_cleanup_errors=True)
        self.button = widgets.FileUpload(
            accept="image/*",
            multiple=True,
            description="Upload pictures",
            layout=widgets.Layout(width="max-content"),
        )
        self.answer = widgets.HTML(
            f"Up to {_MOST} pictures; they stay on the machine that runs this notebook."
        )
        self.view = widgets.VBox([self.button, self.answer])
        self.button.observe(lambda change: self.look(), names="value")

    def look(self) -> None:
        """Answer what has been uploaded; what can't be answered is told in its place."""
        files = list(uploaded(self.button.value))
        if not files:
            return
        try:
            self.answer.value = self._answered(files)
        except DensekitError as error:
            self.answer.value = _sorry(error)
        except Exception as error:  # it would be raised where no reader looks, beside an earlier answer
            why = f"the pictures can't be answered ({one_line(error)}): upload them once more"
            self.answer.value = _sorry(why)
            if not isinstance(error, OSError):  # a full disk is nothing to mend in here
                raise

    def _answered(self, files: Sequence[tuple[str, bytes]]) -> str:
        kept = self._keep(files[:_MOST])
        answer = _answer(self.run, list(kept), (), total=len(files), names=kept)
        return img(answer.figure) + "".join(f"<div>{escape(note)}</div>" for note in answer.notes)

    def _keep(self, files: Sequence[tuple[str, bytes]]) -> dict[Path, str]:
        """Write uploaded files under numbers, for their names may be anything; an image's ending stays.

        Returns:
            The name of each, by its path.
        """
        folder = Path(self._folder.name)
        folder.mkdir(parents=True, exist_ok=True)  # temporary folders are tidied away on long days
        kept: dict[Path, str] = {}
        for number, (name, content) in enumerate(files):
            ending = Path(name).suffix.lower()
            path = folder / f"{number:02}{ending if ending in FORMATS else ''}"
            path.write_bytes(content)
            kept[path] = name
        return kept

    def _ipython_display_(self) -> None:
        display(self.view)


def picture_upload(run: Run) -> PictureUpload:
    """Return a button to upload pictures that a run shall classify."""
    return PictureUpload(run)


def _sorry(why: object) -> str:
    return f"<b>✗</b> {escape(shown(str(why), keep=_BREAK)).replace(_BREAK, '<br>')}"


def uploaded(value: Any) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of each uploaded file, in either shape that `FileUpload.value` has.

    ipywidgets 8 gives a tuple of files, each with its name; ipywidgets 7, which Colab has, a dict by name.
    """
    if isinstance(value, Mapping):
        for name, file in value.items():
            yield name, bytes(file["content"])
    else:
        for file in value:
            yield file["name"], bytes(file["content"])
