"""Where batches come from: tensors in memory, rows of a store, or images.

A loop asks a source for batches in an order, and does not know which kind it has. A batch carries its pictures'
numbers, so that what becomes of them never loses whose it is.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor

from densekit.data.loading import Loaded, load_each
from densekit.data.problems import Problem
from densekit.data.scan import Sample
from densekit.errors import DataError
from densekit.features.extraction import AS_IT_IS, Features, Pictures, Views
from densekit.features.extractor import Extractor
from densekit.features.store import FeatureStore


@dataclass(frozen=True)
class Batch:
    """Some pictures on their way through the trained part.

    Args:
        numbers: which ones, int64 (B,): their places in the source.
        inputs: what the trained part takes, (B, ...), on the device.
        labels: their classes, int64 (B,), on the device.
    """

    numbers: Tensor
    inputs: Tensor
    labels: Tensor


class Source(Protocol):
    """Pictures as the trained part sees them."""

    @property
    def labels(self) -> Tensor:
        """The classes of all pictures, int64 (N,), on the device."""
        ...

    @property
    def at_once(self) -> int:
        """How many pictures to judge at once."""
        ...

    def batches(self, order: Sequence[Tensor], epoch: int) -> Generator[Batch, None, None]:
        """Yield batches of the pictures with these numbers, each a tensor (B,), as an epoch sees them."""
        ...


@dataclass(frozen=True)
class TensorSource:
    """Inputs in memory: the embeddings that a head learns from.

    Args:
        inputs: (N, ...), on the device.
        labels: int64 (N,), on the device.
    """

    inputs: Tensor
    labels: Tensor
    at_once: int = 1024

    def batches(self, order: Sequence[Tensor], epoch: int) -> Generator[Batch, None, None]:
        """Yield batches; every epoch sees the same inputs."""
        for chosen in order:
            yield Batch(chosen, self.inputs[chosen], self.labels[chosen])


@dataclass(frozen=True)
class MappedSource:
    """Another source, whose inputs go through a function.

    Args:
        source: the other.
        change: from inputs, (B, ...), to inputs.
    """

    source: "Source"
    change: Callable[[Tensor], Tensor]

    @property
    def labels(self) -> Tensor:
        """The classes of all pictures, int64 (N,)."""
        return self.source.labels

    @property
    def at_once(self) -> int:
        """How many pictures to judge at once."""
        return self.source.at_once

    def batches(self, order: Sequence[Tensor], epoch: int) -> Generator[Batch, None, None]:
        """Yield the other's batches, changed."""
        with closing(self.source.batches(order, epoch)) as batches:
            for batch in batches:
                yield replace(batch, inputs=self.change(batch.inputs))


class PictureSource:
    """Pictures, through the frozen part, batch by batch; from a store whatever it has.

    Args:
        pictures: which ones.
        extractor: the frozen part.
        views: which view of a picture an epoch sees.
        store: where features of these views are kept; None if they are not.
    """

    def __init__(
        self,
        pictures: Pictures,
        extractor: Extractor,
        views: Views = AS_IT_IS,
        store: FeatureStore | None = None,
    ) -> None:
        self.pictures = pictures
        self.extractor = extractor
        self.views = views
        self.store = store
        self.labels = pictures.labels.to(extractor.compute.device)
        side = extractor.preprocessing.crop
        # So many are judged at once: less than 64 where they are large, and take much memory.
        self.at_once = max(1, min(64, 64 * 224**2 // side**2))

    def batches(self, order: Sequence[Tensor], epoch: int) -> Generator[Batch, None, None]:
        """Yield batches, while threads decode ahead what the store doesn't have.

        Raises:
            DataError: a picture can't be read any more, or has changed.
        """
        names = [self.views.name(content_hash, epoch) for content_hash in self.pictures.hashes]
        missing = [number for chosen in order for number in chosen.tolist() if not self._has(names[number])]
        with closing(self._decoded(missing, epoch)) as decoded:
            for chosen in order:
                features = self._features(chosen.tolist(), names, decoded)
                yield Batch(chosen, self.extractor.inputs(features), self.labels[chosen])

    def _has(self, name: str) -> bool:
        return self.store is not None and name in self.store

    def _features(self, numbers: list[int], names: list[str], decoded: Iterator[Tensor]) -> Tensor:
        """Return the features of a batch, (B, ...), from the store and from what is computed now."""
        stored = {number for number in numbers if self._has(names[number])}
        if self.store is not None and len(stored) == len(set(numbers)):
            return self.store.rows([names[number] for number in numbers])
        computed = self.extractor(torch.stack([next(decoded) for number in numbers if number not in stored]))
        if self.store is None or not stored:
            return computed
        rows = self.store.rows([names[number] for number in numbers if number in stored])
        kept, new = iter(rows.to(computed.device)), iter(computed)
        return torch.stack([next(kept if number in stored else new) for number in numbers])

    def _decoded(self, numbers: Sequence[int], epoch: int) -> Generator[Tensor, None, None]:
        samples = [self.pictures.samples[number] for number in numbers]
        view = self.views.number(epoch)
        answers = load_each(
            samples,
            lambda image, content_hash: self.views.show(
                image, content_hash, view, self.extractor.preprocessing
            ),
        )
        with closing(answers):
            for number, answer in zip(numbers, answers, strict=True):
                yield _pixels(answer, self.pictures.samples[number], self.pictures.hashes[number])


def as_source(data: "Features | Source", device: torch.device) -> "Source":
    """Return features in memory as a source on a device; a source is returned as it is."""
    if not isinstance(data, Features):
        return data
    there = data.to(device)
    return TensorSource(there.inputs, there.labels)


def _pixels(answer: Loaded | Problem, sample: Sample, content_hash: str) -> Tensor:
    remedy = "put it back as it was and continue the run, or start a new one"
    if isinstance(answer, Problem):
        raise DataError(f"{answer}\nIt could be read when the training began: {remedy}")
    if answer.content_hash != content_hash or answer.pixels is None:
        raise DataError(f"{sample.path} has changed since the training began: {remedy}")
    return answer.pixels
