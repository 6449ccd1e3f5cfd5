"""The frozen part runs once: embeddings of images, computed once per picture and kept.

An embedding depends on the bytes of the picture, on its preprocessing, on the weights and on the precision, and
on nothing else. So these four are its key in the store, and an entry that is out of date can't be found: a
picture that changed by one bit has another key.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from densekit.data.loading import content_hash, load_images
from densekit.data.problems import Problem
from densekit.data.scan import Sample
from densekit.data.transforms import Preprocessing
from densekit.devices import Compute, choose_compute, usable_cores
from densekit.errors import ImageError
from densekit.files import cache_folder, write_atomically
from densekit.model.densenet import DenseNet
from densekit.model.frozen.rewrite import frozen
from densekit.model.state_dicts import fingerprint

_FORMAT = "densekit features 1"


@dataclass(frozen=True)
class Features:
    """What a trained part learns from.

    Args:
        inputs: embeddings, float32 (N, num_features).
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


@dataclass
class FeatureStore:
    """Embeddings by the content hash of their pictures, in memory and, with a folder, on disk.

    Each call of `add` writes one file that is never changed. A file that is damaged is left out, and what it
    held is computed again.

    Args:
        key: a text that is equal for two stores exactly if their embeddings are interchangeable.
        folder: where stores are kept on disk, this one in a folder of its own; in memory alone if None.
    """

    key: str
    folder: Path | None = None
    _rows: dict[str, Tensor] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if self.folder is not None:
            self.folder = self.folder / hashlib.sha256(self.key.encode()).hexdigest()[:32]
            for path in sorted(self.folder.glob("*.safetensors")):
                self._rows.update(self._read(path))

    def __contains__(self, content_hash: str | None) -> bool:
        return content_hash in self._rows

    def __len__(self) -> int:
        return len(self._rows)

    def rows(self, hashes: Sequence[str]) -> Tensor:
        """Return the embeddings of these pictures, (N, num_features), in their order."""
        return torch.stack([self._rows[one] for one in hashes]) if hashes else torch.empty(0, 0)

    def add(self, hashes: Sequence[str], embeddings: Tensor) -> None:
        """Keep the embeddings, (N, num_features), of these pictures."""
        self._rows.update(zip(hashes, embeddings, strict=True))
        if self.folder is not None and len(hashes) > 0:
            name = hashlib.sha256("".join(hashes).encode()).hexdigest()[:32]
            self._write(self.folder / f"{name}.safetensors", hashes, embeddings.contiguous())

    def _write(self, path: Path, hashes: Sequence[str], embeddings: Tensor) -> None:
        description = {
            "format": _FORMAT,
            "key": self.key,
            "hashes": json.dumps(list(hashes)),
            "sha256": _checksum(embeddings),
        }
        with write_atomically(path) as file:
            file.write(safetensors.torch.save({"embeddings": embeddings}, description))

    def _read(self, path: Path) -> dict[str, Tensor]:
        try:
            with safetensors.safe_open(path, framework="pt") as file:
                description = file.metadata() or {}
                embeddings = file.get_tensor("embeddings")
            hashes = json.loads(description.get("hashes", "[]"))
        except (OSError, ValueError, safetensors.SafetensorError):
            return {}
        genuine = description.get("key") == self.key and description.get("sha256") == _checksum(embeddings)
        return dict(zip(hashes, embeddings, strict=True)) if genuine else {}


def extract_features(
    network: DenseNet,
    samples: Sequence[Sample],
    preprocessing: Preprocessing | None = None,
    compute: Compute | None = None,
    cache: bool = True,
    batch_size: int = 32,
    progress: Callable[[int], None] | None = None,
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
    preprocessing = preprocessing or network.preprocessing
    compute = compute or choose_compute()
    report = progress or (lambda done: None)
    folder = cache_folder() / "features" if cache else None
    store = FeatureStore(store_key(network, preprocessing, compute), folder)

    hashes = _hash_all(samples)
    missing = [sample for sample in samples if hashes.get(sample.path) not in store]
    report(len(samples) - len(missing))
    fresh = _Fresh(network, preprocessing, compute, batch_size, report)
    hashes.update(fresh.into(store, missing))

    kept = tuple(sample for sample in samples if sample.path not in fresh.skipped)
    kept_hashes = tuple(hashes[sample.path] for sample in kept)
    labels = torch.tensor([sample.label for sample in kept], dtype=torch.int64)
    return Features(store.rows(kept_hashes), labels, kept, kept_hashes, tuple(fresh.skipped.values()))


def store_key(network: DenseNet, preprocessing: Preprocessing, compute: Compute) -> str:
    """Return the text that tells embeddings apart which can't stand for each other."""
    return "; ".join(
        [
            f"features {fingerprint(network.features)}",
            f"preprocessing {preprocessing.identity}",
            f"precision {compute.precision}",
        ]
    )


@dataclass
class _Fresh:
    """Embeddings of images that the store does not have yet."""

    network: DenseNet
    preprocessing: Preprocessing
    compute: Compute
    batch_size: int
    report: Callable[[int], None]
    skipped: dict[Path, Problem] = field(default_factory=dict)

    def into(self, store: FeatureStore, samples: Sequence[Sample]) -> dict[Path, str]:
        """Compute the embeddings of the samples, add them to the store, and return the samples' hashes.

        The hash comes from the very bytes that were decoded: a file that changes meanwhile can't get an
        embedding that isn't its own.
        """
        hashes: dict[Path, str] = {}
        rows = []
        if samples:
            for batch_hashes, paths, embeddings in self._embeddings(samples):
                hashes.update(zip(paths, batch_hashes, strict=True))
                rows.append(embeddings)
        if rows:
            store.add(list(hashes.values()), torch.cat(rows))
        return hashes

    def _embeddings(self, samples: Sequence[Sample]) -> Iterator[tuple[tuple[str, ...], list[Path], Tensor]]:
        model = frozen(self.network, self.compute.dtype).to(self.compute.device)
        for batch in load_images(samples, self.preprocessing, self.batch_size, report=self._skip):
            images = self.compute.send(batch.images).to(self.compute.dtype)  # (B, 3, S, S)
            embeddings = model(images).float().cpu()  # (B, num_features)
            yield batch.hashes, [sample.path for sample in batch.samples], embeddings
            self.report(len(batch))

    def _skip(self, problem: Problem) -> None:
        self.skipped[problem.path] = problem
        self.report(1)


def _hash_all(samples: Iterable[Sample]) -> dict[Path, str]:
    """Return the content hash of each file that can be read; the others come to light when they are loaded."""
    paths = [sample.path for sample in samples]
    with ThreadPoolExecutor(usable_cores()) as executor:
        hashes = executor.map(_hash_or_none, paths)
        return {path: found for path, found in zip(paths, hashes, strict=True) if found}


def _hash_or_none(path: Path) -> str | None:
    try:
        return content_hash(path)
    except ImageError:
        return None


def _checksum(embeddings: Tensor) -> str:
    return hashlib.sha256(embeddings.contiguous().numpy().tobytes()).hexdigest()
