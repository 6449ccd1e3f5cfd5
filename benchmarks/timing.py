"""What the benchmarks share: fair turns, medians, one table, and a line that says which machine it was.

Machines differ and are busy by turns, so a time on its own says little. Candidates are run in turn, A B C,
A B C, so that a slow minute hurts all of them alike; of each, the median counts; and ratios tell more than
seconds.
"""

import os
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter

import torch

from densekit.devices import bf16_is_fast
from densekit.tables import text_table
from densekit.threads import usable_cores

CPU = torch.device("cpu")

Candidate = Callable[[], float | None]
"""Something to time. It may return seconds of its own measuring; else the whole call is timed."""


def interleaved(candidates: Mapping[str, Candidate], rounds: int, warm_up: int = 1) -> dict[str, list[float]]:
    """Time candidates in turn, A B C A B C.

    Args:
        candidates: what to time, by name.
        rounds: how many times each is timed.
        warm_up: rounds before those that do not count (caches, allocators, just-in-time kernels).

    Returns:
        Per name, `rounds` times in seconds, in order.
    """
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for number in range(-warm_up, rounds):
        for name, candidate in candidates.items():
            took = _timed(candidate)
            if number >= 0:
                seconds[name].append(took)
    return seconds


def ratio(seconds: Mapping[str, Sequence[float]], name: str, to: str) -> float:
    """Say how many times faster `name` is than `to`: the median over rounds of the ratio within a round.

    Neighbours in time shared the same weather, so this is steadier than a ratio of medians.
    """
    return median(slow / fast for fast, slow in zip(seconds[name], seconds[to], strict=True))


def compared(seconds: Mapping[str, Sequence[float]], to: str) -> dict[str, dict[str, float]]:
    """Return, by name, the median of the seconds, and how many times faster that is than `to`."""
    return {
        name: {"seconds": median(times), "times_faster": ratio(seconds, name, to)}
        for name, times in seconds.items()
    }


def matrix_product(
    dtype: torch.dtype, size: int | None = None, repeats: int = 8, device: torch.device = CPU
) -> tuple[Candidate, float]:
    """Return large square matrix products to time, and the floating-point operations that they take.

    They are the yardstick: hardly anything on the machine does more operations a second. On a GPU they round
    float32 as convolutions do there, to TF32, unless that is switched off; and they are larger, to fill it. What
    else is timed keeps its own rounding.
    """
    on_gpu = device.type == "cuda"
    size = size or (8192 if on_gpu else 2048)
    left, right = torch.randn(2, size, size).to(device, dtype)
    product = torch.empty_like(left)

    def multiply() -> None:
        with _rounding_as_convolutions():
            for _ in range(repeats):
                torch.mm(left, right, out=product)
        wait_for(device)

    return multiply, 2.0 * size**3 * repeats


@contextmanager
def _rounding_as_convolutions() -> Iterator[None]:
    """Let matrix products on a GPU round float32 as convolutions do, and as before behind it."""
    settings = torch.backends.cuda.matmul
    before = settings.allow_tf32
    settings.allow_tf32 = torch.backends.cudnn.allow_tf32
    try:
        yield
    finally:
        settings.allow_tf32 = before


def wait_for(device: torch.device) -> None:
    """Wait until a device has done what it was given: a GPU works while the program goes on."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def machine(device: torch.device = CPU) -> str:
    """Return a line that names processor, cores, threads, torch version and whether there is fast bf16."""
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)}, torch {torch.__version__}, CUDA {torch.version.cuda}"
    bf16 = "with" if bf16_is_fast() else "without"
    return (
        f"{_processor()}, {usable_cores()} cores, {torch.get_num_threads()} threads, "
        f"torch {torch.__version__}, {bf16} bf16 instructions ({torch.backends.cpu.get_cpu_capability()}"
        f"{', AMX' if torch.cpu._is_amx_tile_supported() else ''})"
    )


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows below a header: the first column to the left, the others to the right."""
    print("\n".join(text_table(header, rows, ruled=True)))


def load() -> str:
    """Return a line on how busy the machine was, which is the first thing to ask of a surprising number."""
    if not hasattr(os, "getloadavg"):
        return "load unknown"
    return f"load average {os.getloadavg()[0]:.1f} over the last minute"


def _timed(candidate: Candidate) -> float:
    start = perf_counter()
    own = candidate()
    return perf_counter() - start if own is None else own


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
