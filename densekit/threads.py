"""The one place that decides how many threads compute, by what else the machine does.

Threads that wait for each other on a core that somebody else uses ruin a computation: a fit of scikit-learn that
takes 0.1 s with one thread took 3 to 5 s with two on a busy machine. Nothing here brings torch, since processes
that only start others ask, too.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits

_PATIENT = ("OMP_WAIT_POLICY", "PASSIVE")  # threads that spin while they wait take the cores from others


def usable_cores() -> int:
    """Count the cores this process may use, which on a shared machine is fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def free_cores() -> int:
    """Count the cores that nobody else has used in the last minute, at least 1; all where that is not known."""
    try:
        load = os.getloadavg()[0]
    except (AttributeError, OSError):  # on Windows, and where a container hides it
        return usable_cores()
    return max(1, usable_cores() - round(load))


def thread_settings(processes: int = 1) -> dict[str, str]:
    """Return the environment variables for processes that are about to be started and will compute.

    Where all cores are free and one process has them to itself, nothing is set: torch's own choice is best then.
    A number of threads that the user has set stays.

    Args:
        processes: that will run at the same time.
    """
    free = free_cores()
    if processes <= 1 and free == usable_cores():
        return {}
    settings = dict([_PATIENT])
    if "OMP_NUM_THREADS" not in os.environ:
        settings["OMP_NUM_THREADS"] = str(max(1, free // max(1, processes)))
    return settings


def settle() -> None:
    """Let this process compute with the settings for one process, before it imports torch; what is set stays."""
    for name, value in thread_settings().items():
        os.environ.setdefault(name, value)


def wait_patiently() -> None:
    """Let the threads of this process sleep while they wait for each other, if the machine is busy.

    For commands, which follow one another: the load of the last minute may have been the command before, so
    it would be wrong to compute in fewer threads. Has to be done before torch is imported; what is set stays.
    """
    if free_cores() < usable_cores():
        os.environ.setdefault(*_PATIENT)


@contextmanager
def one_thread() -> Iterator[None]:
    """Let numpy and scikit-learn compute in one thread: right for small fits, wherever they run.

    Their products are too small to be worth a second thread, and one thread never waits for another.
    """
    with threadpool_limits(limits=1):
        yield
