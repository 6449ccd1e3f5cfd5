"""What a classifier says of pictures: everything that a report, a table or a figure is made from."""

from dataclasses import dataclass

from torch import Tensor

from densekit.data.problems import Problem
from densekit.data.scan import Sample
from densekit.evaluation.report import Report


@dataclass(frozen=True, eq=False)
class Outcome:
    """Pictures and what a classifier says of them.

    Args:
        classes: names of the classes, in the order of the logits.
        samples: the pictures, N of them.
        labels: their true classes, int64 (N,).
        logits: float32 (N, classes).
        skipped: the pictures that could not be read.
        hashes: SHA-256 of each picture's file; empty where they are not known.
    """

    classes: tuple[str, ...]
    samples: tuple[Sample, ...]
    labels: Tensor
    logits: Tensor
    skipped: tuple[Problem, ...] = ()
    hashes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def probabilities(self) -> Tensor:
        """The classes' probabilities, (N, classes); each row sums to 1."""
        return self.logits.softmax(dim=1)

    @property
    def report(self) -> Report:
        """What is right and wrong, counted."""
        return Report.from_logits(self.labels, self.logits, self.classes)
