"""Hangul: a head on embedded features against one on random features, by how many pictures it learns from.

    .venv/bin/python benchmarks/hangul.py [--data DIR] [--seeds N] [--size N] [--json]

The head is trained as `densekit train` does it (the preset `head`), except that the last epoch counts, so no
picture is needed to choose one. It is measured on the validation and the test pictures, which are written with
fonts that no training picture has; and, where it learned from some of the training pictures only, on the others,
which have its own fonts: what a split would say in which every font is on both sides.

What stands behind ± is half of the 95 % interval of the mean over the seeds (Student's t). A seed gives the
pictures to learn from, the fresh head, the order of the batches, and the random weights. Both weights share all
but the last.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean

import numpy as np
import torch
from finetuning import embeddings, train_head_on
from numpy.typing import NDArray
from timing import machine, print_table
from torch import Tensor
from transfer import load_pixels

from densekit.data.folder import open_folder
from densekit.data.splits import some_of_each
from densekit.errors import DensekitError
from densekit.features import Features
from densekit.files import sample_folder
from densekit.intervals import half_interval
from densekit.model.densenet import DenseNet
from densekit.model.weights_info import SMALL
from densekit.model.zoo import build

COUNTS = (5, 10, None)
"""Training pictures of each class; None: all."""
WEIGHTS = ("embedded", "none")
OTHER_FONTS, SAME_FONTS = "other fonts", "same fonts"


@dataclass(frozen=True)
class Row:
    """What heads reached: on which pictures, from how many of each class, with which weights, seed by seed."""

    measured_on: str
    of_each: int | None
    weights: str
    accuracy: float
    half_interval: float | None  # which a single seed does not have
    per_seed: list[float]


@dataclass(frozen=True, eq=False)
class Data:
    """Pixels, uint8 (N, 3, S, S), and labels, (N,), of which the first `learnable` may be learned from."""

    pixels: Tensor
    labels: NDArray[np.int64]
    learnable: int
    classes: int

    @classmethod
    def of(cls, folder: Path, size: int) -> "Data":
        """Read a data folder at `size` pixels."""
        data = open_folder(folder)
        pixels, labels = load_pixels([*data.train, *data.val, *data.test], SMALL.with_size(size))
        return cls(pixels, labels, len(data.train), len(data.classes))

    def chosen(
        self, of_each: int | None, seed: int
    ) -> tuple[NDArray[np.int64], dict[str, NDArray[np.int64]]]:
        """Return the numbers of the pictures to learn from, and of those to measure on."""
        everything = np.arange(self.learnable)
        other = {OTHER_FONTS: np.arange(self.learnable, len(self.labels))}
        if of_each is None:
            return everything, other
        learn = some_of_each(self.labels[: self.learnable], of_each, seed)
        return learn, other | {SAME_FONTS: np.setdiff1d(everything, learn)}


def reached(
    data: Data, network: DenseNet, embedded: Tensor, seed: int
) -> Iterator[tuple[str, int | None, float]]:
    """Train heads on some pictures and on all, and yield what each reaches: on what, from how many, accuracy."""
    fresh = network.classifier
    labels = torch.from_numpy(data.labels)
    for of_each in COUNTS:
        network.classifier = deepcopy(fresh)
        learn, measured = data.chosen(of_each, seed)
        train_head_on(network, Features(embedded[learn], labels[learn]), seed)
        with torch.no_grad():
            right = network.classifier(embedded).argmax(dim=1) == labels  # (N,)
        for name, numbers in measured.items():
            yield name, of_each, right[numbers].float().mean().item()


def measure(data: Data, seeds: int) -> list[Row]:
    """Return what both weights reach with each number of pictures, and say on standard error how far it is."""
    found: dict[tuple[str, int | None, str], list[float]] = {}
    for weights in WEIGHTS:
        embedded: Tensor | None = None
        for seed in range(seeds):
            network = build("densenet121", weights, data.classes, seed=seed)
            if embedded is None or weights == "none":  # random weights are others with each seed
                embedded = embeddings(network, data.pixels)
            for name, of_each, accuracy in reached(data, network, embedded, seed):
                found.setdefault((name, of_each, weights), []).append(accuracy)
            print(f"seed {seed}, {weights} weights: done", file=sys.stderr)
    return [
        Row(*key, fmean(each), half_interval(each) if len(each) > 1 else None, each)
        for key, each in found.items()
    ]


def table(rows: list[Row]) -> list[tuple[str, ...]]:
    """Return a line for each number of pictures and kind of fonts, with a cell for each weights."""
    cells = {
        (row.measured_on, row.of_each, row.weights): f"{row.accuracy:.1%}"
        + ("" if row.half_interval is None else f" ± {100 * row.half_interval:.1f}")
        for row in rows
    }
    lines = sorted(
        {(row.measured_on, row.of_each) for row in rows}, key=lambda line: (line[0], COUNTS.index(line[1]))
    )
    return [
        (name, "all" if count is None else str(count), *(cells[name, count, weights] for weights in WEIGHTS))
        for name, count in lines
    ]


def main() -> int:
    """Measure both weights over the seeds and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, help="a data folder; the Hangul pictures if not given")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--size", type=int, default=SMALL.crop, help="image size in pixels")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    try:
        data = Data.of(arguments.data or sample_folder("hangul"), arguments.size)
        rows = measure(data, arguments.seeds)
    except DensekitError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    if arguments.json:
        result = {"size": arguments.size, "seeds": arguments.seeds, "rows": [asdict(row) for row in rows]}
        print(json.dumps({"machine": machine(), **result}, indent=2, ensure_ascii=False))
        return 0
    print(machine())
    others = len(data.labels) - data.learnable
    print(f"{arguments.size} px, {arguments.seeds} seeds, {others} pictures in other fonts")
    print_table(("measured on", "learned from, a class", "embedded weights", "random weights"), table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
