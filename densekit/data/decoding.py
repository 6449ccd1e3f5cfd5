"""From the bytes of an image file to a picture as it is meant to be seen.

Turned as its EXIF entry says, transparent parts on white, 16 bits and greyscale and CMYK as RGB, of an animation
the first frame. A file is read once: its hash and its pixels come from the same bytes.
"""

import hashlib
import io
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from densekit.data.image_files import DECODERS
from densekit.data.problems import Problem
from densekit.errors import ImageError, one_line

MAX_PIXELS = 1024**3 // 4 // 3
"""A picture with more pixels than this (89 million, a quarter of a gigabyte as RGB) is refused: a small file that
claims to be so large is more often an attack, a decompression bomb, than a photograph."""

# Too many pixels and damaged EXIF entries are dealt with below; Pillow need not warn of them as well.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning, module=r"PIL\.")
warnings.filterwarnings("ignore", message=r"Corrupt EXIF data|Possibly corrupt EXIF", module=r"PIL\.")


@dataclass(frozen=True)
class Picture:
    """A decoded image file.

    Args:
        image: the picture, RGB, the right way up.
        content_hash: SHA-256 of the file's bytes, in hexadecimal.
        format: Pillow's name of the file's format, such as 'JPEG'.
        frames: number of frames; above 1 for an animation or a file of several pages.
    """

    image: Image.Image
    content_hash: str
    format: str
    frames: int


def open_image(path: Path | str) -> Image.Image:
    """Open one picture, as RGB and the right way up.

    Raises:
        ImageError: the file is missing, may not be read, is damaged or no image, or has too many pixels.
    """
    picture = read_picture(Path(path))
    if isinstance(picture, Problem):
        raise ImageError(str(picture))
    return picture.image


def content_hash(path: Path | str) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal.

    Raises:
        ImageError: the file is missing or may not be read.
    """
    data = _read_bytes(Path(path))
    if isinstance(data, Problem):
        raise ImageError(str(data))
    return hashlib.sha256(data).hexdigest()


def read_picture(path: Path) -> Picture | Problem:
    """Read, hash and decode an image file; the answer is a problem if that can't be done."""
    picture = read_if_new(path, lambda content_hash: False)
    assert not isinstance(picture, str)
    return picture


def read_if_new(path: Path, known: Callable[[str], bool]) -> Picture | Problem | str:
    """Read and hash an image file, once, and decode it only if its hash is not known.

    Args:
        path: the file.
        known: says of a hash whether the picture is not needed; called from the caller's thread.

    Returns:
        The picture, or its hash if that is known, or a problem if the file can't be read or decoded.
    """
    data = _read_bytes(path)
    if isinstance(data, Problem):
        return data
    if not data:
        return Problem.of("corrupt-image", path, "the file is empty (0 bytes)")
    content_hash = hashlib.sha256(data).hexdigest()
    if known(content_hash):
        return content_hash
    try:
        return _decode(path, data)
    except Exception as error:  # a damaged file can make a decoder raise anything
        return Problem.of("corrupt-image", path, f"the image can't be decoded ({one_line(error)})")


def _decode(path: Path, data: bytes) -> Picture | Problem:
    try:
        image: Image.Image = Image.open(io.BytesIO(data), formats=DECODERS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        return Problem.of("too-large-image", path, f"the image has too many pixels ({one_line(error)})")
    except UnidentifiedImageError:
        return Problem.of("corrupt-image", path, "no image format is recognised in the file")
    if image.width * image.height > MAX_PIXELS:
        size = f"{image.width} × {image.height} pixels, the limit is {MAX_PIXELS:,}"
        return Problem.of("too-large-image", path, f"the image has too many pixels ({size})")
    # The header alone has been read so far. An MPO, as many cameras write it, is a JPEG and a preview.
    found = "JPEG" if image.format == "MPO" else str(image.format)
    frames = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
    image.load()
    _turn_upright(image)
    return Picture(_to_rgb(image), hashlib.sha256(data).hexdigest(), found, frames)


def _turn_upright(image: Image.Image) -> None:
    """Turn a picture as its EXIF entry says, in place; a damaged entry is no reason to lose a good picture."""
    with suppress(Exception):
        ImageOps.exif_transpose(image, in_place=True)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode == "F" or image.mode.startswith("I"):
        return _deep_to_rgb(image)
    if "transparency" in image.info or image.mode in ("RGBA", "RGBa", "LA", "La", "PA"):
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")
    return image.convert("RGB")


def _deep_to_rgb(image: Image.Image) -> Image.Image:
    """Bring more than 8 bits of grey to 8; Pillow itself would cut all values above 255 off."""
    values = np.asarray(image).astype(np.float64)
    finite = values[np.isfinite(values)]
    lowest, highest = (finite.min(), finite.max()) if finite.size else (0.0, 1.0)
    if image.mode.startswith("I;16") or (image.mode == "I" and lowest >= 0 and highest <= 65535):
        lowest, highest = 0.0, 65535.0  # 16 bits, whichever of them this picture uses
    elif lowest >= 0 and highest <= 1:
        lowest, highest = 0.0, 1.0
    spread = max(highest - lowest, np.finfo(np.float64).tiny)
    grey = np.nan_to_num((values - lowest) / spread, nan=0.0, posinf=1.0, neginf=0.0).clip(0, 1)
    return Image.fromarray(np.rint(grey * 255).astype(np.uint8)).convert("RGB")


def _read_bytes(path: Path) -> bytes | Problem:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return Problem.of("missing-file", path, _missing(path))
    except IsADirectoryError:
        return Problem.of("not-an-image", path, "a folder, where an image file is needed")
    except PermissionError:
        return Problem.of("no-permission", path, "the file may not be read")
    except OSError as error:
        return Problem.of("corrupt-image", path, f"the file can't be read ({one_line(error)})")


def _missing(path: Path) -> str:
    if path.is_symlink():
        return f"a link to {path.readlink()}, which is not there"
    siblings = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
    close = get_close_matches(path.name, siblings, n=1)
    return f"there is no such file; did you mean '{close[0]}'?" if close else "there is no such file"
