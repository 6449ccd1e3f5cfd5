"""Training steps of the whole network: densekit against torchvision, and against what the processor can do.

    .venv/bin/python benchmarks/training_step.py [--device cuda] [--sizes 96 224] [--batch N] [--rounds N]

Each way takes whole steps: forward, loss, backward, SGD with momentum, on the same random pictures, in turn. The
limit is a large matrix product in the same precision and the same run; a step counts as three times the
multiply-adds of the way forward, since the way back needs as many for the gradients of the features and as many
for those of the weights. What is computed a second time to save memory does not count.

densekit's steps are those of `densekit train`: the loop's own `Stepper`, with the memory format and the autocast
that `densekit.devices` chooses. The peak memory of a way is by how much the largest resident set of a process of
its own grows with two steps, after network and pictures are made. It is the median of three processes, since how
well memory is used again depends on chance. On a GPU it is that of the tensors there, which torch counts.

For steady numbers on a quiet machine set OMP_WAIT_POLICY=ACTIVE.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from importlib.util import find_spec
from math import isfinite
from multiprocessing import get_context
from statistics import median

import torch
from extraction import multiply_adds
from timing import CPU, Candidate, interleaved, load, machine, matrix_product, print_table, ratio
from torch import nn

from densekit.config import TrainingConfig
from densekit.devices import bf16_is_fast, choose_compute, peak_memory
from densekit.model.cut import ALL, behind
from densekit.model.saving.block import save_memory
from densekit.model.zoo import densenet121
from densekit.training.source import Batch, TensorSource
from densekit.training.state import start
from densekit.training.step import Stepper
from densekit.training.team import ALONE
from densekit.vision import torchvision

CLASSES = 10
EAGER = "torchvision, fp32"
SETTINGS = TrainingConfig(optimizer="sgd", learning_rate=0.001, batch_size=16)


@dataclass(frozen=True)
class Way:
    """One way to train: a network, and how precisely it computes.

    Args:
        make: returns the network, on the CPU, as it is trained.
        precision: 'fp32' or 'bf16'.
        channels_last: whether pictures and weights lie so in memory.
        compiled: whether `torch.compile` makes the step.
    """

    make: Callable[[], nn.Module]
    precision: str = "fp32"
    channels_last: bool = True
    compiled: bool = False

    def steps(self, size: int, batch: int, device: torch.device = CPU) -> Callable[[], None]:
        """Make network and pictures; return a function that takes one step and waits for its end."""
        torch.manual_seed(0)
        compute = choose_compute(device.type, self.precision, self.compiled)
        network, images = self.make(), compute.send(torch.randn(batch, 3, size, size))
        if self.channels_last:
            images = images.contiguous(memory_format=torch.channels_last)
        network = compute.place(network) if self.channels_last else network.to(device)
        labels = compute.send(torch.arange(batch) % CLASSES)
        source = TensorSource(images, labels)
        stepper = Stepper.of(start(network, SETTINGS), source, SETTINGS, compute, ALONE)
        pictures = Batch(torch.arange(batch), images, labels)

        def step() -> None:
            loss, _ = stepper.take(pictures, batch)
            assert isfinite(loss), f"the loss is {loss}: such steps are not worth comparing"

        return step


def torchvisions(memory_efficient: bool = False) -> nn.Module:
    """Return torchvision's network, with random weights."""
    return torchvision.models.densenet121(num_classes=CLASSES, memory_efficient=memory_efficient)  # type: ignore


def densekits(saving: bool = False) -> nn.Module:
    """Return what `densekit train` trains with `train_from: all`."""
    network = densenet121("none", CLASSES)
    if saving:
        save_memory(network)
    return behind(network, ALL)


