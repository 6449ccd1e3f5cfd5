"""The cell that made something: when it is run again or deleted, what it had made is of the past."""

from collections.abc import Callable
from typing import Any

from IPython import get_ipython


def when_cell_is_gone(callback: Callable[[], None]) -> None:
    """Call back once, when the cell that is running now is run again, or was deleted and another one is run.

    JupyterLab and others tell which cell a request comes from. Where nobody does, as in Colab, a cell with the
    same text is taken for the same cell. Outside of notebooks nothing ever happens.
    """
    shell: Any = get_ipython()
    if shell is None or not hasattr(shell, "kernel"):
        return
    cell = _metadata(shell).get("cellId")
    inputs = shell.history_manager.input_hist_raw
    text = inputs[-1] if inputs else None

    def look(info: Any) -> None:
        now = _metadata(shell)
        if cell is None:
            is_gone = info.raw_cell.rstrip("\n") == text  # as IPython keeps it
        else:
            is_gone = now.get("cellId") == cell or cell in (now.get("deletedCells") or ())
        if is_gone:
            shell.events.unregister("pre_run_cell", look)
            callback()

    shell.events.register("pre_run_cell", look)


def _metadata(shell: Any) -> dict[str, Any]:
    """Return what the front end has told about the request that is carried out now."""
    request = shell.kernel.get_parent("shell") or {}
    return dict(request.get("metadata") or {})
