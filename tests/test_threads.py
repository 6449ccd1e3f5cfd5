import os
import subprocess
import sys

import numpy as np  # noqa: F401 (brings the library whose threads are counted)
import pytest
from threadpoolctl import threadpool_info

from densekit import threads
from densekit.threads import free_cores, one_thread, thread_settings, usable_cores


@pytest.fixture
def machine(monkeypatch):
    """A machine with as many cores and as much to do as asked for."""

    def machine(cores, load):
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
        monkeypatch.setattr(threads, "usable_cores", lambda: cores)
        monkeypatch.setattr(os, "getloadavg", lambda: (load, load, load))

    return machine


def test_at_least_one_core_is_free_and_never_more_than_there_are():
    assert 1 <= free_cores() <= usable_cores()


@pytest.mark.parametrize(("load", "free"), [(0.1, 8), (3.2, 5), (40.0, 1)])
def test_cores_that_others_use_are_not_free(machine, load, free):
    machine(8, load)

    assert free_cores() == free


def test_a_process_alone_on_a_quiet_machine_chooses_for_itself(machine):
    machine(8, 0.2)

    assert thread_settings(processes=1) == {}


@pytest.mark.parametrize(
    ("processes", "load", "each"), [(2, 0.0, "4"), (1, 6.0, "2"), (2, 6.0, "1"), (16, 0.0, "1")]
)
def test_processes_that_share_cores_have_their_part_of_the_free_ones(machine, processes, load, each):
    machine(8, load)

    assert thread_settings(processes) == {"OMP_NUM_THREADS": each, "OMP_WAIT_POLICY": "PASSIVE"}


def test_a_number_of_threads_that_the_user_has_set_stays(machine, monkeypatch):
    machine(8, 0.0)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")

    assert "OMP_NUM_THREADS" not in thread_settings(processes=4)


def settings_after_import(kernel, load, **environment):
    """Import densekit in a process of its own, in a kernel or not, and return what OpenMP is told then."""
    code = (
        "import os, sys, types\n"
        f"os.getloadavg = lambda: ({load}, {load}, {load})\n"
        f"if {kernel}: sys.modules['ipykernel'] = types.ModuleType('ipykernel')\n"
        "import densekit\n"
        "assert 'torch' not in sys.modules\n"
        "print(os.environ.get('OMP_NUM_THREADS'), os.environ.get('OMP_WAIT_POLICY'))"
    )
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OMP_")}
    done = subprocess.run(
        [sys.executable, "-c", code], env=clean | environment, capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def test_a_learners_kernel_on_a_busy_machine_has_threads_that_leave_the_cores_to_others():
    assert settings_after_import(kernel=True, load=99.0) == ["1", "PASSIVE"]


def test_a_kernel_on_a_quiet_machine_and_a_plain_process_are_left_alone():
    assert settings_after_import(kernel=True, load=0.0) == ["None", "None"]
    assert settings_after_import(kernel=False, load=99.0) == ["None", "None"]


def test_what_the_reader_has_set_stays_in_a_kernel_too():
    told = settings_after_import(kernel=True, load=99.0, OMP_NUM_THREADS="7", OMP_WAIT_POLICY="ACTIVE")
    assert told == ["7", "ACTIVE"]


def settings_of_a_command(load, **environment):
    """Start the command line in a process of its own; return what OpenMP is told when torch is brought."""
    code = (
        "import os, sys, types\n"
        f"os.getloadavg = lambda: ({load}, {load}, {load})\n"
        "import densekit.__main__ as program\n"
        "assert 'torch' not in sys.modules\n"
        "sys.modules['densekit.cli'] = told = types.ModuleType('densekit.cli')\n"
        "told.main = lambda: print(os.environ.get('OMP_NUM_THREADS'), os.environ.get('OMP_WAIT_POLICY'))\n"
        "program.main()"
    )
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OMP_")}
    command = [sys.executable, "-c", code]
    return subprocess.run(
        command, env=clean | environment, capture_output=True, text=True, check=True
    ).stdout.split()


def test_a_command_on_a_busy_machine_keeps_its_threads_which_sleep_while_they_wait():
    assert settings_of_a_command(load=99.0) == ["None", "PASSIVE"]
    assert settings_of_a_command(load=99.0, OMP_WAIT_POLICY="ACTIVE") == ["None", "ACTIVE"]


def test_a_command_on_a_quiet_machine_is_left_alone():
    assert settings_of_a_command(load=0.0) == ["None", "None"]


def test_one_thread_holds_inside_and_is_taken_back_outside():
    before = [pool["num_threads"] for pool in threadpool_info()]
    with one_thread():
        assert {pool["num_threads"] for pool in threadpool_info()} == {1}
    assert [pool["num_threads"] for pool in threadpool_info()] == before
