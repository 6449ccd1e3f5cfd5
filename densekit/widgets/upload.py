"""The reader's own pictures in a notebook: upload some, and a trained classifier says what it sees.

`answers(run, paths)` is the plain function: it works without a front end, in a batch run, and for a folder.
`picture_upload(run)` is a button above it, in JupyterLab and in Colab.
"""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import ipywidgets as widgets
from IPython.display import display
from matplotlib.figure import Figure

from densekit.data.loading import open_image
from densekit.errors import DensekitError
from densekit.plots import image_grid
from densekit.plots.described import img
from densekit.run.classifier import Run
from densekit.words import percent, shown

_MOST = 20
"""Pictures that are answered at once; a whole folder is for `evaluate`."""


def answers(run: Run, pictures: Path | str | Sequence[Path | str]) -> Figure:
    """Draw pictures with the class that a run sees in each, and how sure it is.

    Args:
        run: a trained classifier.
        pictures: files, or a folder, of which the first 20 pictures are taken.

    Raises:
        DataError: there is no such file or folder.
        DensekitError: none of the pictures can be read; the message says why.
    """
    predictions = run.predict(pictures, top=1)
    made = predictions.made[:_MOST]
    if not made:
        reasons = "; ".join(f"{shown(each.path.name)}: {each.message}" for each in predictions.skipped)
        raise DensekitError(f"there is nothing to show: {reasons or 'no pictures were found'}")
    captions = [f"{each.classes[0]} {percent(each.probabilities[0], 0)}" for each in made]
    return image_grid([open_image(each.path) for each in made], captions, "What the classifier sees")


class PictureUpload:
    """A button to upload pictures, and below it what a run says of them.

    Uploaded pictures are kept in a temporary folder until the notebook is closed, never beside the reader's own.

    Args:
        run: a trained classifier.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self._folder = tempfile.TemporaryDirectory(prefix="densekit-upload-")
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
            self.answer.value = img(answers(self.run, self._keep(files[:_MOST])))
        except DensekitError as error:
            self.answer.value = f"<b>✗</b> {escape(str(error))}"
        if len(files) > _MOST:
            self.answer.value += f"<div>The first {_MOST} of {len(files)} pictures.</div>"

    def _keep(self, files: Sequence[tuple[str, bytes]]) -> list[Path]:
        """Write uploaded files under numbers, for their names may be anything; the ending says what they are."""
        paths = [
            Path(self._folder.name) / f"{number:02}{Path(name).suffix}"
            for number, (name, _) in enumerate(files)
        ]
        for path, (_, content) in zip(paths, files, strict=True):
            path.write_bytes(content)
        return paths

    def _ipython_display_(self) -> None:
        display(self.view)


def picture_upload(run: Run) -> PictureUpload:
    """Return a button to upload pictures that a run shall classify."""
    return PictureUpload(run)


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
