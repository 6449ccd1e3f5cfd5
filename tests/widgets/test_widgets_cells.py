"""The cell that made something, in a real kernel: run again, deleted, or left alone."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from jupyter_client.manager import start_new_kernel

MAKE = "from densekit.widgets.cells import when_cell_is_gone\nwhen_cell_is_gone(lambda: gone.append(1))"

Run = Callable[..., str]


@pytest.fixture(scope="module")
def kernel() -> Iterator[Any]:
    manager, client = start_new_kernel(startup_timeout=60)
    yield client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


@pytest.fixture
def run(kernel: Any) -> Run:
    """Run a cell as a front end does; return what it printed."""

    def execute(code: str, **metadata: object) -> str:
        content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}}
        content |= {"allow_stdin": False, "stop_on_error": True}
        message = kernel.session.msg("execute_request", content, metadata=metadata)
        kernel.shell_channel.send(message)
        printed = ""
        while True:
            told = kernel.get_iopub_msg(timeout=60)
            if told["parent_header"].get("msg_id") != message["header"]["msg_id"]:
                continue
            assert told["msg_type"] != "error", told["content"]
            if told["msg_type"] == "stream":
                printed += told["content"]["text"]
            if told["msg_type"] == "status" and told["content"]["execution_state"] == "idle":
                return printed

    execute("gone = []", cellId="first")
    return execute


def times_gone(run: Run, **metadata: object) -> int:
    return int(run("print(len(gone))", **metadata))


def test_another_cell_leaves_it_alone(run):
    run(MAKE, cellId="a")
    assert times_gone(run, cellId="b", deletedCells=["c"]) == 0


def test_its_cell_is_run_again_with_another_text(run):
    run(MAKE, cellId="d")
    run("pass", cellId="d")
    assert times_gone(run, cellId="e") == 1


def test_it_is_told_once(run):
    run(MAKE, cellId="f")
    for _ in range(3):
        run("pass", cellId="f")
    assert times_gone(run, cellId="g") == 1


def test_its_cell_is_deleted(run):
    run(MAKE, cellId="h")
    run("pass", cellId="i", deletedCells=["x", "h"])
    assert times_gone(run, cellId="i") == 1


@pytest.mark.parametrize("end", ["", "\n\n"])
def test_where_cells_have_no_names_the_text_tells(run, end):
    made = f"{MAKE}  # unique {len(end)}{end}"
    run(made)
    assert times_gone(run) == 0
    run(made)
    assert times_gone(run) == 1


def test_outside_of_a_notebook_nothing_happens():
    from densekit.widgets.cells import when_cell_is_gone

    when_cell_is_gone(lambda: pytest.fail("there is no cell"))


@pytest.mark.slow
def test_what_a_panel_trains_is_stopped_when_its_cell_is_run_again(
    run, pictures, tiny_architecture, tmp_path
):
    settings = {"architecture": str(tiny_architecture), "weights": "none", "image_size": 32}
    settings |= {"epochs": 100_000, "out": str(tmp_path / "runs"), "cache_features": False}
    make = (
        "from densekit.widgets.panel import training_panel\n"
        f"panel = training_panel({str(pictures)!r}, **{settings!r})\n"
    )
    run(make, cellId="p")
    wait = "while former.works[0].progress.points < 1: former.wait(0.01)"
    run(f"panel.start(); former = panel\n{wait}", cellId="q")
    run(make, cellId="p")
    printed = run("print(former.wait().metrics['stopped'], panel.works, panel is former)", cellId="q")
    assert printed == "asked [] False\n"
