"""A training in a thread of its own, which leaves the kernel free; it touches no widget."""

import atexit
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from densekit.files import real_path
from densekit.run.classifier import Run
from densekit.run.differences import judged_by
from densekit.run.folder import SPLIT, Split, new_folder
from densekit.run.request import Request
from densekit.run.trainer import check_place, train
from densekit.training.events import Event
from densekit.training.stop import Stop, stopped_by_interrupt
from densekit.widgets.panel_progress import Progress

RUNS = Path("runs")


class Work:
    """One training of a panel, from its beginning to its end.

    Args:
        number: counted from 1, in its panel.
        request: what is trained.
        parent: the folder in which it gets a folder of its own.
        on_change: called in the training's thread, after each event and at the end. What it raises does the
            training no harm: `wait` raises it.

    Raises:
        ConfigError: the settings can't be used. What is wrong with the pictures is found in the thread.
    """

    def __init__(
        self, number: int, request: Request, parent: Path, on_change: Callable[["Work"], None]
    ) -> None:
        self.number, self.request, self.on_change = number, request, on_change
        self.config = request.config()
        self.parent = real_path(parent)  # for another cell may change the present folder meanwhile
        self.progress = Progress()
        self.remarks: list[str] = []
        self.run: Run | None = None
        self.judged_by: frozenset[tuple[str, str]] | None = None  # known once it is done
        self.error: Exception | None = None
        self.is_running = False
        self._display_error: Exception | None = None
        self._stop = Stop()
        self._thread = threading.Thread(target=self._work, name=f"densekit run {number}", daemon=True)

    @property
    def is_stopping(self) -> bool:
        """Whether somebody asked it to end, and it has not yet."""
        return self.is_running and self._stop.requested

    def start(self) -> None:
        """Begin; it is stopped properly if the kernel or the program ends before it."""
        self.is_running = True
        _UNDER_WAY.add(self)
        self._thread.start()

    def stop(self) -> None:
        """Ask for the end; nothing happens if it has come already."""
        self._stop.stop()

    def wait(self, timeout: float | None = None) -> None:
        """Wait for the end, or for so many seconds. The first Ctrl-C asks the training to end properly.

        Raises:
            Exception: what the training has ended with; a DensekitError, if it is a mistake that a user can make.
        """
        with stopped_by_interrupt(self._stop):
            self._thread.join(timeout)
        if self._thread.is_alive():
            return
        for error in (self.error, self._display_error):
            if error is not None:
                raise error

    def _work(self) -> None:
        try:
            run = self._train()
            self.judged_by = judged_by(Split.read(run.folder / SPLIT))
            self.run = run  # last: whoever sees it may ask what it was judged by
        except Exception as error:
            self.error = error
        self.is_running = False
        self._tell()
        _UNDER_WAY.discard(self)

    def _train(self) -> Run:
        data = self.config.data.folder
        check_place(self.parent, data)
        folder = new_folder(self.parent, data.name)
        try:
            return train(
                self.config,
                out=folder,
                progress=False,
                on_event=self._read,
                stop=self._stop,
                tell=self.remarks.append,
            )
        finally:
            with suppress(OSError):  # it holds a run, nearly always
                folder.rmdir()

    def _read(self, event: Event) -> None:
        self.progress.read(event)
        self._tell()

    def _tell(self) -> None:
        try:
            self.on_change(self)
        except Exception as error:
            self._display_error = self._display_error or error

    def end(self) -> None:
        """Ask for the end and wait for it, whatever it is."""
        self.stop()
        self._thread.join()


_UNDER_WAY: set[Work] = set()


def _end_all() -> None:
    for work in list(_UNDER_WAY):
        work.end()


# The pools of threads that read pictures are closed before atexit's turn comes. What is registered here comes
# before both, since it is registered after them; only `concurrent.futures` is meant to use it, and so it may go.
getattr(threading, "_register_atexit", atexit.register)(_end_all)
