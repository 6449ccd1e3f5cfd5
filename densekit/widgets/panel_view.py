"""What the panel shows below its controls, drawn anew while a training goes on, and seldom enough."""

import time
from collections.abc import Sequence

import ipywidgets as widgets

from densekit.plots.described import img
from densekit.plots.runs import runs_together
from densekit.widgets import panel_show
from densekit.widgets.panel_work import Work

_BETWEEN_TEXTS = 0.25  # seconds
_BETWEEN_DRAWINGS = 0.5
_SHARE = 9  # times as long as drawing takes, nothing is drawn: the training keeps nine tenths of the time


class View:
    """A bar, a sentence, curves and a table over trainings; and a place for what went wrong."""

    def __init__(self) -> None:
        self.message, self.status, self.remarks = widgets.HTML(), widgets.HTML(), widgets.HTML()
        self.curves, self.table = widgets.HTML(), widgets.HTML()
        self.bar = widgets.FloatProgress(max=1.0, layout=widgets.Layout(width="320px"))
        self._told = self._drawn = 0.0
        self._pause = _BETWEEN_DRAWINGS
        self._points = 0

    def say(self, error: Exception | None) -> None:
        """Show what went wrong, or that nothing did."""
        self.message.value = panel_show.message(error) if error is not None else ""

    def show(self, works: Sequence[Work]) -> None:
        """Show everything, whatever has been shown before; the sentence last, when all else is there."""
        self._draw(works)
        self._tell(works)

    def follow(self, works: Sequence[Work]) -> None:
        """Show what is new, if the last time is long enough ago."""
        now = time.perf_counter()
        if now - self._told < _BETWEEN_TEXTS:
            return
        self._tell(works)
        if now - self._drawn >= self._pause and works[-1].progress.points != self._points:
            self._draw(works)

    def _tell(self, works: Sequence[Work]) -> None:
        work = works[-1] if works else None
        self.bar.value = work.progress.share if work is not None else 0.0
        self.remarks.value = panel_show.remarks(work)
        self.table.value = panel_show.table(works)
        self.status.value = panel_show.status(work)
        self._told = time.perf_counter()

    def _draw(self, works: Sequence[Work]) -> None:
        began = time.perf_counter()
        self._points = works[-1].progress.points if works else 0
        self.curves.value = img(runs_together(panel_show.curves(works)))
        self._drawn = time.perf_counter()
        self._pause = max(_BETWEEN_DRAWINGS, _SHARE * (self._drawn - began))
