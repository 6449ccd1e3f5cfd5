"""What a classifier says of single pictures, the likeliest classes first."""

from dataclasses import dataclass
from pathlib import Path

from densekit.data.problems import Problem
from densekit.evaluation.outcome import Outcome
from densekit.words import shown


@dataclass(frozen=True)
class Prediction:
    """What a classifier says of one picture: classes and their probabilities, the likeliest first."""

    path: Path
    classes: tuple[str, ...]
    probabilities: tuple[float, ...]

    def __str__(self) -> str:
        shares = zip(self.classes, self.probabilities, strict=True)
        return f"{shown(self.path)}: " + ", ".join(f"{name} {share:.1%}" for name, share in shares)


@dataclass(frozen=True)
class Predictions:
    """What a classifier says of several pictures, and which of them could not be read."""

    made: tuple[Prediction, ...]
    skipped: tuple[Problem, ...]

    def __str__(self) -> str:
        return "\n".join(map(str, (*self.made, *self.skipped)))


def ranked(outcome: Outcome, top: int) -> Predictions:
    """Name the likeliest classes of each picture of an outcome, `top` of them, 1 or more."""
    probabilities, order = outcome.probabilities.sort(dim=1, descending=True)  # (N, classes) each
    made = tuple(
        Prediction(sample.path, tuple(outcome.classes[index] for index in indices[:top]), tuple(shares[:top]))
        for sample, indices, shares in zip(
            outcome.samples, order.tolist(), probabilities.tolist(), strict=True
        )
    )
    return Predictions(made, outcome.skipped)
