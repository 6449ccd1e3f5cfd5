"""The report on a set of predictions: which class was taken for which, and the numbers that follow from it.

Everything comes from one table of counts, the confusion table: row i, column j holds how many images of class
i were taken for class j. What is right stands on its diagonal.

A class without images, or a split without any, is a fact to report and not a reason to divide by zero: counts
are then 0, fractions "0/0", and an accuracy is NaN, which is shown as "–" and written to JSON as null.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from torch.nn import functional as F

from densekit.errors import DataError
from densekit.words import percent

_TOP_K = (2, 3, 5)


@dataclass(frozen=True)
class ClassScore:
    """How one class fared: `correct` of its `total` images were recognised."""

    name: str
    correct: int
    total: int

    @property
    def accuracy(self) -> float:
        """The share that was recognised, 0 to 1; NaN for a class without images."""
        return _share(self.correct, self.total)

    @property
    def fraction(self) -> str:
        """The same as a fraction that is not reduced, such as '18/20'."""
        return f"{self.correct}/{self.total}"


@dataclass(frozen=True)
class Mistake:
    """A kind of mistake: `count` of the `total` images of class `true` were taken for `predicted`."""

    true: str
    predicted: str
    count: int
    total: int


@dataclass(frozen=True, eq=False)
class Report:
    """What became of a set of predictions.

    Made by `Report.from_predictions` or `Report.from_logits`.

    Args:
        classes: the names, in the order of the labels.
        confusion: counts, (C, C): rows are the true classes, columns the predicted ones.
        loss: mean cross-entropy in nats, where logits were given.
        top_k: accuracy when any of the k most probable classes counts as right, for each k below C.
    """

    classes: tuple[str, ...]
    confusion: NDArray[np.int64]
    loss: float | None = None
    top_k: dict[int, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "classes", tuple(self.classes))
        table = np.array(self.confusion, dtype=np.int64)  # a copy, so that nobody else can write to it
        count = len(self.classes)
        if table.shape != (count, count):
            raise DataError(f"the confusion table has the shape {table.shape}: expected {(count, count)}")
        table.setflags(write=False)
        object.__setattr__(self, "confusion", table)

    @classmethod
    def from_predictions(
        cls, labels: ArrayLike | Tensor, predictions: ArrayLike | Tensor, classes: Sequence[str]
    ) -> "Report":
        """Count predictions against labels.

        Args:
            labels: true class numbers, (N,), 0 ≤ label < C.
            predictions: predicted class numbers, (N,).
            classes: the C names.

        Raises:
            DataError: lengths that differ, or a number that is not a class.
        """
        true = _class_numbers(labels, "label", classes)
        predicted = _class_numbers(predictions, "prediction", classes)
        if len(true) != len(predicted):
            raise DataError(f"{len(true)} labels for {len(predicted)} predictions: expected one for each")
        count = len(classes)
        cells = torch.bincount(true * count + predicted, minlength=count * count)  # (C * C,)
        return cls(tuple(classes), cells.reshape(count, count).numpy())

    @classmethod
    def from_logits(
        cls, labels: ArrayLike | Tensor, logits: ArrayLike | Tensor, classes: Sequence[str]
    ) -> "Report":
        """Count the most probable classes against the labels, and measure loss and top-k accuracy.

        Args:
            labels: true class numbers, (N,).
            logits: the network's outputs, (N, C).
            classes: the C names.

        Raises:
            DataError: shapes that don't fit each other or the classes, or a label that is not a class.
        """
        true = _class_numbers(labels, "label", classes)
        scores = torch.as_tensor(logits).detach().cpu().float()  # (N, C)
        if scores.shape != (len(true), len(classes)):
            raise DataError(
                f"the logits have the shape {tuple(scores.shape)}: expected {(len(true), len(classes))}, "
                "a row for each label and a column for each class"
            )
        counted = cls.from_predictions(true, scores.argmax(dim=1), classes)
        loss = F.cross_entropy(scores, true).item() if len(true) else math.nan
        return cls(counted.classes, counted.confusion, loss, _top_k(true, scores))

    @property
    def total(self) -> int:
        """Images that were judged."""
        return int(self.confusion.sum())

    @property
    def correct(self) -> int:
        """Images whose class was recognised."""
        return int(self.confusion.trace())

    @property
    def accuracy(self) -> float:
        """The share that was recognised, 0 to 1; NaN where there are no images."""
        return _share(self.correct, self.total)

    @property
    def per_class(self) -> tuple[ClassScore, ...]:
        """The score of each class, in the order of the classes."""
        correct, total = self.confusion.diagonal(), self.confusion.sum(axis=1)
        scores = zip(self.classes, correct.tolist(), total.tolist(), strict=True)
        return tuple(ClassScore(name, right, of) for name, right, of in scores)

    @property
    def balanced_accuracy(self) -> float:
        """The mean of the classes' accuracies, over the classes that have images; NaN if none has."""
        shares = [score.accuracy for score in self.per_class if score.total]
        return _share(sum(shares), len(shares))

    def most_confused(self, count: int = 5) -> tuple[Mistake, ...]:
        """Return the commonest kinds of mistake, commonest first; fewer than `count` if there are fewer."""
        mistakes = [
            Mistake(score.name, self.classes[column], cell, score.total)
            for row, score in enumerate(self.per_class)
            for column, cell in enumerate(self.confusion[row].tolist())
            if cell and row != column
        ]
        return tuple(sorted(mistakes, key=lambda mistake: -mistake.count)[:count])

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values for JSON; what can't be known is None."""
        return {
            "accuracy": _known(self.accuracy),
            "balanced_accuracy": _known(self.balanced_accuracy),
            "correct": self.correct,
            "total": self.total,
            "loss": _known(self.loss),
            "top_k": {str(k): _known(share) for k, share in self.top_k.items()},
            "classes": list(self.classes),
            "per_class": [
                {
                    "class": score.name,
                    "correct": score.correct,
                    "total": score.total,
                    "accuracy": _known(score.accuracy),
                }
                for score in self.per_class
            ],
            "most_confused": [vars(mistake) for mistake in self.most_confused()],
        }

    def __str__(self) -> str:
        loss = "" if self.loss is None or math.isnan(self.loss) else f", loss {self.loss:.3f}"
        return f"{self.correct} of {self.total} right ({percent(self.accuracy)}){loss}"


