"""Write a sample data set: pictures, what was drawn for each, hashes, a data card; and check one."""

import csv
import hashlib
import io
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import torch
from PIL import Image

from densekit.errors import DataError
from densekit.files import write_atomically
from densekit.threads import usable_cores
from workshop.samples.card import data_card
from workshop.samples.objects import CLASSES
from workshop.samples.renderer import render
from workshop.samples.tabletop import stage

COUNTS = {"train": 60, "val": 20, "test": 20}
"""Pictures of each class in each split."""

SIZE = 128
"""Width and height of a picture, in pixels."""

QUALITY = 85
"""JPEG quality, of 100."""

SUMS, DRAWN, CARD = "SHA256SUMS", "drawn.csv", "README.md"


@dataclass(frozen=True)
class Picture:
    """One finished picture: its name ('train/mug/0001.jpg'), its bytes, and what was drawn for it."""

    name: str
    jpeg: bytes
    drawn: dict[str, str | int | float]


def picture_names() -> list[str]:
    """Return the names of all pictures of the data set, such as 'train/mug/0001.jpg', in order."""
    return [
        f"{split}/{class_name}/{number:04d}.jpg"
        for split, count in COUNTS.items()
        for class_name in CLASSES
        for number in range(1, count + 1)
    ]


def make_picture(name: str) -> Picture:
    """Render one picture of the data set; the name alone decides what it shows.

    Raises:
        DataError: no class of that name.
    """
    class_name = Path(name).parent.name
    if class_name not in CLASSES:
        raise DataError(f"'{name}': no class '{class_name}'; a name looks like 'train/mug/0001.jpg'")
    staged = stage(class_name, name.removesuffix(".jpg"))
    pixels = render(staged.scene, SIZE, staged.seed)
    file = io.BytesIO()
    Image.fromarray(pixels.numpy()).save(file, "JPEG", quality=QUALITY, optimize=True)
    return Picture(name, file.getvalue(), staged.drawn)


def make_pictures(names: list[str], processes: int | None = None) -> Iterator[Picture]:
    """Render pictures in several processes, one thread each, and yield them in order."""
    with ProcessPoolExecutor(
        processes or usable_cores(), mp_context=get_context("spawn"), initializer=_use_one_thread
    ) as pool:
        yield from pool.map(make_picture, names, chunksize=4)


def make_tabletop(folder: Path, processes: int | None = None) -> Iterator[Picture]:
    """Write the data set into a folder, yielding each picture once it is on the disk.

    Args:
        folder: gets train/, val/ and test/, drawn.csv, SHA256SUMS and README.md; files of these names are
            replaced, others are left alone.
        processes: how many to use; all the cores there are, if not given.
    """
    sums: list[tuple[str, str]] = []
    rows: list[dict[str, str | int | float]] = []
    total = 0
    for picture in make_pictures(picture_names(), processes):
        _write(folder / picture.name, picture.jpeg)
        sums.append((hashlib.sha256(picture.jpeg).hexdigest(), picture.name))
        rows.append({"picture": picture.name, **picture.drawn})
        total += len(picture.jpeg)
        yield picture
    table = _table(rows)
    _write(folder / DRAWN, table)
    sums.append((hashlib.sha256(table).hexdigest(), DRAWN))
    _write(folder / CARD, data_card(COUNTS, SIZE, QUALITY, total).encode())
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
    for split in COUNTS:
        for path in sorted((folder / split).rglob("*")):
            name = path.relative_to(folder).as_posix()
            if path.is_file() and name not in sums:
                problems.append(f"{name} is not listed in {SUMS}")
    return problems


def check_rendering(folder: Path, names: list[str]) -> list[str]:
    """Render pictures again and compare digests; return one sentence for each that comes out differently."""
    sums = read_sums(folder)
    return [
        f"{picture.name} comes out differently when it is rendered again"
        for picture in make_pictures(names)
        if hashlib.sha256(picture.jpeg).hexdigest() != sums.get(picture.name)
    ]


def _use_one_thread() -> None:
    torch.set_num_threads(1)


def _write(path: Path, content: bytes) -> None:
    with write_atomically(path) as file:
        file.write(content)


def _table(rows: list[dict[str, str | int | float]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: f"{v:.3f}" if isinstance(v, float) else v for key, v in row.items()})
    return text.getvalue().encode()
