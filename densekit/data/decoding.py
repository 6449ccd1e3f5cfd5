"""From the bytes of an image file to a picture as it is meant to be seen.

Turned as its EXIF entry says, transparent parts on white, deep pictures and greyscale and CMYK as RGB, of an
animation the first frame. A file is read once: its hash and its pixels come from the same bytes. Memory is
bounded before it is taken: `densekit.data.memory`.
"""

import hashlib
import io
import warnings
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from PIL import Image, ImageOps, UnidentifiedImageError

from densekit.data.depth import grey_to_bytes, is_deep, loses_its_low_bytes, put_right, rescue_low_bytes
from densekit.data.file_bytes import read_bytes, size_of
from densekit.data.image_files import DECODERS
from densekit.data.memory import DECODING
from densekit.data.png import without_notes
from densekit.data.problems import Problem
from densekit.data.signatures import recognise
from densekit.errors import ImageError, one_line
from densekit.files import named

VERSION = 3
"""Counted up whenever a file gives other pixels than before: what was computed from those is computed anew."""
MAX_PIXELS = 1024**3 // 4 // 3
"""A picture with more pixels than this (89 million, a quarter of a gigabyte as RGB) is refused: a small file that
claims to be so large is more often an attack, a decompression bomb, than a photograph."""
MAX_MEMORY = 700 * 1024**2
"""A picture that takes more bytes than this while it is decoded, file and result counted, is refused."""

_LARGE_FILE = 32 * 1024**2  # from here on a file is read while no other picture is being decoded
_BYTES_A_PIXEL = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2}  # in memory; all others take 4

Answer = TypeVar("Answer")

# Too many pixels and damaged EXIF entries are dealt with below; Pillow need not warn of them as well.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning, module=r"PIL\.")
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")  # of tags that are damaged


@dataclass(frozen=True)
class Picture:
    """A decoded image file.

    Args:
        image: the picture, RGB, the right way up.
        size: its width and height in the file, in pixels; those of `image`, unless it was decoded smaller.
        content_hash: SHA-256 of the file's bytes, in hexadecimal.
        format: Pillow's name of the file's format, such as 'JPEG'.
        frames: number of frames; above 1 for an animation or a file of several pages.
        bits: of each colour, as the camera had them, whatever the file has room for; None for floats.
    """

    image: Image.Image
    size: tuple[int, int]
    content_hash: str
    format: str
    frames: int
    bits: int | None = 8


@dataclass(frozen=True)
class Known:
    """A picture that was not decoded, since its hash is known.

    Args:
        content_hash: SHA-256 of the file's bytes, in hexadecimal.
    """

    content_hash: str


def open_image(path: Path | str) -> Image.Image:
    """Open one picture, as RGB and the right way up.

    Raises:
        ImageError: the file is missing, may not be read, is damaged or no image, or has too many pixels.
        DataError: the path is one that no file has, as `densekit.files.named` says.
    """
    picture = read_picture(named(path))
    if isinstance(picture, Problem):
        raise ImageError(str(picture))
    return picture.image


def content_hash(path: Path | str) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal.

    Raises:
        ImageError: the file is missing or may not be read.
        DataError: the path is one that no file has, as `densekit.files.named` says.
    """
    data = read_bytes(named(path))
    if isinstance(data, Problem):
        raise ImageError(str(data))
    return hashlib.sha256(data).hexdigest()


def read_picture(path: Path) -> Picture | Problem:
    """Read, hash and decode an image file; the answer is a problem if that can't be done."""
    return read_and_use(path, lambda picture: picture)


def read_and_use(path: Path, use: Callable[[Picture], Answer], enough: int | None = None) -> Answer | Problem:
    """Read, hash and decode an image file, and return what `use` makes of the picture, or a problem.

    While `use` runs, what the picture takes is counted, so that many threads stay within one budget. So it
    should return something small.

    Args:
        path: the file.
        use: what is to be made of the picture.
        enough: pixels of the longer side that will do. A JPEG with twice as many or more is then decoded to a
            half, a quarter or an eighth: all of its data is read and checked, but fewer pixels are made.
    """
    used = read_if_new(path, lambda content_hash: False, use, enough)
    assert not isinstance(used, Known)
    return used


def read_if_new(
    path: Path, known: Callable[[str], bool], use: Callable[[Picture], Answer], enough: int | None = None
) -> Answer | Problem | Known:
    """Read and hash an image file, once, and decode it only if its hash is not known.

    Args:
        path: the file.
        known: says of a hash whether the picture is not needed; called from the caller's thread.
        use: what is to be made of the picture, as in `read_and_use`.
        enough: pixels of the longer side that will do, as in `read_and_use`.

    Returns:
        What `use` returned, or the hash if that is known, or a problem if the file can't be read or decoded.
    """
    with (
        ExitStack() as held
    ):  # what the inner function leaves behind is freed before its memory is given back
        return _read_if_new(path, known, use, enough, held)


def _read_if_new(
    path: Path,
    known: Callable[[str], bool],
    use: Callable[[Picture], Answer],
    enough: int | None,
    held: ExitStack,
) -> Answer | Problem | Known:
    is_large = size_of(path) > _LARGE_FILE
    if is_large:
        held.enter_context(DECODING.hold(DECODING.total))
    data = read_bytes(path)
    if isinstance(data, Problem):
        return data
    content_hash = hashlib.sha256(data).hexdigest()
    if known(content_hash):
        return Known(content_hash)
    try:
        picture = _decode(path, data, content_hash, enough, None if is_large else held)
    except ImageError as error:
        return Problem.of("unreadable-format", path, str(error))
    except (Image.DecompressionBombError, MemoryError) as error:
        return Problem.of("too-large-image", path, f"the image has too many pixels ({one_line(error)})")
    except Exception as error:  # a damaged file can make a decoder raise anything
        return Problem.of("corrupt-image", path, f"the image can't be decoded ({one_line(error)})")
    return picture if isinstance(picture, Problem) else use(picture)


