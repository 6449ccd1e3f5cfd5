"""The panel: choose settings, train, watch, stop, and compare the runs made here.

    panel = training_panel("my_pictures")     # in a notebook it shows itself

Everything that its buttons do, a notebook does without them, in a batch run or where there is no front end:

    panel.set(learning_rate=0.01, epochs=3)
    panel.start()
    run = panel.wait()

The training runs in a thread and the panel reads its events, so the kernel is free for other cells. What it
tells arrives as values of widgets, never as output, which from a thread would land in whichever cell is running.
"""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import pandas as pd
from IPython.display import display

from densekit.config import RunConfig
from densekit.errors import DensekitError, RunError
from densekit.plots.described import img
from densekit.plots.runs import runs_together
from densekit.run.classifier import Run
from densekit.run.folder import next_folder
from densekit.run.request import Request
from densekit.widgets import panel_show
from densekit.widgets.cells import when_cell_is_gone
from densekit.widgets.panel_controls import Controls
from densekit.widgets.panel_work import RUNS, Work

_BETWEEN_TEXTS = 0.25  # seconds
_BETWEEN_DRAWINGS = 0.5
_SHARE = 9  # times as long as drawing takes, nothing is drawn: the training keeps nine tenths of the time

_FORMS = ("hide", "YAML", "command", "Python")