def ways_to_train(device: torch.device = CPU) -> dict[str, Way]:
    """Return all ways by name, those in bf16 where there are instructions for it, compiled ones on a GPU."""
    ways = {
        EAGER: Way(torchvisions, channels_last=False),
        "torchvision memory_efficient, fp32": Way(partial(torchvisions, True), channels_last=False),
    }
    for precision in ("fp32", "bf16") if bf16_is_fast() else ("fp32",):
        ways[f"torchvision channels_last, {precision}"] = Way(torchvisions, precision)
        ways[f"densekit, {precision}"] = Way(densekits, precision)
        ways[f"densekit save_memory, {precision}"] = Way(partial(densekits, True), precision)
        if precision == "bf16" and device.type == "cuda" and find_spec("triton"):
            ways["densekit compile, bf16"] = Way(densekits, precision, compiled=True)
    return ways


@dataclass(frozen=True)
class Row:
    """What one way of training reached at one image size."""

    size: int
    way: str
    images_per_second: float
    times_eager: float
    share_of_limit: float
    peak_mib: float
    share_of_eager_memory: float


def measure(size: int, batch: int, rounds: int, device: torch.device = CPU) -> list[Row]:
    """Take the peak memory of each way, then time all of them and the matrix products in turn."""
    ways = ways_to_train(device)
    peaks = {name: peak_mib(name, size, batch, device) for name in ways}
    work = 3 * 2.0 * multiply_adds(densenet121("none", CLASSES), size) * batch  # floating-point operations
    products = {"fp32": matrix_product(torch.float32, device=device)}
    if bf16_is_fast():
        products["bf16"] = matrix_product(torch.bfloat16, repeats=32, device=device)
    candidates: dict[str, Candidate] = {name: way.steps(size, batch, device) for name, way in ways.items()}
    candidates |= {precision: multiply for precision, (multiply, _) in products.items()}
    seconds = interleaved(candidates, rounds)
    return [
        Row(
            size=size,
            way=name,
            images_per_second=batch / median(seconds[name]),
            times_eager=ratio(seconds, name, EAGER),
            share_of_limit=ratio(seconds, name, way.precision) * work / products[way.precision][1],
            peak_mib=peaks[name],
            share_of_eager_memory=peaks[name] / peaks[EAGER],
        )
        for name, way in ways.items()
    ]


def peak_mib(name: str, size: int, batch: int, device: torch.device = CPU) -> float:
    """Return by how many MiB memory grows at most when a network is trained so: the median of three processes."""
    if device.type == "cuda":  # where torch counts for itself, and each new process takes seconds to begin
        return _grown(name, size, batch, device)
    with get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        return median(pool.starmap(_grown, [(name, size, batch, device)] * 3, chunksize=1))


def _grown(name: str, size: int, batch: int, device: torch.device) -> float:
    step = ways_to_train(device)[name].steps(size, batch, device)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)  # to what is held now
    before = _peak(device)
    step()  # makes the optimiser's moments, too
    step()
    return (_peak(device) - before) / 2**20


def _peak(device: torch.device) -> int:
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else peak_memory()


def main() -> None:
    """Measure each image size and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--device", default="cpu", help="cpu, cuda or auto")
    parser.add_argument("--sizes", type=int, nargs="+", default=[96, 224])
    parser.add_argument("--batch", type=int, default=16, help="images in a step")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    device = choose_compute(arguments.device).device
    rows = [
        row for size in arguments.sizes for row in measure(size, arguments.batch, arguments.rounds, device)
    ]
    if arguments.json:
        print(json.dumps({"machine": machine(device), "rows": [asdict(row) for row in rows]}, indent=2))
        return
    print(machine(device))
    print(f"DenseNet-121, batches of {arguments.batch}, medians of {arguments.rounds} rounds; {load()}")
    print_table(
        ("training step", "px", "images/s", "× eager", "of the limit", "peak MiB", "× eager's"),
        [
            (
                row.way,
                str(row.size),
                f"{row.images_per_second:.1f}",
                f"{row.times_eager:.2f}",
                f"{row.share_of_limit:.0%}",
                f"{row.peak_mib:.0f}",
                f"{row.share_of_eager_memory:.2f}",
            )
            for row in rows
        ],
    )


if __name__ == "__main__":
    main()
