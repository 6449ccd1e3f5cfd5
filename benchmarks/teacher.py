"""The teacher of the embedded weights, computed by torch and by OpenVINO.

    .venv/bin/python benchmarks/teacher.py [--sizes 128 224] [--batch N] [--rounds N]

Both look at the same random views, in turn. Beside each time stands how far OpenVINO's features are from torch's.
It needs the group `distillation` (`pip install 'densekit[distillation]'`).
"""

import argparse

import torch
from timing import compared, interleaved, load, machine, print_table

from densekit.devices import choose_compute
from workshop.distillation.fast_teacher import FastTeacher
from workshop.distillation.teacher import EfficientNetLite0


def main() -> None:
    parser = argparse.ArgumentParser(description="time the teacher, computed by torch and by OpenVINO")
    parser.add_argument("--sizes", type=int, nargs="+", default=[128, 224], metavar="PIXELS")
    parser.add_argument("--batch", type=int, default=32, metavar="N")
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    options = parser.parse_args()
    teacher = EfficientNetLite0(choose_compute("cpu", "fp32"))
    fast = FastTeacher(teacher)
    rows = [_row(teacher, fast, size, options.batch, options.rounds) for size in options.sizes]
    print(f"{machine()}; {load()}; {options.batch} views at once")
    print_table(
        ["pixels", "torch, views a second", "OpenVINO, views a second", "times faster", "features differ by"],
        rows,
    )


def _row(teacher: EfficientNetLite0, fast: FastTeacher, size: int, batch: int, rounds: int) -> list[str]:
    views = torch.rand(batch, 3, size, size, generator=torch.Generator().manual_seed(0))
    difference = (fast(views).features - teacher(views).features).abs().max().item()
    seconds = interleaved(
        {"torch": lambda: _look(teacher, views), "OpenVINO": lambda: _look(fast, views)}, rounds
    )
    found = compared(seconds, to="torch")
    return [
        str(size),
        *(f"{batch / way['seconds']:.0f}" for way in found.values()),
        f"{found['OpenVINO']['times_faster']:.2f}",
        f"{difference:.1e}",
    ]


def _look(teacher: EfficientNetLite0 | FastTeacher, views: torch.Tensor) -> None:
    """Look, and return nothing: what a candidate returns would be taken for its seconds."""
    teacher(views)


if __name__ == "__main__":
    main()
