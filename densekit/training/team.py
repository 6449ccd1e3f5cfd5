"""Several processes that train one network together.

`torchrun --standalone --nproc-per-node=2 -m densekit train …` starts them, on one machine or on several; each
has the whole network, takes its share of every batch, and their gradients are averaged by
DistributedDataParallel, over nccl between GPUs and over gloo between processors. Two processes take the steps
that one would take with the joined batch.

BatchNorm is the exception: its statistics are those of a process's own share of the batch, unless the device has
SyncBatchNorm, which only GPUs have. The running statistics are those of the first process, handed to all.

On a machine that others use too, threads that wait for each other waste most of their time. There, processes with
one thread each, which meet once a step, are the steadiest way to train on a CPU.
"""

import gc
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.multiprocessing.spawn import ProcessExitedException, ProcessRaisedException, spawn
from torch.nn.parallel import DistributedDataParallel

from densekit import errors
from densekit.config import TrainingConfig
from densekit.devices import DeviceName
from densekit.errors import DensekitError, TrainingError, one_line
from densekit.model.cut import has_batch_norm
from densekit.processes import end_at_once, end_with_parent

if dist.is_available():
    import torch.distributed.nn.functional  # before there is a group: see `_dismiss`

Value = TypeVar("Value")

_LONGEST_WAIT = timedelta(hours=6)  # for one process that computes features while the others wait


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

    def share(self, chosen: Tensor) -> Tensor:
        """Return this process's share of some numbers, (N,): every `size`-th one.

        Where there are too few for all, those who go without get the first one, which counts for nothing.
        """
        return chosen[self.rank :: self.size] if self.has_share(chosen) else chosen[:1]

    def has_share(self, chosen: Tensor) -> bool:
        """Say whether some numbers, (N,), are enough for this process to have a share of its own."""
        return self.rank < len(chosen)

    def weight(self, pictures: int) -> float:
        """Return by what to multiply the mean loss of this process's share of so many pictures.

        Then the average over the processes is the mean over all pictures, also where they don't divide evenly.
        """
        return len(range(self.rank, pictures, self.size)) * self.size / pictures

    def joined(self, loss: Tensor, right: Tensor, pictures: int) -> tuple[float, int]:
        """Return the mean loss over a batch, and how many of its pictures were right, over all processes.

        Args:
            loss: of this process's share, weighted.
            right: pictures of the share that were classified rightly.
            pictures: in the whole batch.
        """
        if self.size == 1:
            return loss.item(), int(right)
        counted = right if self.rank < pictures else torch.zeros_like(right)
        total, all_right = self.sum(torch.stack([loss, counted.to(loss.dtype)])).tolist()
        return total / self.size, round(all_right)

    def wrap(self, module: nn.Module) -> nn.Module:
        """Return a module that computes what this one computes, and averages gradients on the way back."""
        if self.size == 1:
            return module
        on_gpu = next(module.parameters()).is_cuda
        if on_gpu:
            module = nn.SyncBatchNorm.convert_sync_batchnorm(module)
        return DistributedDataParallel(module)

    @torch.no_grad()
    def share_buffers(self, module: nn.Module) -> None:
        """Give a module's buffers, BatchNorm's running statistics, the values of the first process in all."""
        if self.size > 1:
            for buffer in module.buffers():
                dist.broadcast(buffer, 0)

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

    def sum(self, tensor: Tensor) -> Tensor:
        """Return the sum of a tensor over all processes."""
        if self.size > 1:
            tensor = tensor.clone()
            dist.all_reduce(tensor)
        return tensor

    def agree(self, wish: bool) -> bool:
        """Return True in every process if it is wished in any of them."""
        if self.size == 1:
            return wish
        device = torch.device("cuda") if dist.get_backend() == "nccl" else torch.device("cpu")
        votes = torch.tensor([float(wish)], device=device)
        dist.all_reduce(votes)
        return bool(votes.item() > 0)

    def told(self, value: Value) -> Value:
        """Return the first process's value in all of them."""
        if self.size == 1:
            return value
        values = [value]
        dist.broadcast_object_list(values)
        return values[0]

    def wait(self) -> None:
        """Wait until all processes are here."""
        if self.size > 1:
            dist.barrier()


def least_in_batch(module: nn.Module, team: Team, settings: TrainingConfig) -> int:
    """Return how many pictures a batch needs at least: BatchNorm that learns statistics two for each process."""
    learns = has_batch_norm(module) and settings.norm_statistics == "batch"
    return 2 * team.size if learns else 1


ALONE = Team()
"""One process by itself."""


