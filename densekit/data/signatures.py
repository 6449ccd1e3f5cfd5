"""What a file holds that is called a picture and is none that can be read: told by its first bytes.

"Damaged" would send somebody to look for a better copy of a file that is perfectly whole.
"""

import io
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from PIL import TiffImagePlugin

from densekit.words import counted

HEIC_REMEDY = (
    "Install pillow-heif (pip install pillow-heif) to read it as it is, or convert it to JPEG; an iPhone takes "
    "JPEG itself with Settings > Camera > Formats > Most Compatible."
)


class Content(NamedTuple):
    """What a file holds.

    Args:
        name: for a message, with its article.
        is_picture: whether it is a picture, in a format that is not read here, or not everywhere.
        remedy: what to do, where it is not what is always to be done.
        format: Pillow's name of a format that is read where its decoder is installed: then the file is damaged.
    """

    name: str
    is_picture: bool
    remedy: str | None = None
    format: str | None = None


_STARTS: Sequence[tuple[bytes, Content]] = (
    (b"\x00\x00\x00\x0cJXL ", Content("a JPEG XL picture", True)),
    (b"\xff\x0a", Content("a JPEG XL picture", True)),
    (b"8BPS", Content("a Photoshop document", True)),
    (b"gimp xcf", Content("a GIMP document", True)),
    (b"v/1\x01", Content("an OpenEXR picture", True)),
    (b"#?RADIANCE", Content("a Radiance HDR picture", True)),
    (b"\x00\x00\x01\x00", Content("a Windows icon", True)),
    (b"MM\0+", Content("a BigTIFF picture", True)),  # that of the other order of bytes is read
    (b"FUJIFILMCCD-RAW", Content("a camera's raw picture", True)),
    (b"%PDF", Content("a PDF document", False)),
    (b"%!PS", Content("a PostScript document", False)),
    (b"PK\x03\x04", Content("a zip archive", False, "Unpack it, and use the pictures in it.")),
    (b"Rar!", Content("a RAR archive", False, "Unpack it, and use the pictures in it.")),
    (b"7z\xbc\xaf", Content("a 7z archive", False, "Unpack it, and use the pictures in it.")),
    (b"\x1f\x8b", Content("a gzip archive", False, "Unpack it, and use what is in it.")),
    (
        b"version https://git-lfs",
        Content("a pointer of Git LFS", False, "Fetch the file itself: git lfs pull."),
    ),
    (b"\x93NUMPY", Content("a NumPy array", False)),
    (b"\x89HDF", Content("an HDF5 file", False)),
    (b"SIMPLE  =", Content("a FITS file of astronomy", True)),
)
_TEXTS: Sequence[tuple[bytes, Content]] = (
    (b"<svg", Content("an SVG drawing", True, "Export it as PNG, and use that.")),
    (
        b"<!doctype html",
        Content("a web page", False, "The download went wrong: get the picture itself again."),
    ),
    (b"<html", Content("a web page", False, "The download went wrong: get the picture itself again.")),
    (b"<?xml", Content("an XML text", False)),
    (b"{", Content("a JSON text", False, "The download went wrong: get the picture itself again.")),
)
_BRANDS: Sequence[tuple[tuple[bytes, ...], Content]] = (
    (
        (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"),
        Content("a HEIC picture", True, HEIC_REMEDY, "HEIF"),
    ),
    ((b"avif", b"avis"), Content("an AVIF picture", True, format="AVIF")),
    ((b"crx ",), Content("a camera's raw picture", True)),
    ((), Content("a video", False, "Take single pictures from it, and use those.")),
)


_BITS, _CHANNELS, _NUMBERS = 258, 277, 339  # tags of TIFF
_PLACES = {273, 324}  # tags of where the pixels are, one of which a whole file has
_KINDS = {2: "signed numbers", 3: "floating-point numbers"}


def recognise(data: bytes) -> Content | None:
    """Return what a file holds that is no readable picture; None if its first bytes say nothing.

    Args:
        data: the file's bytes.
    """
    if data[128:132] == b"DICM":
        return Content(
            "a DICOM picture of medicine", True, "Export it as PNG (pydicom does it), and use that."
        )
    if data[:4] in (b"II*\0", b"MM\0*", b"II+\0"):
        return _tiff(data)
    if data[4:8] == b"ftyp":
        return next(content for brands, content in _BRANDS if not brands or data[8:12] in brands)
    for start, content in _STARTS:
        if data.startswith(start):
            return content
    text = data[:400].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith(b"<") and b"<svg" in text:
        return _TEXTS[0][1]
    return next((content for start, content in _TEXTS if text.startswith(start)), None)


def _tiff(data: bytes) -> Content | None:
    """Say what a whole TIFF file holds: five channels of a satellite, say; None if it is damaged."""
    with suppress(Exception):
        directory = TiffImagePlugin.ImageFileDirectory_v2(data[: 16 if data[2:3] == b"+" else 8])
        file = io.BytesIO(data)
        file.seek(directory.next)
        directory.next = -1
        directory.load(file)
        if directory.next < 0 or not _PLACES & set(directory):  # it ended before its end
            return None
        bits, channels = directory[_BITS], directory.get(_CHANNELS, 1)
        kind = _KINDS.get(directory.get(_NUMBERS, (1,))[0], "numbers")
        what = f"{counted(channels, 'channel')} with {kind} of {bits[0]} bits"
        return Content(f"a TIFF picture of {what}, which Pillow does not read", True)
    return None
