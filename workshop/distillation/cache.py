"""All crops in one file that is read through memory mapping, with a manifest of where they come from.

pixels.u8       the crops, uint8 (N, 3, 144, 144), one after the other
pictures.npy    for each crop the number of its picture (`Picture.number`), int32 (N,)
manifest.json   packages with versions, licences and counts, the seed, and the SHA-256 of the pixels
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm.auto import tqdm

from densekit.errors import DataError
from densekit.files import write_atomically
from workshop.distillation.crops import SIZE, Pixels, cut, set_on_backgrounds
from workshop.distillation.package import Package
from workshop.distillation.photographs import photographs_among
from workshop.distillation.pictures import Picture, find_pictures, without_copies
from workshop.distillation.sources import KINDS, Source

PIXELS, PICTURES, MANIFEST = "pixels.u8", "pictures.npy", "manifest.json"

_FORMAT = "densekit crops 1"
_BACKGROUNDS = 4000  # at most, kept in memory while things are set on them: 250 MB
_HELD_OUT_OF = 64

_Job = tuple[Picture, int]


@dataclass(frozen=True, eq=False)
class CropCache:
    """The crops, ready to be read.

    Args:
        pixels: uint8 (N, 3, SIZE, SIZE), on the disk until they are used.
        pictures: the number of each crop's picture, int32 (N,).
        manifest: what `manifest.json` holds.
        identity: SHA-256 of the pixels: equal for two caches exactly if their crops are.
    """

    pixels: NDArray[np.uint8]
    pictures: NDArray[np.int32]
    manifest: dict[str, Any]
    identity: str

    def split(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the numbers of the crops to learn from, and of those to measure on.

        About every 64th picture is kept for measuring, with all its crops: crops of one picture resemble each
        other. Which ones follows from their names, so they are kept too where other sources are added.
        """
        held_out = self.pictures % _HELD_OUT_OF == _HELD_OUT_OF - 1
        return np.flatnonzero(~held_out), np.flatnonzero(held_out)

    def kinds(self) -> NDArray[np.str_]:
        """Return the kind of each crop's picture, (N,).

        Raises:
            DataError: these are some of the crops of another cache, and no longer in its order.
        """
        # As `_cut_all` has them: what needs a background comes last.
        rows = sorted(self.manifest["packages"], key=lambda row: KINDS[row["kind"]].on_background)
        kinds = np.repeat([row["kind"] for row in rows], [row["crops"] for row in rows])
        if len(kinds) != len(self.pixels):
            raise DataError("these crops were chosen from others: what kind each one is isn't known")
        return kinds

    def kept_for_measuring(self, most: int) -> list[NDArray[np.int64]]:
        """Return the numbers of up to so many crops to measure on, evenly chosen, in batches of about 32."""
        _, kept = self.split()
        chosen = np.linspace(0, len(kept) - 1, min(most, len(kept))).round().astype(int)
        return np.array_split(kept[chosen], max(1, len(chosen) // 32))

    def crops(self, numbers: NDArray[np.int64]) -> Tensor:
        """Read crops from the disk, uint8 (N, 3, SIZE, SIZE)."""
        return torch.from_numpy(np.ascontiguousarray(self.pixels[numbers]))


def build_cache(
    folder: Path,
    sources: Sequence[Source],
    packages: Sequence[Package],
    count: int,
    seed: int = 0,
    processes: int = 1,
    progress: bool = True,
) -> None:
    """Cut the crops and write them, with index and manifest, into a folder.

    The same packages, count and seed give the same bytes, whatever the number of processes.

    Args:
        folder: gets the three files; the manifest is the last one, so without it the rest counts for nothing.
        sources: what to take from which package.
        packages: the unpacked packages, in the order of the sources.
        count: crops in all, about: each picture of a kind gives as many.
        seed: of everything random.
        processes: how many cut at the same time.
        progress: show a bar.

    Raises:
        DataError: the packages hold no picture, or none that things could be set on.
    """
    found = {
        source: find_pictures(source, package) for source, package in zip(sources, packages, strict=True)
    }
    pictures = without_copies(
        _without_diagrams([picture for of_source in found.values() for picture in of_source])
    )
    jobs = _jobs(pictures, count)
    digest = hashlib.sha256()
    index: list[int] = []
    made: Counter[Picture] = Counter()
    with (
        tqdm(total=len(jobs), desc="crops", unit="picture", disable=not progress) as bar,
        write_atomically(folder / PIXELS) as file,
    ):
        for picture, crops in _cut_all(jobs, seed, processes):
            for crop in crops:
                file.write(crop.tobytes())
                digest.update(crop.tobytes())
            index += [picture.number] * len(crops)
            made[picture] += len(crops)
            bar.update()
    if not index:
        raise DataError(
            f"none of the {sum(map(len, found.values()))} pictures in {folder.parent} can be used: unpack the "
            "packages again"
        )
    with write_atomically(folder / PICTURES) as file:
        np.save(file, np.array(index, np.int32))
    manifest = {
        "format": _FORMAT,
        "seed": seed,
        "size": SIZE,
        "crops": len(index),
        "sha256": digest.hexdigest(),
        "packages": [
            _description(source, package, made) for source, package in zip(sources, packages, strict=True)
        ],
    }
    with write_atomically(folder / MANIFEST, "w") as file:
        file.write(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")


def open_cache(folder: Path) -> CropCache:
    """Open the crops that `build_cache` wrote.

    Raises:
        DataError: there are none, or their files don't belong together.
    """
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        pictures = np.load(folder / PICTURES)
        shape = (int(manifest["crops"]), 3, SIZE, SIZE)
        pixels = np.memmap(folder / PIXELS, np.uint8, mode="r").reshape(shape)
        identity = str(manifest["sha256"])
    except FileNotFoundError as error:
        raise DataError(f"there is no crop cache in {folder}: {error.filename} is missing") from error
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"the crop cache in {folder} is damaged: {error}; delete the folder, and it is made again"
        ) from error
    if manifest.get("format") != _FORMAT or len(pictures) != len(pixels):
        raise DataError(
            f"the files in {folder} don't belong together: delete the folder, and it is made again"
        )
    return CropCache(pixels, pictures, manifest, identity)


def _without_diagrams(pictures: Sequence[Picture]) -> list[Picture]:
    """Leave out what is no photograph, of the kinds that are nothing but photographs."""
    asked = [picture for picture in pictures if KINDS[picture.kind].photographs_only]
    kept = set(photographs_among(asked))
    return [picture for picture in pictures if picture in kept or not KINDS[picture.kind].photographs_only]


def _jobs(pictures: Sequence[Picture], count: int) -> list[_Job]:
    """Say how many crops each picture gives: equally many within a kind, and each kind its share.

    Where a kind has more pictures than crops, evenly spaced ones give one each.
    """
    shares = {kind: KINDS[kind].share for kind in {picture.kind for picture in pictures}}
    jobs = []
    for kind, share in shares.items():
        of_kind = [picture for picture in pictures if picture.kind == kind]
        crops = round(count * share / sum(shares.values()))
        if crops < len(of_kind):
            chosen = np.linspace(0, len(of_kind) - 1, crops).round().astype(int)
            jobs += [(of_kind[number], 1) for number in chosen]
        else:
            jobs += [(picture, round(crops / len(of_kind))) for picture in of_kind]
    order = {picture: number for number, picture in enumerate(pictures)}
    return sorted(jobs, key=lambda job: (KINDS[job[0].kind].on_background, order[job[0]]))


def _cut_all(jobs: Sequence[_Job], seed: int, processes: int) -> Iterator[tuple[Picture, list[Pixels]]]:
    """Yield pictures with their crops: first those that fill a crop, then those that need a background."""
    plain = [job for job in jobs if not KINDS[job[0].kind].on_background]
    things = [job for job in jobs if KINDS[job[0].kind].on_background]
    keep_every = max(1, sum(count for _, count in plain) // _BACKGROUNDS)
    backgrounds: list[Pixels] = []
    cut_before = 0
    with _mapping(processes) as mapping:
        for (picture, _), crops in zip(plain, mapping(partial(_cut_plain, seed=seed), plain), strict=True):
            backgrounds += crops[-cut_before % keep_every :: keep_every]
            cut_before += len(crops)
            yield picture, crops
    if things and not backgrounds:
        raise DataError(
            "there are things to set on backgrounds, but no other picture to be one: add a source"
        )
    with _mapping(processes, backgrounds) as mapping:
        for (picture, _), crops in zip(things, mapping(partial(_cut_thing, seed=seed), things), strict=True):
            yield picture, crops


def _cut_plain(job: _Job, seed: int) -> list[Pixels]:
    return cut(*job, seed)


def _cut_thing(job: _Job, seed: int) -> list[Pixels]:
    return set_on_backgrounds(*job, seed, _backgrounds)


_backgrounds: list[Pixels] = []  # of this process: handed over once, not with each picture


def _receive(backgrounds: list[Pixels]) -> None:
    _backgrounds[:] = backgrounds


@contextmanager
def _mapping(
    processes: int, backgrounds: Sequence[Pixels] = ()
) -> Iterator[Callable[..., Iterator[list[Pixels]]]]:
    """Give a `map` that works in this process, or in several, and keeps the order."""
    if processes == 1:
        _receive(list(backgrounds))
        yield map
        _receive([])
        return
    context = get_context("spawn")
    with ProcessPoolExecutor(processes, context, _receive, (list(backgrounds),)) as pool:
        yield partial(pool.map, chunksize=4)


def _description(source: Source, package: Package, made: Mapping[Picture, int]) -> dict[str, Any]:
    came = (package.name, source.kind)  # a package may be the source of two kinds
    own = [crops for picture, crops in made.items() if (picture.package, picture.kind) == came]
    return {
        "package": package.name,
        "version": package.version,
        "licences": list(package.licences),
        "kind": source.kind,
        "pictures": sum(crops > 0 for crops in own),
        "crops": sum(own),
    }