def _decode(
    path: Path, data: bytes, content_hash: str, enough: int | None, held: ExitStack | None
) -> Picture | Problem:
    """Decode a file's bytes.

    Args:
        path: the file.
        data: its bytes.
        content_hash: their hash.
        enough: pixels of the longer side that will do.
        held: where the memory is noted that the caller gives back; None if the caller holds all there is.
    """
    if not data:
        return Problem.of("corrupt-image", path, "the file is empty (0 bytes)")
    image = _open(data) or _open(without_notes(data) or b"")
    if image is None:
        return _unrecognised(path, data)
    needed = len(data) + image.width * image.height * _bytes_needed(image)
    if image.width * image.height > MAX_PIXELS or needed > MAX_MEMORY:
        size = f"{image.width} × {image.height} pixels, {needed // 1024**2:,} MB while it is decoded"
        limits = f"the limits are {MAX_PIXELS:,} pixels and {MAX_MEMORY // 1024**2} MB"
        return Problem.of("too-large-image", path, f"the image has too many pixels ({size}; {limits})")
    if held is not None:
        held.enter_context(DECODING.hold(needed))
    # An MPO, as many cameras write it, is a JPEG and a preview.
    found = "JPEG" if image.format == "MPO" else str(image.format)
    in_file = image.size
    if enough is not None and found == "JPEG":
        _draft(image, enough)
    try:
        rgb, bits = _load(image, data)
    except (ValueError, SyntaxError, OSError):
        clean = without_notes(data) or b""
        if (image := _open(clean)) is None:
            raise
        rgb, bits = _load(image, clean)
    is_turned = (rgb.width - rgb.height) * (in_file[0] - in_file[1]) < 0  # by a quarter
    upright = in_file[::-1] if is_turned else in_file
    frames = 1 if found == "JPEG" else _count_frames(data)
    return Picture(rgb, upright, content_hash, found, frames, bits)


def _draft(image: Image.Image, enough: int) -> None:
    """Have a JPEG decoded to a half, a quarter or an eighth, if `enough` pixels are left of its longer side."""
    scale = next((scale for scale in (8, 4, 2) if max(image.size) // scale >= enough), 1)
    if scale > 1 and min(image.size) >= scale:
        image.draft(None, (image.width // scale, image.height // scale))


def _open(data: bytes) -> Image.Image | None:
    """Read the header; None if no format is recognised in it, or Pillow stumbles over a note in it."""
    try:
        return Image.open(io.BytesIO(data), formats=DECODERS)
    except Image.DecompressionBombWarning as warning:  # where warnings are errors
        raise Image.DecompressionBombError(str(warning)) from warning
    except (UnidentifiedImageError, ValueError):
        return None


def _bytes_needed(image: Image.Image) -> int:
    """Return the bytes that a pixel takes while it is decoded: as it is, and as it becomes."""
    as_it_is = _BYTES_A_PIXEL.get(image.mode, 4)
    if is_deep(image):
        return as_it_is + 1 + 4
    return as_it_is + 4  # also for RGB, which is copied when it is turned


def _load(image: Image.Image, data: bytes) -> tuple[Image.Image, int | None]:
    """Return the picture as RGB, the right way up, and its bits. Its header alone has been read so far.

    Raises:
        ImageError: it is whole, but not of a kind that is read rightly.
    """
    put_right(image)
    halved = loses_its_low_bytes(image)
    image.load()
    bits: int | None = rescue_low_bytes(image, data) if halved else 8
    _turn_upright(image)
    if is_deep(image):
        image, bits = grey_to_bytes(image, data)
    return _to_rgb(image), bits


def _unrecognised(path: Path, data: bytes) -> Problem:
    content = recognise(data)
    if content is None:
        return Problem.of("corrupt-image", path, "no image format is recognised in the file")
    if content.format in DECODERS:
        return Problem.of("corrupt-image", path, f"holds {content.name} that is cut off or damaged")
    kind = "unreadable-format" if content.is_picture else "not-an-image"
    return Problem.of(kind, path, f"holds {content.name}", remedy=content.remedy)


def _count_frames(data: bytes) -> int:
    """Count the frames, in a second look: a broken second page is no reason to lose the first."""
    with suppress(Exception), Image.open(io.BytesIO(data), formats=DECODERS) as image:
        return int(getattr(image, "n_frames", 1))
    return 1


def _turn_upright(image: Image.Image) -> None:
    """Turn a picture as its EXIF entry says, in place; a damaged entry is no reason to lose a good picture."""
    with suppress(Exception):
        ImageOps.exif_transpose(image, in_place=True)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if "transparency" in image.info or image.mode in ("RGBA", "RGBa", "LA", "La", "PA"):
        return _on_white(image)
    return image.convert("RGB")


def _on_white(image: Image.Image) -> Image.Image:
    """Return a picture with transparent parts on white; in strips, since each step of it is a copy."""
    result = Image.new("RGB", image.size)
    rows = max(1, 4 * 1024**2 // image.width)
    for top in range(0, image.height, rows):
        strip = image.crop((0, top, image.width, min(top + rows, image.height)))
        strip.info = image.info
        strip = strip.convert("RGBA")
        white = Image.new("RGBA", strip.size, "white")
        result.paste(Image.alpha_composite(white, strip).convert("RGB"), (0, top))
    return result
