"""Several processes that train one network together.

On a machine that others use too, threads that wait for each other waste most of their time. Processes with one
thread each meet once a step, to average their gradients over gloo, and are the steadiest way there.
"""

import multiprocessing
import os
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.multiprocessing.spawn import ProcessExitedException, ProcessRaisedException, spawn

from densekit.errors import TrainingError


@dataclass(frozen=True)
class Team:
    """The processes that work together, as one of them sees it.

    Args:
        rank: the number of this process, from 0.
        size: how many there are.
    """

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this is the one process that writes files and shows progress."""
        return self.rank == 0

    def average(self, tensors: Sequence[Tensor]) -> None:
        """Replace tensors by their average over all processes, in place; each has the same shapes."""
        if self.size == 1:
            return
        flat = torch.cat([tensor.detach().reshape(-1) for tensor in tensors])
        dist.all_reduce(flat)
        flat /= self.size
        parts = flat.split([tensor.numel() for tensor in tensors])
        for tensor, part in zip(tensors, parts, strict=True):
            tensor.copy_(part.view(tensor.shape))

    def agree(self, wish: bool) -> bool:
        """Return True in every process if it is wished in any of them."""
        if self.size == 1:
            return wish
        votes = torch.tensor([float(wish)])
        dist.all_reduce(votes)
        return bool(votes.item() > 0)


ALONE = Team()
"""One process by itself."""


def run_together(size: int, threads: int | None, work: Callable[..., None], *arguments: Any) -> None:
    """Call `work(team, *arguments)` in so many processes, or in this one if it is one, and wait for the end.

    Args:
        size: number of processes.
        threads: of each process; torch's choice if not given and there is one process, else 1.
        work: a function that can be imported; it is called in each process.
        arguments: for it; they must be picklable if there are several processes.

    Raises:
        TrainingError: one of several processes ended before the others.
    """
    if size == 1:
        if threads is not None:
            torch.set_num_threads(threads)
        work(ALONE, *arguments)
        return
    with tempfile.TemporaryDirectory() as folder:
        meeting = Path(folder, "meeting").as_uri()
        try:
            spawn(_member, (size, threads or 1, meeting, work, arguments), nprocs=size)
        except ProcessExitedException as error:
            raise TrainingError(
                f"process {error.error_index} of {size} was ended from outside: the same command goes on from "
                "the last checkpoint"
            ) from error
        except ProcessRaisedException as error:
            raise TrainingError(f"a process failed: {error}") from error


def _member(
    rank: int, size: int, threads: int, meeting: str, work: Callable[..., None], arguments: tuple[Any, ...]
) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(threads)
    if Path("/sys/class/net/lo").exists():  # they never leave this machine
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=size)
    try:
        work(Team(rank, size), *arguments)
    finally:
        dist.destroy_process_group()


def _end_with_parent() -> None:
    """End this process when the one that started it is gone, however it went: nobody would stop it then."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
