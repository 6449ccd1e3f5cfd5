"""Run the course in batch: every notebook through papermill, each in a process of its own.

The notebooks themselves are never written to; the executed copies go to a folder of results. One notebook
that fails does not stop the others.
"""

import hashlib
import json
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import nbformat
import papermill
from nbclient.exceptions import CellTimeoutError, DeadKernelError

from densekit.course.build import read_notebook
from densekit.course.execution import (
    KERNEL_ARGUMENTS,
    TIMEOUT_S,
    BriskKernelManager,
    kernel_environment,
    remaining_time,
    what_failed,
)
from densekit.course.network import can_leave_network, leave_network
from densekit.course.parameters import assign_parameters
from densekit.course.places import VERSIONS, Version, open_course
from densekit.course.results import read_result, result_line
from densekit.errors import CourseError
from densekit.files import named, real_path
from densekit.processes import end_with_parent
from densekit.tables import text_table
from densekit.threads import thread_settings

Status = Literal["ok", "failed"]


_RUN_AS = "densekit_run_as"  # in an executed notebook: what its cells were
_ADDED = {"injected-parameters", "papermill-error-cell-tag"}


@dataclass(frozen=True)
class Row:
    """What became of one notebook.

    Args:
        notebook: its name.
        status: 'ok', or 'failed'.
        seconds: from the start of its kernel to its last output.
        result: what its result cell recorded, if it has one and came so far.
        problem: which cell failed, and with what; empty if none.
        executed: the executed copy.
    """

    notebook: str
    status: Status
    seconds: float
    result: dict[str, Any] | None
    problem: str
    executed: Path