def _share(part: float, whole: int) -> float:
    return part / whole if whole else math.nan


def _known(value: float | None) -> float | None:
    """Return the number, or None for one that JSON has no word for."""
    return value if value is not None and math.isfinite(value) else None


def _class_numbers(values: ArrayLike | Tensor, what: str, classes: Sequence[str]) -> Tensor:
    if not classes:
        raise DataError("there are no classes: expected at least one name")
    numbers = torch.as_tensor(values).detach().cpu()
    if numbers.ndim != 1:
        raise DataError(f"the {what}s have the shape {tuple(numbers.shape)}: expected one number an image")
    if len(numbers) and numbers.is_floating_point():
        raise DataError(f"the {what}s are {numbers.dtype}: expected whole class numbers")
    numbers = numbers.long()
    strange = numbers[(numbers < 0) | (numbers >= len(classes))]
    if len(strange):
        raise DataError(
            f"a {what} is {int(strange[0])}, but there are {len(classes)} classes: "
            f"expected 0 to {len(classes) - 1}"
        )
    return numbers


def _top_k(labels: Tensor, logits: Tensor) -> dict[int, float]:
    wanted = [k for k in _TOP_K if k < logits.shape[1]]
    if not wanted:
        return {}
    best = logits.topk(max(wanted), dim=1).indices  # (N, max k), most probable first
    hits = best == labels[:, None]
    return {k: _share(int(hits[:, :k].sum()), len(labels)) for k in wanted}
