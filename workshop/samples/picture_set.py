"""A set of sample pictures on the disk: made in several processes, written with hashes, and checked."""

import csv
import hashlib
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import torch
from PIL import Image

from densekit.errors import DataError
from densekit.files import write_atomically
from densekit.threads import usable_cores
from workshop.samples.sketches import looks_like, sketch

SPLITS = ("train", "val", "test")

QUALITY = 85
"""JPEG quality, of 100."""

SUMS, DRAWN, CARD = "SHA256SUMS", "drawn.csv", "README.md"


@dataclass(frozen=True)
class Picture:
    """One finished picture: its name ('train/mug/0001.jpg'), its bytes, and what was drawn for it."""

    name: str
    jpeg: bytes
    drawn: Mapping[str, str | int | float]


def as_jpeg(image: Image.Image) -> bytes:
    """Return the image as the bytes of a JPEG file."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=QUALITY, optimize=True)
    return file.getvalue()


def names_of(classes: Iterable[str], counts: Mapping[str, int]) -> list[str]:
    """Return the names of all pictures, such as 'train/mug/0001.jpg', in order.

    Args:
        classes: the names of the classes.
        counts: pictures of each class, by split.
    """
    return [
        f"{split}/{class_name}/{number:04d}.jpg"
        for split, count in counts.items()
        for class_name in classes
        for number in range(1, count + 1)
    ]


def in_processes(
    make: Callable[[str], Picture], names: Sequence[str], processes: int | None = None
) -> Iterator[Picture]:
    """Make pictures in several processes, one thread each, and yield them in order.

    Args:
        make: makes the picture of a name; the name alone decides what it shows.
        names: of which pictures.
        processes: how many to use; all the cores there are, if not given.
    """
    with ProcessPoolExecutor(
        processes or usable_cores(), mp_context=get_context("spawn"), initializer=_use_one_thread
    ) as pool:
        yield from pool.map(make, names, chunksize=4)


def write_set(folder: Path, pictures: Iterable[Picture], card: Callable[[int], str]) -> Iterator[Picture]:
    """Write a data set into a folder, yielding each picture once it is on the disk.

    Args:
        folder: gets train/, val/ and test/, drawn.csv, SHA256SUMS and README.md; files of these names are
            replaced, others are left alone.
        pictures: all of the set.
        card: writes the data card, as Markdown, given the bytes of all pictures together.
    """
    sums: list[tuple[str, str]] = []
    rows: list[Mapping[str, str | int | float]] = []
    total = 0
    for picture in pictures:
        _write(folder / picture.name, picture.jpeg)
        sums.append((hashlib.sha256(picture.jpeg).hexdigest(), picture.name))
        rows.append({"picture": picture.name, **picture.drawn})
        total += len(picture.jpeg)
        yield picture
    table = _table(rows)
    _write(folder / DRAWN, table)
    sums.append((hashlib.sha256(table).hexdigest(), DRAWN))
    _write(folder / CARD, card(total).encode())
    _write(folder / SUMS, "".join(f"{digest}  {name}\n" for digest, name in sums).encode())


def read_sums(folder: Path) -> dict[str, str]:
    """Read SHA256SUMS: from file names to digests.

    Raises:
        DataError: there is no such file, or a line of it is not a digest and a name.
    """
    path = folder / SUMS
    if not path.is_file():
        raise DataError(f"{path} is missing: without it nothing can be checked; `make samples` writes it")
    sums = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        digest, _, name = line.partition("  ")
        if len(digest) != 64 or not name:
            raise DataError(f"{path}, line {number}: expected a SHA-256 digest, two spaces and a file name")
        sums[name] = digest
    return sums


def check_files(folder: Path) -> list[str]:
    """Compare the files with SHA256SUMS; return one sentence for each that is missing, changed or not listed."""
    sums = read_sums(folder)
    problems = []
    for name, digest in sums.items():
        path = folder / name
        if not path.is_file():
            problems.append(f"{name} is missing")
        elif hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            problems.append(f"{name} has changed")
    for split in SPLITS:
        for path in sorted((folder / split).rglob("*")):
            name = path.relative_to(folder).as_posix()
            if path.is_file() and name not in sums:
                problems.append(f"{name} is not listed in {SUMS}")
    return problems


def check_again(folder: Path, pictures: Iterable[Picture]) -> list[str]:
    """Compare pictures that were made again; return one sentence for each that comes out differently.

    Not every processor rounds alike: one of other bytes passes if it looks the same as the one in the folder.
    """
    sums = read_sums(folder)
    return [
        f"{picture.name} comes out differently when it is rendered again"
        for picture in pictures
        if hashlib.sha256(picture.jpeg).hexdigest() != sums.get(picture.name)
        and not looks_like(io.BytesIO(picture.jpeg), sketch(folder / picture.name))
    ]


def _use_one_thread() -> None:
    torch.set_num_threads(1)


def _write(path: Path, content: bytes) -> None:
    with write_atomically(path) as file:
        file.write(content)


def _table(rows: Sequence[Mapping[str, str | int | float]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: f"{v:.3f}" if isinstance(v, float) else v for key, v in row.items()})
    return text.getvalue().encode()