@dataclass(frozen=True)
class CourseReport:
    """What became of a run of the course, a row for each notebook."""

    rows: tuple[Row, ...]

    @property
    def ok(self) -> bool:
        """Say whether every notebook ran to its end."""
        return all(row.status == "ok" for row in self.rows)

    @property
    def text(self) -> str:
        """The report as a table for the terminal."""
        if not self.rows:
            return "no notebooks, so nothing to run"
        cells = [(row.notebook, row.status, f"{row.seconds:.1f}", _key_result(row)) for row in self.rows]
        lines = text_table(("notebook", "status", "seconds", "key result"), cells, columns="<<><")
        failed = [f"see {row.executed}" for row in self.rows if row.status == "failed"]
        return "\n".join([*lines, *failed])

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON can hold it."""
        rows = [
            {**vars(row), "executed": str(row.executed), "seconds": round(row.seconds, 2)}
            for row in self.rows
        ]
        return {"ok": self.ok, "notebooks": rows}


def run_course(
    names: Sequence[str] = (),
    *,
    out: Path,
    parameters: Mapping[str, Any] | None = None,
    solutions: bool = False,
    offline: bool = False,
    workers: int = 2,
    timeout_s: float = TIMEOUT_S,
    folder: Path | None = None,
    told: Callable[[Row], None] = lambda row: None,
) -> CourseReport:
    """Run notebooks headless and collect their key results.

    Args:
        names: notebooks by name or number; all if empty.
        out: folder for the executed copies; made if need be.
        parameters: values for the notebooks' parameters, each passed to the notebooks that have it.
        solutions: run the versions with solutions instead of the learner's.
        offline: take the network away: with a network of its own for each notebook where Linux allows it, else
            by refusing what Python's sockets would contact outside of this machine.
        workers: notebooks that run at the same time; they share the cores between them.
        timeout_s: seconds that one notebook may take.
        folder: of the course; the one that comes with densekit if not given.
        told: is called with each row as soon as it is there.

    Raises:
        CourseError: no such notebook or parameter, a value of the wrong type, or an output folder where the
            course, or notebooks that somebody has worked in, would be overwritten.
    """
    if workers < 1:
        raise CourseError(f"workers is {workers}: expected 1 or more")
    course = open_course(folder)
    out = named(out)
    version: Version = "solutions" if solutions else "learner"
    notebooks = [course.notebook(name, version) for name in course.choose(names)]
    if real_path(out) in [real_path(course.notebook("any", one).parent) for one in VERSIONS]:
        raise CourseError(f"{out} holds the notebooks themselves: choose another folder for the results")
    for notebook in notebooks:
        read_notebook(notebook)
        _check_result(out / notebook.name)
    assigned = assign_parameters(notebooks, parameters or {})
    _make_folder(out)
    workers = min(workers, len(notebooks))
    tasks = [
        _Task(
            notebook=real_path(notebook),
            executed=real_path(out / notebook.name),
            parameters=assigned[notebook],
            environment=thread_settings(workers),
            offline=offline,
            leaves_network=offline and can_leave_network(),
            timeout_s=timeout_s,
        )
        for notebook in notebooks
    ]
    return CourseReport(_run_all(tasks, workers, told) if tasks else ())


@dataclass(frozen=True)
class _Task:
    notebook: Path
    executed: Path
    parameters: dict[str, Any]
    environment: dict[str, str]
    offline: bool
    leaves_network: bool
    timeout_s: float


def _run_all(tasks: Sequence[_Task], workers: int, told: Callable[[Row], None]) -> tuple[Row, ...]:
    rows: dict[Path, Row] = {}
    pool = ThreadPoolExecutor(workers)
    try:
        for future in as_completed([pool.submit(_run_apart, task) for task in tasks]):
            row = future.result()
            rows[row.executed] = row
            told(row)
    finally:
        # Ctrl-C reaches the processes, too, and they stop by themselves; what has not begun must not begin.
        pool.shutdown(cancel_futures=True)
    return tuple(rows[task.executed] for task in tasks)


def _run_apart(task: _Task) -> Row:
    """Run one notebook in a process of its own, so that nothing of it can reach the others.

    The process is spawned: papermill changes the working folder of a whole process, and one that is forked
    from a process with threads (torch, zmq) may hang.
    """
    spawned = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawned, initializer=end_with_parent) as pool:
        try:
            return pool.submit(_run_one, task).result()
        except Exception as error:  # the process was killed, or papermill itself failed
            problem = f"could not be run: {type(error).__name__}: {error}"
            return Row(task.notebook.stem, "failed", 0.0, None, problem, task.executed)


def _run_one(task: _Task) -> Row:
    """Run one notebook, in a process that does nothing else."""
    if task.leaves_network:  # where it can't, `kernel_environment` keeps Python in
        leave_network()
    start = time.monotonic()
    problem = ""
    with tempfile.TemporaryDirectory(prefix="densekit-course-", ignore_cleanup_errors=True) as scratch:
        work, marked = Path(scratch) / "work", Path(scratch) / task.notebook.name
        work.mkdir()
        notebook = read_notebook(task.notebook)
        notebook.metadata[_RUN_AS] = _sources_of(notebook)
        nbformat.write(notebook, marked)
        os.environ.update(kernel_environment(Path(scratch), task.offline) | task.environment)
        try:
            papermill.execute_notebook(
                str(marked),
                str(task.executed),
                parameters=task.parameters,
                cwd=str(work),
                progress_bar=False,
                kernel_name="python3",
                extra_arguments=KERNEL_ARGUMENTS,
                timeout_func=remaining_time(task.timeout_s),
                kernel_manager_class=f"{BriskKernelManager.__module__}.{BriskKernelManager.__name__}",
            )
        except (papermill.PapermillExecutionError, CellTimeoutError, DeadKernelError) as error:
            problem = what_failed(nbformat.read(task.executed, as_version=4), error, task.timeout_s)
    seconds = time.monotonic() - start
    result = read_result(nbformat.read(task.executed, as_version=4))
    return Row(task.notebook.stem, "failed" if problem else "ok", seconds, result, problem, task.executed)


def _key_result(row: Row) -> str:
    if row.problem:
        return row.problem
    return result_line(row.result) if row.result else ""


def _check_result(executed: Path) -> None:
    """Refuse to replace a notebook that is no result of an earlier run: somebody's answers may be in it."""
    if not executed.exists():
        return
    there = read_notebook(executed)
    # The mark stays where somebody works in it, but then the cells are others.
    if there.metadata.get(_RUN_AS) != _sources_of(there):
        raise CourseError(
            f"{executed} is there already, and no result of an earlier run, or changed since: move it away, or "
            "choose another folder for the results"
        )


def _sources_of(notebook: Any) -> str:
    """Return a digest of a notebook's cells as they are written, without those that papermill adds."""
    written = [
        [cell.cell_type, cell.source]
        for cell in notebook.cells
        if _ADDED.isdisjoint(cell.metadata.get("tags", ()))
    ]
    return hashlib.sha256(json.dumps(written).encode()).hexdigest()


def _make_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CourseError(f"can't make the output folder {out}: {error.strerror or error}") from error
