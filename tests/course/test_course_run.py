import os
import signal
import subprocess
import sys
import time

import nbformat
import pytest

from densekit.course.build import build_course
from densekit.course.network import can_leave_network
from densekit.course.run import CourseReport, Row, run_course
from densekit.errors import CourseError

pytestmark = pytest.mark.notebooks

HEADER = "# ---\n# jupyter:\n#   densekit:\n#     compared_at_least: 0\n#     ignored_at_most: 0\n# ---\n\n"


def add_notebook(course, name, code, cells=1):
    """Add a notebook that was built once and is broken since then: its code is put in after the build."""
    (course / "src" / f"{name}.py").write_text(HEADER + "# %%\npass\n\n" * cells, encoding="utf-8")
    build_course([name], folder=course)
    path = course / f"{name}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        cell.source = code
    nbformat.write(notebook, path)


def test_the_table_has_a_row_for_each_notebook_with_its_key_result(course, tmp_path):
    report = run_course(folder=course, out=tmp_path / "out", offline=True)

    (row,) = report.rows
    assert (row.notebook, row.status, row.result) == ("00_sample", "ok", {"channels": 256, "scale": 1.0})
    assert row.executed == tmp_path / "out" / "00_sample.ipynb"
    assert report.text.splitlines()[1].endswith("channels 256 · scale 1")


def test_parameters_reach_the_notebook_in_its_own_types(course, tmp_path):
    report = run_course(folder=course, out=tmp_path, parameters={"layers": "4", "scale": "1e-3"}, workers=1)

    assert report.rows[0].result == {"channels": 192, "scale": 0.001}


def test_the_solved_version_can_be_run_and_nothing_of_the_course_is_written(course, tmp_path):
    before = {path: path.read_bytes() for path in course.rglob("*.ipynb")}

    report = run_course(["00"], folder=course, out=tmp_path / "out", solutions=True)

    assert "passed" in report.rows[0].executed.read_text()
    assert {path: path.read_bytes() for path in course.rglob("*.ipynb")} == before


def test_one_that_fails_is_told_and_the_others_go_on(course, tmp_path):
    add_notebook(course, "01_broken", "print('before')\n{}['missing']")
    rows = []

    report = run_course(folder=course, out=tmp_path / "out", told=rows.append)

    assert not report.ok
    assert [row.status for row in report.rows] == ["ok", "failed"]
    assert "cell 1 (01_broken-000): KeyError: 'missing'" in report.text
    assert f"see {tmp_path / 'out' / '01_broken.ipynb'}" in report.text
    assert {row.notebook for row in rows} == {"00_sample", "01_broken"}
    assert report.to_dict()["notebooks"][1]["problem"] == report.rows[1].problem


def test_a_kernel_that_dies_is_a_failure(course, tmp_path):
    add_notebook(course, "01_dies", "import os\nos._exit(3)")

    report = run_course(["01"], folder=course, out=tmp_path)

    assert "the kernel died" in report.rows[0].problem


def test_the_time_is_that_of_the_whole_notebook_not_of_a_cell(course, tmp_path):
    add_notebook(course, "01_slow", "import time\ntime.sleep(4)", cells=3)

    report = run_course(["01"], folder=course, out=tmp_path, timeout_s=5)

    assert report.rows[0].status == "failed"
    assert "stopped after 5 s; the cell begins 'import time'" in report.rows[0].problem


def test_offline_means_that_no_outside_host_is_reached(course, tmp_path):
    code = "import socket\nsocket.create_connection(('192.0.2.1', 80), timeout=5)"
    add_notebook(course, "01_calls", code)

    report = run_course(["01"], folder=course, out=tmp_path, offline=True)

    assert "'192.0.2.1' was not contacted: this run has no network" in report.rows[0].problem


def test_an_earlier_copy_does_not_pass_for_this_run(course, tmp_path):
    run_course(["00"], folder=course, out=tmp_path)
    (course / "00_sample.ipynb").write_text(
        (course / "00_sample.ipynb").read_text().replace("slider.value = 7", "1 / 0")
    )

    report = run_course(["00"], folder=course, out=tmp_path)

    assert report.rows[0].result is None
    assert "ZeroDivisionError" in report.rows[0].problem


def test_an_unknown_parameter_is_refused_before_anything_runs(course, tmp_path):
    with pytest.raises(CourseError, match=r"no notebook has a parameter 'layer': did you mean 'layers'\?"):
        run_course(folder=course, out=tmp_path / "out", parameters={"layer": 4})

    assert not (tmp_path / "out").exists()


def test_the_notebooks_themselves_are_never_the_output(course):
    with pytest.raises(CourseError, match="holds the notebooks themselves"):
        run_course(folder=course, out=course)


def test_neither_version_of_the_course_is_overwritten_by_the_other(course):
    for out, solutions in ((course / "solutions", False), (course, True)):
        with pytest.raises(CourseError, match="holds the notebooks themselves"):
            run_course(folder=course, out=out, solutions=solutions)


