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
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import pandas as pd
from IPython.display import display

from densekit.config import RunConfig, read_overrides
from densekit.errors import ConfigError, DensekitError, RunError
from densekit.files import named
from densekit.run.classifier import Run
from densekit.run.folder import next_folder
from densekit.run.request import Request, folder_text
from densekit.widgets import panel_show
from densekit.widgets.cells import when_cell_is_gone
from densekit.widgets.panel_controls import Controls
from densekit.widgets.panel_view import View
from densekit.widgets.panel_work import RUNS, Work

_FORMS = ("nothing", "YAML", "command", "Python")


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
        self._is_closed = False
        self._button = _button("Train", "success", "Train with the settings above", self._press_train)
        self._stop_button = _button("Stop", "warning", "End the training properly", self.stop)
        self._text = widgets.HTML()
        self._form = widgets.ToggleButtons(options=_FORMS, description="show as")
        self.controls, self.shown = Controls(request, self._settings_changed), View()
        self._form.observe(lambda change: self._settings_changed(), names="value")
        self.view = self._laid_out()
        self._follow()
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
        with self._lock:
            self.controls.set(settings)
            self._settings_changed()

    def start(self) -> None:
        """Begin a training, and return at once.

        Raises:
            RunError: one is under way, or the panel was closed.
            ConfigError: the settings can't be used. It is shown in the panel, too.
        """
        with self._lock:
            if self._is_closed:
                raise RunError("this panel was closed, as its cell was run again or deleted: make a new one")
            if self.is_training:
                raise RunError(f"run {self.works[-1].number} is under way: stop() it, or wait() for its end")
            try:
                work = Work(len(self.works) + 1, self.controls.request(), self.out or RUNS, self._changed)
            except DensekitError as error:
                self.shown.say(error)
                raise
            self.works.append(work)
            self.shown.say(None)
            work.start()
            self._follow()

    def stop(self) -> None:
        """Ask the training to end properly: the best weights so far are kept, and the run folder is complete.

        While pictures are still read, nothing was learned, and no run is left. It returns at once; nothing
        happens where nothing is trained.
        """
        if self.works:
            self.works[-1].stop()
            self._follow()

    def wait(self, timeout: float | None = None) -> Run | None:
        """Wait for the end of the training that was begun last.

        While a cell waits, a notebook's own stop button (Ctrl-C) asks the training to end properly.

        Args:
            timeout: how many seconds at most; until the end if not given.

        Returns:
            The run; None if it goes on after the timeout.

        Raises:
            RunError: nothing has been begun.
            StoppedError: it was stopped while the pictures were read.
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
        self._is_closed = True
        self.stop()
        self._follow()
        self.shown.message.value = "<i>This panel was closed: its cell was run again or deleted.</i>"

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
            self.shown.say(error)

    def _settings_changed(self, error: DensekitError | None = None) -> None:
        """Check the settings, and tell them in the form that the reader has chosen.

        Nobody else does so meanwhile: at its end, the thread of a training would tell older ones over these.
        """
        with self._lock:
            found = self._tell_settings()
            self.shown.say(error or found)

    def _tell_settings(self) -> DensekitError | None:
        """Tell the settings for the next run; return what is wrong with them, if anything is."""
        forms = {"YAML": self.as_yaml, "command": self.as_command, "Python": self.as_python}
        try:
            self.settings()
            text = forms[self._form.value]() if self._form.value in forms else ""
            self._text.value = panel_show.pre(text) if text else ""
        except DensekitError as found:
            self._text.value = ""
            return found
        return None

    def _changed(self, work: Work) -> None:
        """Show how a training goes on; it is its thread that gets here."""
        if work.is_running:
            with self._lock:
                self.shown.follow(self.works)
        else:
            self._follow()

    def _follow(self) -> None:
        """Let buttons and view show what is now, also what is only shown when something begins or ends."""
        with self._lock:
            is_stopping = self.is_training and self.works[-1].is_stopping
            self._button.disabled = self.is_training or self._is_closed
            self._stop_button.disabled = not self.is_training or is_stopping
            self.shown.show(self.works)
            self._tell_settings()  # the folder of the next run is another one now
            if self.error is not None:
                self.shown.say(self.error)

    def _laid_out(self) -> Any:
        shown, row = self.shown, widgets.Layout(flex_flow="row wrap", align_items="center")
        buttons = widgets.Box([self._button, self._stop_button, shown.bar, shown.status], layout=row)
        parts = [self.controls.view, shown.message, buttons, shown.remarks, shown.curves, shown.table]
        return widgets.VBox([*parts, self._form, self._text])

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
        ConfigError: no such preset or setting, no such value, or a folder without a name.

    Example:
        >>> panel = training_panel("data_samples/tabletop", epochs=3)
        >>> panel.start()
        >>> panel.wait().metrics["val_accuracy"]
    """
    if out is not None and not str(out).strip():
        raise ConfigError("out is empty: name a folder for the runs, or leave it out")
    place = None if out is None else named(out)
    request = Request(folder_text(data), preset).with_settings(read_overrides(settings))
    return TrainingPanel(request, place)
