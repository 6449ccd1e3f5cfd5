"""Cells become outputs: each notebook in its own kernel, in an empty folder, with or without a network."""

import os
import re
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from traitlets import default

from densekit.course.sources import KERNEL
from densekit.errors import CourseError
from densekit.threads import thread_settings

TIMEOUT_S = 300.0
"""Seconds that a whole notebook may take, if nothing else is asked for."""

KERNEL_ARGUMENTS = ["--IPKernelApp.log_level=40"]
"""Errors only: a kernel otherwise warns on the terminal of what a teacher can't change."""

_OFFLINE = Path(__file__).parent / "offline"
_ADDED = frozenset({"papermill-error-cell-tag", "injected-parameters"})  # cells that papermill adds
_PROXIES = ("http_proxy", "https_proxy", "ftp_proxy", "all_proxy")
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class BriskKernelManager(AsyncKernelManager):
    """Ends a kernel that does not listen after two seconds, not ten: a time limit is to be kept."""

    @default("shutdown_wait_time")
    def _brisk(self) -> float:
        return 1.0


def kernel_environment(scratch: Path, offline: bool) -> dict[str, str]:
    """Return the environment variables that a kernel starts with, as a change to those of this process.

    Args:
        scratch: a temporary folder; IPython's own settings and history go there, so those of the user stay
            out.
        offline: refuse every connection of Python's that leaves this machine.
    """
    changes = {
        "IPYTHONDIR": str(scratch / "ipython"),
        "JUPYTER_PREFER_ENV_PATH": "1",  # the kernel of this environment, not one that the user registered
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    }
    return changes | (offline_environment(os.environ) if offline else {})


def offline_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that take the network away from a Python process and from those it starts.

    Proxies go too: one on this machine would be a way out.
    """
    path = os.pathsep.join(filter(None, [str(_OFFLINE), environment.get("PYTHONPATH", "")]))
    proxies = {name for name in environment if name.lower() in _PROXIES}
    return {"PYTHONPATH": path} | dict.fromkeys(proxies, "")


def execute(
    notebook: NotebookNode, name: str, timeout_s: float = TIMEOUT_S, offline: bool = True
) -> NotebookNode:
    """Execute a notebook as on a machine that has never seen it: empty folder, empty cache.

    Raises:
        CourseError: a cell failed, or the notebook took longer than `timeout_s` seconds.
    """
    with tempfile.TemporaryDirectory(prefix="densekit-course-", ignore_cleanup_errors=True) as folder:
        scratch = Path(folder)
        work = scratch / "work"
        work.mkdir()
        client = NotebookClient(
            notebook,
            kernel_name=KERNEL["name"],
            timeout_func=remaining_time(timeout_s),
            extra_arguments=KERNEL_ARGUMENTS,
            record_timing=False,
            kernel_manager_class=BriskKernelManager,
            coalesce_streams=True,
            resources={"metadata": {"path": str(work)}},
        )
        changes = kernel_environment(scratch, offline) | {"DENSEKIT_CACHE": str(scratch / "cache")}
        try:
            client.execute(env=os.environ | thread_settings() | changes)
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
            raise CourseError(f"{name}: {what_failed(notebook, error, timeout_s)}") from error
    return notebook


def remaining_time(timeout_s: float) -> Callable[[NotebookNode], float]:
    """Return a function that gives each cell the seconds that are left to the whole notebook."""
    deadline = time.monotonic() + timeout_s

    def remaining(_: NotebookNode) -> float:
        return max(0.1, deadline - time.monotonic())

    return remaining


def what_failed(notebook: NotebookNode, error: BaseException, timeout_s: float) -> str:
    """Say in one line which cell stopped a notebook, and with what.

    Cells are counted as a reader does who looks at the notebook: from 1, code and prose alike.
    """
    number, cell = _last_started(notebook)
    where = f"cell {number} ({cell.get('id', '?')})"
    if isinstance(error, CellTimeoutError):
        return (
            f"{where}: the notebook was stopped after {timeout_s:g} s; the cell begins '{_first_line(cell)}'"
        )
    if isinstance(error, DeadKernelError):
        return f"{where}: the kernel died (often: not enough memory); the cell begins '{_first_line(cell)}'"
    for output in cell.get("outputs", []):
        if output.output_type == "error":
            message = _COLOURS.sub("", output.evalue).strip().splitlines()
            return f"{where}: {output.ename}: {message[0] if message else ''}".rstrip(": ")
    return f"{where}: {type(error).__name__}: {error}"


def _last_started(notebook: NotebookNode) -> tuple[int, NotebookNode]:
    """Return the failed cell, or else the last code cell that was started."""
    ours = [cell for cell in notebook.cells if not _ADDED.intersection(cell.metadata.get("tags", []))]
    code = [(number, cell) for number, cell in enumerate(ours, 1) if cell.cell_type == "code"]
    failed = [pair for pair in code if any(output.output_type == "error" for output in pair[1].outputs)]
    started = [pair for pair in code if pair[1].execution_count is not None]
    # A cell that is stopped before its first output has no count yet: it is the one after the last that has
    # one.
    following = code[len(started) : len(started) + 1]
    return (failed or following or started or [(0, NotebookNode(source=""))])[-1]


def _first_line(cell: NotebookNode) -> str:
    lines = str(cell.source).strip().splitlines()
    return lines[0] if lines else ""
