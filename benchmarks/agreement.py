"""How often a network names what its teacher names, on crops that it learned from and on others, by kind.

    .venv/bin/python benchmarks/agreement.py --work DIR [--weights FILE ...] [--crops N] [--size N]
                                             [--teacher-size N] [--json]

DIR is a work folder of `python -m workshop.distillation`, for its crops. Where a network agrees with its teacher
on what it learned from and not on what it never saw, more views teach it little: it wants other pictures.

Which crops are kept is said by the crops at hand. Weights that learned from others, which were parted otherwise,
may have learned from some of the kept ones.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from timing import machine, print_table
from torch import Tensor
from torch.nn import functional as F

from densekit.devices import choose_compute
from densekit.errors import DensekitError, WeightsError
from densekit.model.densenet import DenseNet
from densekit.model.weights import EMBEDDED
from densekit.model.zoo import build
from workshop.distillation.cache import CropCache, open_cache
from workshop.distillation.distil import as_seen, guessed
from workshop.distillation.fast_teacher import efficientnet_lite0
from workshop.distillation.teacher import Teacher
from workshop.distillation.views import whole_views

_AT_ONCE = 32
_EMBEDDED = EMBEDDED / "densenet121.safetensors"  # by its word it comes without its classifier
_SEED = 1


@dataclass(frozen=True)
class Row:
    """What a network says of the crops of one kind.

    Args:
        weights: of which network.
        kind: of the pictures; 'all' for all of them, in the shares that they are shown in.
        part: 'learned from' or 'kept'.
        crops: how many were looked at.
        top1: part of them whose most likely class is the teacher's.
        top5: part of them whose first five have the teacher's first one.
        divergence: mean Kullback-Leibler divergence of the network's classes from the teacher's, in nats.
    """

    weights: str
    kind: str
    part: str
    crops: int
    top1: float
    top5: float
    divergence: float


@dataclass(frozen=True, eq=False)
class Examiner:
    """Who asks both.

    Args:
        cache: the crops.
        teacher: who is right.
        size: pixels that the network sees.
        teacher_size: pixels that the teacher sees.
    """

    cache: CropCache
    teacher: Teacher
    size: int
    teacher_size: int

    @torch.inference_mode()
    def agreement(self, network: DenseNet, numbers: NDArray[np.int64]) -> Tensor:
        """Return for each of these crops, (N, 3): first guess right, among five, divergence."""
        found = []
        for some in np.array_split(numbers, max(1, len(numbers) // _AT_ONCE)):
            views = whole_views(self.cache.crops(some), self.teacher_size)
            right, said = self.teacher(views).logits, network(as_seen(views, self.size))  # (N, classes)
            apart = F.kl_div(said.log_softmax(1), right.log_softmax(1), log_target=True, reduction="none")
            found.append(torch.stack([*map(Tensor.float, guessed(said, right)), apart.sum(1)], dim=1))
        return torch.cat(found)


def examine(examiner: Examiner, weights: Path, most: int) -> Iterator[Row]:
    """Yield a row for each kind and part, and for all kinds together; at most `most` crops each.

    Raises:
        WeightsError: the network has other classes than the teacher.
    """
    network = build("densenet121", weights).eval()
    if getattr(network.classifier, "out_features", 0) != examiner.teacher.num_classes:
        raise WeightsError(f"{weights} has not the {examiner.teacher.num_classes} classes of its teacher")
    kinds = examiner.cache.kinds()
    for part, numbers in zip(("learned from", "kept"), examiner.cache.split(), strict=True):
        for kind in ("all", *sorted(set(kinds))):
            of_kind = numbers if kind == "all" else numbers[kinds[numbers] == kind]
            if len(of_kind):
                chosen = np.random.default_rng(_SEED).choice(of_kind, min(most, len(of_kind)), replace=False)
                means = examiner.agreement(network, np.sort(chosen)).mean(dim=0).tolist()
                yield Row(str(weights), kind, part, len(chosen), *means)


def main() -> int:
    """Examine all networks and print a table."""
    parser = argparse.ArgumentParser(description="how often a network names what its teacher names")
    parser.add_argument("--work", type=Path, required=True, metavar="DIR", help="a work folder with crops")
    parser.add_argument("--weights", nargs="+", default=[_EMBEDDED], type=Path, metavar="FILE")
    parser.add_argument("--crops", type=int, default=1024, metavar="N", help="of each kind and part, at most")
    parser.add_argument("--size", type=int, default=128, metavar="PIXELS", help="that the network sees")
    parser.add_argument("--teacher-size", type=int, default=128, metavar="PIXELS")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    try:
        cache = open_cache(options.work / "crops")
        teacher = efficientnet_lite0(choose_compute("cpu", "fp32"))
        examiner = Examiner(cache, teacher, options.size, options.teacher_size)
        rows = [row for weights in options.weights for row in examine(examiner, weights, options.crops)]
    except DensekitError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    if options.json:
        print(json.dumps({"machine": machine(), "rows": [asdict(row) for row in rows]}, indent=2))
        return 0
    print_table(
        ["weights", "kind", "part", "crops", "first guess", "among five", "divergence"],
        [
            [
                row.weights,
                row.kind,
                row.part,
                str(row.crops),
                f"{row.top1:.1%}",
                f"{row.top5:.1%}",
                f"{row.divergence:.2f}",
            ]
            for row in rows
        ],
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
