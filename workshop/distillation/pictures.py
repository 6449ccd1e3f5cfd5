"""Finding the pictures of a package: image files, and images inside the archives of games and fonts.

Such archives (.rcc, .edj, .ttf) hold PNG, JPEG and WebP images byte for byte, since compressing them once more
gains nothing. Each format says where an image ends, so it can be read in place.
"""

import hashlib
import io
import re
import struct
import warnings
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from workshop.distillation.package import Package
from workshop.distillation.sources import KEPT_FOR_MEASURING, KINDS, Source

_IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
_ARCHIVE_SUFFIXES = (".rcc", ".edj", ".ttf")
_BEGINNINGS = re.compile(rb"RIFF....WEBPVP8|\xff\xd8\xff[\xc0-\xfe]|\x89PNG\r\n\x1a\n", re.DOTALL)
_UNREADABLE = (OSError, ValueError, SyntaxError, Image.DecompressionBombError)
"""What Pillow raises at what is no image, or a damaged one."""
_NEXT_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]", re.DOTALL)


@dataclass(frozen=True)
class Picture:
    """A picture, and where its bytes are.

    Args:
        package: the package that it came with.
        kind: a key of `KINDS`.
        name: path in the package, followed by a number if it was inside an archive.
        path: the file that holds it.
        start: where in the file it begins, in bytes.
        length: its length in bytes.
        size: width and height in pixels.
    """

    package: str
    kind: str
    name: str
    path: Path
    start: int
    length: int
    size: tuple[int, int]

    @property
    def number(self) -> int:
        """A number of 31 bits that follows from package and name alone, whatever other pictures there are."""
        return zlib.crc32(f"{self.package} {self.name}".encode()) >> 1

    def data(self) -> bytes:
        """Return the bytes of the image file that it is, or was."""
        with self.path.open("rb") as file:
            file.seek(self.start)
            return file.read(self.length)

    def image(self, longest_side: int) -> Image.Image | None:
        """Return the picture, or None if it can't be read; a JPEG may come smaller, but not below this side."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Pillow, about odd files
            try:
                image = Image.open(io.BytesIO(self.data()))
                image.draft("RGB", (longest_side, longest_side))  # lets JPEG decode at a fraction of its size
                image.load()
            except _UNREADABLE:
                return None
        return image


def find_pictures(source: Source, package: Package) -> list[Picture]:
    """Return the pictures of a package that its source asks for, in the order of their names."""
    pictures = []
    for path in sorted(
        path for path in package.folder.rglob("*") if path.is_file() and not path.is_symlink()
    ):
        inside = f"/{path.relative_to(package.folder).as_posix()}"
        if _is_wanted(inside, source):
            pictures += list(_pictures_in(path, inside, source))
    if source.largest_only:
        pictures = _largest_of_group(pictures)
    return [picture for picture in pictures if min(picture.size) >= KINDS[source.kind].shortest_side]


def without_copies(pictures: Iterable[Picture]) -> list[Picture]:
    """Leave out pictures whose bytes were there already, in whichever package."""
    seen: set[str] = set()
    first = []
    for picture in pictures:
        digest = hashlib.sha256(picture.data()).hexdigest()
        if digest not in seen:
            seen.add(digest)
            first.append(picture)
    return first


def embedded_images(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield start and end, in bytes, of each PNG, JPEG or WebP image inside other data."""
    behind = 0
    for match in _BEGINNINGS.finditer(data):
        start = match.start()
        if start < behind:
            continue  # a thumbnail inside the image before
        end = _end_of_image(data, start)
        if end is not None:
            behind = end
            yield start, end


def _is_wanted(inside: str, source: Source) -> bool:
    suffixes = _IMAGE_SUFFIXES + (_ARCHIVE_SUFFIXES if source.archives else ())
    return (
        inside.lower().endswith(suffixes)
        and re.search(source.only, inside) is not None
        and not (source.never and re.search(source.never, inside))
        and not re.search(KEPT_FOR_MEASURING, Path(inside).stem)
    )


def _pictures_in(path: Path, inside: str, source: Source) -> Iterator[Picture]:
    if path.suffix.lower() in _IMAGE_SUFFIXES:
        spans = [(inside, 0, path.stat().st_size)]
    else:
        images = enumerate(embedded_images(path.read_bytes()))
        spans = [(f"{inside}#{number}", start, end - start) for number, (start, end) in images]
    for name, start, length in spans:
        size = _size(path, start, length)
        if size is not None:
            yield Picture(source.package, source.kind, name, path, start, length, size)


def _largest_of_group(pictures: list[Picture]) -> list[Picture]:
    largest: dict[Path, Picture] = {}
    for picture in pictures:
        group = picture.path if picture.path.suffix in _ARCHIVE_SUFFIXES else picture.path.parent
        before = largest.get(group)
        if before is None or picture.size[0] * picture.size[1] > before.size[0] * before.size[1]:
            largest[group] = picture
    return list(largest.values())


def _size(path: Path, start: int, length: int) -> tuple[int, int] | None:
    """Return width and height, or None for what is no image that can be read."""
    with path.open("rb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Pillow, about odd files
        file.seek(start)
        try:
            return Image.open(io.BytesIO(file.read(length))).size
        except _UNREADABLE:
            return None


def _end_of_image(data: bytes, start: int) -> int | None:
    end = {b"R": _end_of_webp, b"\x89": _end_of_png, b"\xff": _end_of_jpeg}[data[start : start + 1]]
    try:
        found = end(data, start)
    except (struct.error, IndexError):
        return None  # the data ended first
    return found if found is not None and found <= len(data) else None


def _end_of_webp(data: bytes, start: int) -> int:
    return start + 8 + int(struct.unpack_from("<I", data, start + 4)[0])


def _end_of_png(data: bytes, start: int) -> int:
    position = start + 8
    while True:
        length, kind = struct.unpack_from(">I4s", data, position)
        position += 12 + int(length)  # length, name, content, checksum
        if kind == b"IEND":
            return position


def _end_of_jpeg(data: bytes, start: int) -> int | None:
    position = start + 2
    while data[position] == 0xFF:
        marker = data[position + 1]
        if marker == 0xD9:
            return position + 2
        position += 2 + int(struct.unpack_from(">H", data, position + 2)[0])
        if marker == 0xDA:  # the pixels follow, up to the next marker
            following = _NEXT_MARKER.search(data, position)
            if following is None:
                return None
            position = following.start()
    return None
