"""Pictures, through the extractor, into the store: each file read once, each picture computed once."""

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace

import torch
from PIL import Image
from torch import Tensor

from densekit.config import AugmentationConfig
from densekit.data.loading import Loaded, load_each
from densekit.data.problems import Problem
from densekit.data.scan import Sample
from densekit.data.transforms import Preprocessing
from densekit.data.views import draw_view, show_view
from densekit.devices import Compute, choose_compute
from densekit.features.cache import limit_in_bytes, stores_folder
from densekit.features.extractor import Extractor
from densekit.features.store import FeatureStore
from densekit.model.cut import CLASSIFIER
from densekit.model.densenet import DenseNet

Progress = Callable[[int], object]
"""Called with a number of images each time that so many are done."""


@dataclass(frozen=True)
class Features:
    """What a trained part learns from, in memory.

    Args:
        inputs: embeddings, float32 (N, num_features), or whatever else the trained part takes, (N, ...).
        labels: int64 (N,).
        samples: where each comes from, N of them.
        hashes: SHA-256 of each picture's file, N of them.
        skipped: the images that could not be read.
    """

    inputs: Tensor
    labels: Tensor
    samples: tuple[Sample, ...] = ()
    hashes: tuple[str, ...] = ()
    skipped: tuple[Problem, ...] = ()

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: torch.device) -> "Features":
        """Return the same features on a device."""
        return replace(self, inputs=self.inputs.to(device), labels=self.labels.to(device))


@dataclass(frozen=True)
class Pictures:
    """Pictures that can be read, with what their files hash to.

    Args:
        samples: where each comes from, N of them.
        hashes: SHA-256 of each file, N of them.
        skipped: the images that could not be read.
    """

    samples: tuple[Sample, ...]
    hashes: tuple[str, ...]
    skipped: tuple[Problem, ...] = ()

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def labels(self) -> Tensor:
        """The classes, int64 (N,)."""
        return torch.tensor([sample.label for sample in self.samples], dtype=torch.int64)


@dataclass(frozen=True)
class Views:
    """Which views of a picture there are.

    Args:
        augmentation: how a picture is changed; None for the picture as it is.
        seed: from which the changes are drawn.
        kept: so many views of each picture are kept in a store and seen in turn; None for a new one each epoch.
    """

    augmentation: AugmentationConfig | None = None
    seed: int = 0
    kept: int | None = None

    @property
    def can_be_stored(self) -> bool:
        """Whether there are finitely many."""
        return self.augmentation is None or self.kept is not None

    @property
    def identity(self) -> str:
        """A text that is equal for two of these exactly if their views of any picture are equal."""
        return "" if self.augmentation is None else f"; views {self.augmentation!r} of seed {self.seed}"

    @property
    def description(self) -> str:
        """A few words for people, to be put behind what else there is to say."""
        return "" if self.augmentation is None else f", {self.kept} changed views each"

    def names(self, content_hash: str) -> list[str]:
        """Return what the views of a picture that are kept are called in a store."""
        if self.augmentation is None:
            return [content_hash]
        return [f"{content_hash}/{number}" for number in range(self.kept or 0)]

    def number(self, epoch: int) -> int:
        """Return the number of the view that an epoch, counted from 1, sees; the epoch's own if none are kept."""
        return epoch if self.kept is None else (epoch - 1) % self.kept

    def name(self, content_hash: str, epoch: int) -> str:
        """Return what the view of an epoch, counted from 1, is called in a store."""
        return content_hash if self.augmentation is None else f"{content_hash}/{self.number(epoch)}"

    def show(
        self, image: Image.Image, content_hash: str, number: int, preprocessing: Preprocessing
    ) -> Tensor:
        """Return a view, uint8 (3, S, S): of an epoch, or by its number where views are kept."""
        if self.augmentation is None:
            return preprocessing.cut(image)
        return show_view(draw_view(self.augmentation, self.seed, number, content_hash), image, preprocessing)

    def all_kept(self, image: Image.Image, content_hash: str, preprocessing: Preprocessing) -> Tensor:
        """Return all views that are kept, uint8 (K, 3, S, S)."""
        numbers = range(len(self.names(content_hash)))
        return torch.stack([self.show(image, content_hash, number, preprocessing) for number in numbers])


AS_IT_IS = Views()
"""One view of each picture, which changes nothing."""


