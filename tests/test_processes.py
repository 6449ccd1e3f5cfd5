"""Processes that others have started end with them."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

PARENT = """
import multiprocessing, os, sys, time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from densekit.processes import end_with_parent

if __name__ == "__main__":
    spawned = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawned, initializer=end_with_parent) as pool:
        Path(sys.argv[1]).write_text(str(pool.submit(os.getpid).result()))
        pool.submit(time.sleep, 300).result()
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc who is there")
def test_a_worker_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    (script := tmp_path / "parent.py").write_text(PARENT)
    told = tmp_path / "worker"
    parent = subprocess.Popen([sys.executable, str(script), str(told)])
    while parent.poll() is None and not (told.is_file() and told.read_text()):
        time.sleep(0.05)
    worker = Path("/proc") / told.read_text()
    assert worker.is_dir()
    parent.kill()
    parent.wait()
    for _ in range(400):
        if not worker.is_dir():
            return
        time.sleep(0.05)
    pytest.fail("the worker goes on without its parent")
