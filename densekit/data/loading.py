"""Many images, decoded in threads ahead of whoever uses them.

The answer is the same, and in the same order, as from opening them one by one. A file that can't be decoded never
stops a run: it is skipped and reported.
"""

import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TypeVar

import torch
from PIL import Image
from torch import Tensor

from densekit.data.decoding import Known, Picture, content_hash, open_image, read_if_new
from densekit.data.problems import Problem
from densekit.data.scan import Sample
from densekit.data.transforms import Preprocessing
from densekit.errors import ConfigError
from densekit.threads import usable_cores

__all__ = ["Batch", "Loaded", "content_hash", "load_each", "load_images", "map_ahead", "open_image"]

Item = TypeVar("Item")
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Batch:
    """Some images, in the order of their samples.

    Args:
        pixels: resized and cropped, but not normalised, uint8 (B, 3, S, S).
        labels: int64 (B,).
        samples: where each comes from.
        hashes: SHA-256 of each file's bytes.
        preprocessing: what the pixels were cut with, and `images` is normalised with.
    """

    pixels: Tensor
    labels: Tensor
    samples: tuple[Sample, ...]
    hashes: tuple[str, ...]
    preprocessing: Preprocessing

    @cached_property
    def images(self) -> Tensor:
        """What a network takes: float32 (B, 3, S, S), equal to `preprocessing(open_image(path))` of each."""
        return self.preprocessing.normalise(self.pixels)

    def __len__(self) -> int:
        return len(self.samples)


def load_images(
    samples: Iterable[Sample],
    preprocessing: Preprocessing,
    batch_size: int = 32,
    workers: int | None = None,
    report: Callable[[Problem], None] | None = None,
) -> Generator[Batch, None, None]:
    """Load images in batches, in order, while threads decode ahead.

    An image that can't be read is left out and reported. Each batch but the last holds `batch_size` images,
    and none is empty; `batch.samples` tells which images came through. Whoever stops early closes the generator,
    which ends the threads (leaving a `for` loop does).

    Args:
        samples: the images.
        preprocessing: how they are resized, cropped and normalised.
        batch_size: images in a batch.
        workers: threads; as many as the process may use cores if not given.
        report: called with each problem, in the order of the samples and from the caller's own thread; a
            warning if not given.

    Raises:
        ConfigError: `batch_size` or `workers` is below 1.
    """
    workers = usable_cores() if workers is None else workers
    if batch_size < 1 or workers < 1:
        raise ConfigError(f"batch_size is {batch_size} and workers is {workers}: expected 1 or more of each")
    return _batches(samples, preprocessing, batch_size, workers, report or _warn)


@dataclass(frozen=True)
class Loaded:
    """One image that was read.

    Args:
        sample: where it comes from.
        content_hash: SHA-256 of its file's bytes.
        pixels: uint8, as `cut` returned them; None where the hash was known, so that nothing was decoded.
    """

    sample: Sample
    content_hash: str
    pixels: Tensor | None


def load_each(
    samples: Iterable[Sample],
    cut: Callable[[Image.Image, str], Tensor],
    workers: int | None = None,
    ahead: int = 64,
    known: Callable[[str], bool] = lambda content_hash: False,
) -> Generator["Loaded | Problem", None, None]:
    """Load images one by one, in order, while threads decode ahead. Each file is read once.

    Args:
        samples: the images.
        cut: from a picture and the hash of its file to pixels, (..., 3, S, S).
        workers: threads; as many as the process may use cores if not given.
        ahead: images that are decoded in advance.
        known: says of a hash whether that picture needs no decoding; called from the threads.
    """
    workers = usable_cores() if workers is None else workers
    load = partial(_load, cut=cut, known=known)
    return map_ahead(load, samples, workers, ahead + workers)


def _batches(
    samples: Iterable[Sample],
    preprocessing: Preprocessing,
    batch_size: int,
    workers: int,
    report: Callable[[Problem], None],
) -> Generator[Batch, None, None]:
    loaded: list[Loaded] = []
    answers = load_each(samples, lambda image, _: preprocessing.cut(image), workers, ahead=batch_size)
    with closing(answers):
        for answer in answers:
            if isinstance(answer, Problem):
                report(answer)
                continue
            loaded.append(answer)
            if len(loaded) == batch_size:
                yield _stack(loaded, preprocessing)
                loaded = []
    if loaded:
        yield _stack(loaded, preprocessing)


def _load(
    sample: Sample, cut: Callable[[Image.Image, str], Tensor], known: Callable[[str], bool]
) -> Loaded | Problem:
    def cut_it(picture: Picture) -> Loaded:
        return Loaded(sample, picture.content_hash, cut(picture.image, picture.content_hash))

    loaded = read_if_new(sample.path, known, cut_it)
    return Loaded(sample, loaded.content_hash, None) if isinstance(loaded, Known) else loaded


def _stack(loaded: Sequence[Loaded], preprocessing: Preprocessing) -> Batch:
    return Batch(
        pixels=torch.stack([one.pixels for one in loaded if one.pixels is not None]),
        labels=torch.tensor([one.sample.label for one in loaded]),
        samples=tuple(one.sample for one in loaded),
        hashes=tuple(one.content_hash for one in loaded),
        preprocessing=preprocessing,
    )


def map_ahead(
    work: Callable[[Item], Answer], items: Iterable[Item], workers: int, ahead: int
) -> Generator[Answer, None, None]:
    """Apply `work` in threads, at most `ahead` items in advance; the answers come in the order of the items.

    When the iterator is closed, or its consumer stops, what was not begun is dropped and the threads end.
    """
    pending: deque[Future[Answer]] = deque()
    executor = ThreadPoolExecutor(workers, thread_name_prefix="densekit-load")
    try:
        for item in items:
            pending.append(executor.submit(work, item))
            if len(pending) > ahead:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def _warn(problem: Problem) -> None:
    warnings.warn(str(problem), stacklevel=2)