def extract_features(
    network: DenseNet,
    samples: Sequence[Sample],
    preprocessing: Preprocessing | None = None,
    compute: Compute | None = None,
    cache: bool = True,
    batch_size: int = 32,
    progress: Progress | None = None,
) -> Features:
    """Run the frozen part of a network over images, each one once.

    The network is not touched: the computation runs on an exact rewrite of it (`densekit.model.frozen.rewrite`).
    Images that can't be read are left out and listed in `skipped`.

    Args:
        network: its features are used, its classifier is not.
        samples: the images.
        preprocessing: the network's own if not given.
        compute: device and precision; chosen if not given.
        cache: keep the embeddings on disk and take from there those of earlier calls.
        batch_size: images that are computed at once.
        progress: called with a number of images each time that many are done.

    Returns:
        Embeddings and labels on the CPU, in the order of the samples.
    """
    extractor = Extractor(network, CLASSIFIER, compute or choose_compute(), preprocessing)
    store = open_store(extractor, cache)
    pictures = extract(extractor, samples, store, AS_IT_IS, batch_size, progress)
    return features_of(pictures, store)


def open_store(extractor: Extractor, cache: bool = True, views: Views = AS_IT_IS) -> FeatureStore:
    """Return the store of an extractor's features: on disk, or in memory alone.

    Raises:
        ConfigError: $DENSEKIT_CACHE_GB is not a number of gigabytes, which is told before anything is computed.
    """
    folder = stores_folder() if cache else None
    if folder is not None:
        limit_in_bytes()
    return FeatureStore(
        extractor.identity + views.identity, folder, extractor.description + views.description
    )


def features_of(pictures: Pictures, store: FeatureStore) -> Features:
    """Bring the features of pictures, as they are, from the store into memory."""
    rows = store.rows(pictures.hashes)
    return Features(rows, pictures.labels, pictures.samples, pictures.hashes, pictures.skipped)


def extract(
    extractor: Extractor,
    samples: Sequence[Sample],
    store: FeatureStore,
    views: Views = AS_IT_IS,
    batch_size: int = 32,
    progress: Progress | None = None,
) -> Pictures:
    """See to it that the store has the features of all images that can be read.

    A file is read once: its hash, and its pixels where they are needed, come from the same bytes. So a file that
    changes meanwhile can't get features that are not its own. When this is interrupted, what was computed so far
    is kept.

    Args:
        extractor: what computes them.
        samples: the images.
        store: of this extractor and these views.
        views: which views of each picture.
        batch_size: images that are computed at once.
        progress: called with a number of images each time that many are done.
    """
    work = _Extraction(extractor, store, views, batch_size, progress or (lambda done: None))
    try:
        return work.over(samples)
    finally:
        store.flush()


def survey(samples: Sequence[Sample], progress: Progress | None = None) -> Pictures:
    """Find out which images can be read, without keeping anything of them but their hashes."""
    report = progress or (lambda done: None)
    answers = load_each(samples, lambda image, content_hash: torch.empty(0))
    return _collected(answers, lambda content_hash, pixels: report(1), report)


def _collected(
    answers: Generator[Loaded | Problem, None, None],
    take: Callable[[str, Tensor], object],
    progress: Progress,
) -> Pictures:
    """Part what could be read from what couldn't.

    A picture that was decoded goes to `take`, with its hash; all others are done and told to `progress`.
    """
    kept: list[Sample] = []
    hashes: list[str] = []
    skipped: list[Problem] = []
    with closing(answers):
        for answer in answers:
            if isinstance(answer, Problem):
                skipped.append(answer)
                progress(1)
                continue
            kept.append(answer.sample)
            hashes.append(answer.content_hash)
            if answer.pixels is None:
                progress(1)
            else:
                take(answer.content_hash, answer.pixels)
    return Pictures(tuple(kept), tuple(hashes), tuple(skipped))


@dataclass
class _Extraction:
    extractor: Extractor
    store: FeatureStore
    views: Views
    batch_size: int
    progress: Progress
    waiting: list[tuple[str, Tensor]] = field(default_factory=list)  # hashes, and (K, 3, S, S) pixels of each

    def over(self, samples: Sequence[Sample]) -> Pictures:
        answers = load_each(samples, self.cut, ahead=2 * self.batch_size, known=self.knows)
        pictures = _collected(answers, self.take, self.progress)
        self.compute()
        return pictures

    def knows(self, content_hash: str) -> bool:
        return all(name in self.store for name in self.views.names(content_hash))

    def cut(self, image: Image.Image, content_hash: str) -> Tensor:
        return self.views.all_kept(image, content_hash, self.extractor.preprocessing)

    def take(self, content_hash: str, pixels: Tensor) -> None:
        self.waiting.append((content_hash, pixels))
        if sum(len(views) for _, views in self.waiting) >= self.batch_size:
            self.compute()

    def compute(self) -> None:
        waiting, self.waiting = self.waiting, []
        if not waiting:
            return
        names = [name for content_hash, _ in waiting for name in self.views.names(content_hash)]
        features = self.extractor(torch.cat([views for _, views in waiting]))  # (B, ...)
        self.store.add(names, features.cpu())
        self.progress(len(waiting))