@contextmanager
def called_team(device: DeviceName = "auto") -> Iterator[Team]:
    """Join the team that `torchrun` has called together; without it, be alone.

    Args:
        device: on which its processes are to compute; 'cpu' leaves the GPUs of a machine that has some alone.

    Raises:
        TrainingError: the environment speaks of other processes, but does not say how to meet them; or there are
            more of them than GPUs.
    """
    if dist.is_initialized():  # somebody else has called it, and will dismiss it
        yield Team(dist.get_rank(), dist.get_world_size())
        return
    called = os.environ.get("WORLD_SIZE", "")
    if called in ("", "1"):
        yield ALONE
        return
    try:
        on_gpu = device != "cpu" and torch.cuda.is_available()
        if on_gpu:
            _take_own_gpu(int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count())
        dist.init_process_group("nccl" if on_gpu else "gloo", timeout=_LONGEST_WAIT)
    except ValueError as error:
        raise TrainingError(
            f"the environment variable WORLD_SIZE is '{called}', as `torchrun` sets it for each process of a "
            f"team, but there is no team to join ({one_line(error)}): start with torchrun, or unset WORLD_SIZE"
        ) from error
    try:
        yield Team(dist.get_rank(), dist.get_world_size())
    finally:
        _dismiss()


def _dismiss() -> None:
    """Let this process leave its team, and end the threads that gloo had for it.

    They end with the group of processes, and the group ends with the last that holds it. A thread that asks for
    Python's lock while Python ends makes torch abort, so nothing may hold the group until then. Two things would:
    a DistributedDataParallel in a ring of references, and the functions of `torch.distributed.nn`, which have it
    as a default if they are loaded while there is one. (The first DistributedDataParallel loads them.) After an
    error, its traceback may hold it still.
    """
    gc.collect()
    dist.destroy_process_group()


def _take_own_gpu(number: int, there_are: int) -> None:
    if number >= there_are:
        raise TrainingError(
            f"process {number + 1} has no GPU of its own: this machine has {there_are}; start with "
            f"--nproc-per-node={there_are} at most"
        )
    torch.cuda.set_device(number)


def run_together(size: int, threads: int | None, work: Callable[..., None], *arguments: Any) -> None:
    """Call `work(team, *arguments)` in so many processes, or in this one if it is one, and wait for the end.

    Args:
        size: number of processes.
        threads: of each process; torch's choice if not given and there is one process, else 1.
        work: a function that can be imported; it is called in each process. One of several processes ends as soon
            as it returns: nothing may be left to other threads or to `atexit`.
        arguments: for it; they must be picklable if there are several processes.

    Raises:
        DensekitError: what `work` has raised in one of the processes.
        TrainingError: one of several processes ended before the others.
    """
    if size == 1:
        if threads is not None:
            torch.set_num_threads(threads)
        work(ALONE, *arguments)
        return
    with tempfile.TemporaryDirectory() as folder:
        try:
            spawn(_member, (size, threads or 1, Path(folder), work, arguments), nprocs=size)
        except (ProcessExitedException, ProcessRaisedException) as error:
            # Which process is heard first is chance: the one that failed, or another that lost its peer.
            _raise_told(Path(folder), error)
            if isinstance(error, ProcessRaisedException):
                raise TrainingError(f"a process failed: {error}") from error
            raise TrainingError(
                f"process {error.error_index} of {size} ended before its time ({_how(error)}): the same command "
                "goes on from the last checkpoint"
            ) from error


def _how(error: ProcessExitedException) -> str:
    return error.signal_name or f"exit status {error.exit_code}"


def _raise_told(folder: Path, cause: Exception) -> None:
    """Raise the error that a process has told in a folder, if one has."""
    for path in sorted(folder.glob("*.error")):
        kind, _, message = path.read_text(encoding="utf-8").partition("\n")
        raise getattr(errors, kind, TrainingError)(message) from cause


def _member(
    rank: int, size: int, threads: int, folder: Path, work: Callable[..., None], arguments: tuple[Any, ...]
) -> None:
    end_with_parent()
    torch.set_num_threads(threads)
    if Path("/sys/class/net/lo").exists():  # they never leave this machine
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    meeting = (folder / "meeting").as_uri()
    dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=size)
    try:
        work(Team(rank, size), *arguments)
    except DensekitError as error:  # torch would hand on its traceback alone
        (folder / f"{rank}.error").write_text(f"{type(error).__name__}\n{error}", encoding="utf-8")
        raise
    except KeyboardInterrupt:  # which torch would take for a good end
        end_at_once(130)
    finally:
        _dismiss()
    end_at_once(0)