class TrainingPanel:
    """Controls, buttons, curves and a table over trainings of one folder of images.

    Args:
        request: what the controls show first.
        out: the folder in which each run gets a folder of its own.

    Raises:
        ConfigError: the request can't be carried out.
    """

    def __init__(self, request: Request, out: Path | None = None) -> None:
        self.out = out
        self.works: list[Work] = []
        """Every training begun here, also those that are under way or have failed."""
        self._lock = threading.RLock()  # a button may be pressed in another thread than a cell runs in
        self._told = self._drawn = 0.0
        self._pause = _BETWEEN_DRAWINGS
        self._points = -1
        self._button = _button("Train", "success", "Train with the settings above", self._press_train)
        self._stop_button = _button("Stop", "warning", "End the training properly", self.stop)
        self._bar = widgets.FloatProgress(max=1.0, layout=widgets.Layout(width="320px"))
        self._status, self._message, self._remarks = widgets.HTML(), widgets.HTML(), widgets.HTML()
        self._curves, self._table, self._text = widgets.HTML(), widgets.HTML(), widgets.HTML()
        self._form = widgets.ToggleButtons(options=_FORMS, description="show as")
        self.controls = Controls(request, self._settings_changed)
        self._form.observe(lambda change: self._settings_changed(), names="value")
        row = widgets.Layout(flex_flow="row wrap", align_items="center")
        self.view = widgets.VBox(
            [
                self.controls.view,
                self._message,
                widgets.Box([self._button, self._stop_button, self._bar, self._status], layout=row),
                self._remarks,
                self._curves,
                self._table,
                self._form,
                self._text,
            ]
        )
        self._show()
        when_cell_is_gone(self.close)

    @property
    def runs(self) -> list[Run]:
        """The runs that have ended, in the order in which they were begun."""
        return [work.run for work in self.works if work.run is not None]

    @property
    def is_training(self) -> bool:
        """Whether a training is under way."""
        return bool(self.works) and self.works[-1].is_running

    @property
    def error(self) -> Exception | None:
        """What the last training failed with; None if it didn't."""
        return self.works[-1].error if self.works else None

    def settings(self) -> RunConfig:
        """Return what would be trained.

        Raises:
            ConfigError: with every problem of the settings.
        """
        return self.controls.request().config()

    def set(self, **settings: Any) -> None:
        """Set controls as a reader does: `preset`, `data`, and any setting, with its section or without.

        Raises:
            ConfigError: no such setting, or no such value; the controls stay as they are.

        Example:
            >>> panel.set(preset="full", epochs=2)
            >>> panel.set(**{"data.image_size": 64})
        """
        self.controls.set(settings)
        self._settings_changed()

    def start(self) -> None:
        """Begin a training, and return at once.

        Raises:
            RunError: one is under way.
            ConfigError: the settings can't be used. It is shown in the panel, too.
        """
        with self._lock:
            if self.is_training:
                raise RunError(f"run {self.works[-1].number} is under way: stop() it, or wait() for its end")
            try:
                work = Work(len(self.works) + 1, self.controls.request(), self.out or RUNS, self._changed)
            except DensekitError as error:
                self._message.value = panel_show.message(error)
                raise
            self.works.append(work)
            self._message.value = ""
            work.start()
            self._show()

    def stop(self) -> None:
        """Ask the training to end properly: the best weights so far are kept, and the run folder is complete.

        It returns at once; nothing happens where nothing is trained.
        """
        if self.works:
            self.works[-1].stop()
            with self._lock:
                self._tell()

    def wait(self, timeout: float | None = None) -> Run | None:
        """Wait for the end of the training that was begun last.

        While a cell waits, a notebook's own stop button (Ctrl-C) asks the training to end properly.

        Args:
            timeout: how many seconds at most; until the end if not given.

        Returns:
            The run; None if it goes on after the timeout.

        Raises:
            RunError: nothing has been begun.
            Exception: what the training failed with.
        """
        if not self.works:
            raise RunError(
                "nothing has been started, so there is nothing to wait for: start() begins a training"
            )
        work = self.works[-1]
        work.wait(timeout)
        return work.run

    def close(self) -> None:
        """Stop what is under way, without waiting for its end; the panel is not used any more."""
        self.stop()
        self._message.value = "<i>Its cell was run again or deleted: this panel trains no more.</i>"

    def table(self) -> pd.DataFrame:
        """Return the table of the trainings made here: what they were asked for, and what came out."""
        return pd.DataFrame(panel_show.rows(self.works))

    def as_yaml(self) -> str:
        """Return a file for `densekit train FILE` that trains what Train would train.

        Raises:
            ConfigError: with every problem of the settings.
        """
        return self._request().as_yaml()

    def as_command(self) -> str:
        """Return the command that trains what Train would train.

        Raises:
            ConfigError: with every problem of the settings.
        """
        return self._request().as_command()

    def as_python(self) -> str:
        """Return the Python that trains what Train would train.

        Raises:
            ConfigError: with every problem of the settings.
        """
        return self._request().as_python()

    def _request(self) -> Request:
        request = self.controls.request()
        if self.out is None:
            return request
        name = request.config().data.folder.name
        return Request(request.data, request.preset, request.settings, str(next_folder(self.out, name)))

    def _press_train(self) -> None:
        try:
            self.start()
        except DensekitError as error:
            self._message.value = panel_show.message(error)

    def _settings_changed(self, error: DensekitError | None = None) -> None:
        """Check the settings, and tell them in the form that the reader has chosen."""
        forms = {"YAML": self.as_yaml, "command": self.as_command, "Python": self.as_python}
        try:
            self.settings()
            text = forms[self._form.value]() if self._form.value in forms else ""
            self._text.value = panel_show.pre(text) if text else ""
        except DensekitError as found:
            error = error or found
            self._text.value = ""
        self._message.value = panel_show.message(error) if error else ""

    def _changed(self, work: Work) -> None:
        """Show how a training goes on, seldom enough; it is its thread that gets here."""
        if work is not self.works[-1]:
            return
        now = time.perf_counter()
        if not work.is_running:
            with self._lock:
                self._show()
        elif now - self._told >= _BETWEEN_TEXTS:
            with self._lock:
                self._tell()
                if now - self._drawn >= self._pause and work.progress.points != self._points:
                    self._draw()

    def _show(self) -> None:
        self._tell()
        self._draw()

    def _tell(self) -> None:
        work = self.works[-1] if self.works else None
        self._button.disabled = self.is_training
        self._stop_button.disabled = not self.is_training or (work is not None and work.is_stopping)
        self._status.value = panel_show.status(work)
        self._bar.value = work.progress.share if work is not None else 0.0
        self._remarks.value = panel_show.remarks(work)
        if work is not None and work.error is not None:
            self._message.value = panel_show.message(work.error)
        self._table.value = panel_show.table(self.works)
        self._told = time.perf_counter()

    def _draw(self) -> None:
        began = time.perf_counter()
        self._points = self.works[-1].progress.points if self.works else -1
        self._curves.value = img(runs_together(panel_show.curves(self.works)))
        self._drawn = time.perf_counter()
        self._pause = max(_BETWEEN_DRAWINGS, _SHARE * (self._drawn - began))

    def _ipython_display_(self) -> None:
        display(self.view)


def _button(label: str, style: str, tooltip: str, press: Callable[[], None]) -> Any:
    button = widgets.Button(description=label, button_style=style, tooltip=tooltip)
    button.on_click(lambda _: press())
    return button


def training_panel(
    data: Path | str, preset: str = "head", *, out: Path | str | None = None, **settings: Any
) -> TrainingPanel:
    """Return a panel that trains on a folder of images.

    Args:
        data: the folder, as for `train`.
        preset: the settings that the panel shows first.
        out: the folder in which each run gets a folder of its own; runs/ if not given.
        settings: any other setting to begin with, with its section or without: `epochs=3`, or
            `**{"data.image_size": 64}`.

    Raises:
        ConfigError: no such preset or setting, or no such value.

    Example:
        >>> panel = training_panel("data_samples/tabletop", epochs=3)
        >>> panel.start()
        >>> panel.wait().metrics["val_accuracy"]
    """
    request = Request(str(data), preset).with_settings(settings)
    return TrainingPanel(request, Path(out) if out is not None else None)
