"""The large experiment of notebook 07: how much of the network to train, from which weights, over seeds.

    .venv/bin/python benchmarks/whole_network.py [--seeds N] [--a-class N] [--size N] [--work DIR] [--out FILE]

It is a batch of notebooks: `densekit course run 07b` with other parameters each time, by papermill, each in a
process of its own, so that its memory is its own, too. What is done is kept in the work folder: the same command
goes on. The table lies in notebooks/measured/, where notebook 07 finds it.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import nbformat
from timing import machine

from densekit.course.measured import write_measured
from densekit.course.results import read_result
from densekit.course.run import run_course
from densekit.devices import bf16_is_fast
from densekit.errors import DensekitError

_NOTEBOOK = "07b_one_training"
_OUT = Path(__file__).parents[1] / "notebooks" / "measured" / "whole_network.json"

WAYS: Mapping[str, Mapping[str, Any]] = {
    "classifier": {"preset": "head", "train_from": "classifier"},
    "denseblock4": {"preset": "full", "train_from": "denseblock4"},
    "denseblock3": {"preset": "full", "train_from": "denseblock3"},
    "denseblock2": {"preset": "full", "train_from": "denseblock2"},
    "denseblock1": {"preset": "full", "train_from": "denseblock1"},
    "all": {"preset": "full", "train_from": "all"},
    "head, then all": {"preset": "head-then-full"},
    "all, from random weights": {"preset": "full", "train_from": "all", "weights": "none"},
}
"""The stops of the dial, and two more ways to train everything."""


def trainings(seeds: int, common: Mapping[str, Any], work: Path) -> Iterator[dict[str, Any]]:
    """Yield a row for each training: run its notebook, or read what an earlier call has kept.

    Raises:
        DensekitError: a notebook failed; the message names the cell.
    """
    for seed in range(seeds):
        for way, settings in WAYS.items():
            parameters = {**common, **settings, "seed": seed, "epochs": 0}
            told = "-".join(f"{key}={value}" for key, value in sorted(parameters.items()))
            out = work / told
            executed = out / f"{_NOTEBOOK}.ipynb"
            found = read_result(nbformat.read(executed, as_version=4)) if executed.is_file() else None
            if found is None:
                (row,) = run_course(
                    [_NOTEBOOK], out=out, parameters=parameters, workers=1, timeout_s=3600
                ).rows
                if row.result is None:
                    raise DensekitError(
                        f"{way}, seed {seed}: {row.problem or 'the notebook recorded nothing'}"
                    )
                found = row.result
            print(
                f"seed {seed}, {way}: {found['val_accuracy']:.1%}, {found['seconds']:.0f} s", file=sys.stderr
            )
            curve = [float(number) for number in found["curve"].split()]
            yield {"way": way, "seed": seed, **found, "curve": curve}


def main() -> int:
    """Run the batch and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--a-class", type=int, default=20, help="training pictures of each class")
    parser.add_argument("--size", type=int, default=64, help="image size in pixels")
    parser.add_argument("--work", type=Path, default=Path("runs/whole_network"), help="executed notebooks")
    parser.add_argument("--out", type=Path, default=_OUT)
    arguments = parser.parse_args()
    precision = "bf16" if bf16_is_fast() else "fp32"
    common = {"a_class": arguments.a_class, "image_size": arguments.size, "precision": precision}
    try:
        rows = list(trainings(arguments.seeds, common, arguments.work))
    except DensekitError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    where = f"{machine()}, {precision}; {arguments.size} px, {arguments.a_class} pictures a class"
    write_measured(arguments.out, "python benchmarks/whole_network.py", where, rows)
    print(f"{len(rows)} trainings: {arguments.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
