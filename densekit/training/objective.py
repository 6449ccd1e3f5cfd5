"""What a step makes smaller: the cross-entropy, and what may be asked of it besides.

`label_smoothing` asks for a little less than certainty (Szegedy et al., *Rethinking the Inception architecture*,
2016). `class_balance: weights` lets a picture of a rare class count for more. `mixup` learns from pairs of
pictures laid over each other, with both labels (Zhang et al., *mixup*, 2018); behind a cut, the features are laid
over each other (Verma et al., *Manifold mixup*, 2019). `accumulate` computes a batch in parts whose
gradients add up: the step of the whole batch with the memory of a part.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

import torch
from torch import Tensor
from torch.nn import functional as F

from densekit.config import TrainingConfig
from densekit.training.source import Batch


@dataclass(frozen=True)
class Part:
    """A part of a batch as it is learned from; the whole batch, unless gradients are accumulated.

    Args:
        inputs: (b, ...).
        labels: int64 (b,).
        others: the labels of what is laid over, int64 (b,); None without mixup.
        kept: how much of each picture itself is in its input, 0 to 1.
        share: of the batch that this part is, 0 to 1.
    """

    inputs: Tensor
    labels: Tensor
    others: Tensor | None = None
    kept: float = 1.0
    share: float = 1.0

    @property
    def main_labels(self) -> Tensor:
        """The label of each input's larger share, int64 (b,): what an answer has to be to count as right."""
        return self.labels if self.others is None or self.kept >= 0.5 else self.others


@dataclass(frozen=True)
class Objective:
    """The loss of a training.

    Args:
        settings: of the training.
        class_weights: what a picture of each class counts for, (classes,); None if all count alike.
        rank: of this process in its team, so that each draws for itself.
    """

    settings: TrainingConfig
    class_weights: Tensor | None = None
    rank: int = 0

    @classmethod
    def of(cls, settings: TrainingConfig, labels: Tensor, rank: int = 0) -> "Objective":
        """Return the loss for training pictures with these labels, int64 (N,)."""
        weights = balancing_weights(labels) if settings.class_balance == "weights" else None
        return cls(settings, weights, rank)

    def parts(self, batch: Batch, step: int, at_most: int) -> Iterator[Part]:
        """Yield the parts of a batch, mixed if that is asked for; what is drawn follows from seed and step.

        Args:
            batch: on the device.
            step: counted from 1.
            at_most: into how many parts it may be cut, so that each has pictures enough.
        """
        whole = self._mixed(batch, step)
        number = max(1, min(self.settings.accumulate, at_most))
        if number == 1:
            yield whole
            return
        others = [None] * number if whole.others is None else whole.others.tensor_split(number)
        cut = zip(whole.inputs.tensor_split(number), whole.labels.tensor_split(number), others, strict=True)
        for inputs, labels, other in cut:
            yield Part(inputs, labels, other, whole.kept, len(labels) / len(whole.labels))

    def loss(self, logits: Tensor, part: Part) -> Tensor:
        """Return the mean loss of a part, from its logits, float32 (b, classes)."""
        loss = self._cross_entropy(logits, part.labels)
        if part.others is None:
            return loss
        return part.kept * loss + (1 - part.kept) * self._cross_entropy(logits, part.others)

    def _cross_entropy(self, logits: Tensor, labels: Tensor) -> Tensor:
        smoothing = self.settings.label_smoothing
        if self.class_weights is None:
            return F.cross_entropy(logits, labels, label_smoothing=smoothing)
        # Divided by the number of pictures, not by the sum of their weights as torch does: so the parts of a
        # batch add up to the batch, and the weights are 1 on average over all training pictures.
        each = F.cross_entropy(logits, labels, label_smoothing=smoothing, reduction="none")
        return (each * self.class_weights[labels]).mean()

    def _mixed(self, batch: Batch, step: int) -> Part:
        strength = self.settings.mixup
        if strength == 0 or len(batch.labels) < 2:
            return Part(batch.inputs, batch.labels)
        random = Random(f"mixup/{self.settings.seed}/{step}/{self.rank}")
        kept = random.betavariate(strength, strength)
        order = torch.tensor(random.sample(range(len(batch.labels)), len(batch.labels)))
        partners = order.to(batch.labels.device)
        inputs = kept * batch.inputs + (1 - kept) * batch.inputs[partners]
        return Part(inputs, batch.labels, batch.labels[partners], kept)


def balancing_weights(labels: Tensor) -> Tensor:
    """Return what a picture of each class counts for, so that all classes count alike: float32 (classes,).

    N / (classes · pictures of the class), which is 1 on average over the pictures; 0 for a class without any.

    >>> balancing_weights(torch.tensor([0, 0, 0, 1])).tolist()
    [0.6666666865348816, 2.0]
    """
    counts = labels.bincount()
    present = int((counts > 0).sum())
    return torch.where(counts > 0, len(labels) / (present * counts.clamp(min=1)), 0.0).float()