def test_a_notebook_that_somebody_works_in_is_not_overwritten_but_a_result_is(course, tmp_path):
    out = tmp_path / "mine"
    out.mkdir()
    mine = out / "00_sample.ipynb"
    mine.write_bytes((course / "00_sample.ipynb").read_bytes())
    before = mine.read_bytes()

    with pytest.raises(CourseError, match="is there already, and no result of an earlier run"):
        run_course(folder=course, out=out)
    assert mine.read_bytes() == before

    mine.unlink()
    assert run_course(folder=course, out=out, parameters={"layers": 3}).ok
    assert run_course(folder=course, out=out).ok

    result = nbformat.read(mine, as_version=4)
    result.cells[-1].source += "\n# my answer"
    nbformat.write(result, mine)
    with pytest.raises(CourseError, match="changed since: move it away, or choose another folder"):
        run_course(folder=course, out=out)
    assert "# my answer" in mine.read_text()


def test_an_output_folder_that_is_a_file_is_told(course, tmp_path):
    (tmp_path / "out").write_text("a file")

    with pytest.raises(CourseError, match="can't make the output folder"):
        run_course(folder=course, out=tmp_path / "out")


def test_an_output_folder_that_is_a_link_to_itself_is_told(course, tmp_path):
    (tmp_path / "loop").symlink_to("loop")

    with pytest.raises(CourseError, match=r"can't make the output folder .*loop"):
        run_course(folder=course, out=tmp_path / "loop")


def test_a_course_without_notebooks_is_an_empty_table(tmp_path):
    report = run_course(folder=tmp_path, out=tmp_path / "out")

    assert report.ok
    assert report.text == "no notebooks, so nothing to run"


def test_the_table_is_aligned():
    row = Row("00_start", "ok", 3.14159, {"val_accuracy": 0.9375}, "", None)
    other = Row("10_four_scenarios", "failed", 61.0, None, "cell 3 (x): ValueError: no", None)

    assert CourseReport((row, other)).text.splitlines()[:3] == [
        "notebook           status  seconds  key result",
        "00_start           ok          3.1  val_accuracy 0.9375",
        "10_four_scenarios  failed     61.0  cell 3 (x): ValueError: no",
    ]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no signals to a group of processes")
def test_ctrl_c_stops_everything_and_leaves_no_process_behind(course, tmp_path):
    marker = tmp_path / "kernel"
    note = f"pathlib.Path({str(marker)!r}).write_text(str(os.getpid()))"
    add_notebook(course, "01_slow", f"import os, pathlib, time\n{note}\ntime.sleep(600)")
    script = tmp_path / "script.py"
    script.write_text(
        "from pathlib import Path\nfrom densekit.course.run import run_course\n"
        "if __name__ == '__main__':\n"
        f"    run_course(['01'], folder=Path({str(course)!r}), out=Path({str(tmp_path)!r}))\n"
    )
    process = subprocess.Popen([sys.executable, str(script)], start_new_session=True, stderr=subprocess.PIPE)
    wait_until(marker.exists, 60)
    wait_until(lambda: marker.read_text() != "", 5)

    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=60)

    assert process.returncode != 0
    wait_until(lambda: not is_running(int(marker.read_text())), 30)


def wait_until(condition, seconds):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"still waiting after {seconds} s"
        time.sleep(0.05)


def is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.skipif(not can_leave_network(), reason="this system gives a process no network of its own")
@pytest.mark.parametrize(
    "way",
    [
        "[sys.executable, '-I', '-c', 'import socket; socket.create_connection((\"192.0.2.1\", 80), 5)']",
        "['bash', '-c', 'exec 3<>/dev/udp/192.0.2.1/9 && echo out >&3']",
        "[sys.executable, '-c', 'import _socket as s; s.socket(2, 2).connect((\"192.0.2.1\", 9))']",
    ],
)
def test_offline_there_is_no_way_around_python_either(course, tmp_path, way):
    code = f"import subprocess, sys\nassert subprocess.run({way}, stderr=subprocess.DEVNULL).returncode != 0"
    add_notebook(course, "01_calls", code)

    report = run_course(["01"], folder=course, out=tmp_path, offline=True)

    assert report.ok, report.text


def test_offline_this_machine_itself_is_reached(course, tmp_path):
    code = (
        "import socket\nserver = socket.create_server(('127.0.0.1', 0))\n"
        "socket.create_connection(server.getsockname(), timeout=5).close()"
    )
    add_notebook(course, "01_calls", code)

    assert run_course(["01"], folder=course, out=tmp_path, offline=True).ok


def test_a_kernel_that_does_not_listen_is_ended_soon(course, tmp_path):
    code = "import time\nwhile True:\n  try:\n    time.sleep(60)\n  except KeyboardInterrupt:\n    pass"
    add_notebook(course, "01_deaf", code)

    (row,) = run_course(["01"], folder=course, out=tmp_path, timeout_s=5).rows

    assert "stopped after 5 s" in row.problem
