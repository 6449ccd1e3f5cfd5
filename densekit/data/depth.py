"""Pictures of more than eight bits, brought to eight.

Cameras of microscopes and X-ray machines have 10, 12 or 14 bits and write them into files of 16: their white is
1023, 4095 or 16383, and read as if it were 65535 the picture is nearly black. Few files say what their white is.
So it is the smallest of these numbers that the picture does not pass: pictures of one depth share one scale,
however bright each is.

A picture may be of hundreds of megabytes, so it is converted in strips: no more than its pixels and the result
are in memory.
"""

import io
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from densekit.data.png import significant_bits
from densekit.errors import ImageError

DEPTHS = (8, 10, 12, 14, 16)
"""Bits of a pixel that cameras have."""

_STRIP = 1024**2  # pixels that are converted at once
_PHOTOMETRIC, _WHITE_IS_ZERO = 262, 0  # TIFF tag, and its value for negatives
_LAYOUT, _IN_PLANES, _BITS = 284, 2, 258  # TIFF tag, its value for one colour after the other; tag of depths
_STEPS = {"L;2": 85, "L;4": 17}  # how far two neighbours of so few greys are apart when there are 256
_NOT_READ = "holds a TIFF picture with planes of 16 bits, which are not read rightly"
# The same bytes read in the other order: what was the high byte becomes the low one.
_OTHER_BYTE = {";16B": ";16L", ";16L": ";16B", ";16N": ";16B" if sys.byteorder == "little" else ";16L"}


@dataclass(frozen=True)
class Scale:
    """What is black and what is white.

    Args:
        black: the value that becomes 0.
        white: the value that becomes 255.
        bits: how many the camera had, one of `DEPTHS`; None where the values tell nothing of it, as in floats.
    """

    black: float
    white: float
    bits: int | None

    def apply(self, values: NDArray[np.generic]) -> NDArray[np.uint8]:
        """Return values of any type as bytes of the same shape; what is no number becomes black."""
        if values.dtype == np.uint16:  # each of the 65,536 is worked out once
            table: NDArray[np.uint8] = self.apply(np.arange(2**16, dtype=np.float64))[values]
            return table
        spread = max(self.white - self.black, np.finfo(np.float64).tiny)
        grey = (values.astype(np.float64) - self.black) / spread
        grey = np.nan_to_num(grey, copy=False, nan=0.0, posinf=1.0, neginf=0.0).clip(0, 1)
        return np.rint(grey * 255).astype(np.uint8)


def scale_of(lowest: float, highest: float, *, is_float: bool, known_bits: int | None = None) -> Scale:
    """Return the scale of a picture with these values.

    Args:
        lowest: the least of its finite values.
        highest: the greatest of them.
        is_float: whether they are floats, whose white may be 1.
        known_bits: the depth that the file itself tells, if it does.
    """
    if lowest >= 0 and is_float and highest <= 2:  # a little above 1 is what sharpening leaves
        return Scale(0, 1, None)
    if lowest >= 0 and known_bits is not None and highest < 2**known_bits:
        return Scale(0, 2**known_bits - 1, known_bits)
    if lowest >= 0 and known_bits is not None and highest < 2**16:
        return Scale(0, 2**16 - 1, 16)  # stretched over all 16 bits, as the PNG standard has it
    for bits in DEPTHS:
        if lowest >= 0 and highest < 2**bits:
            return Scale(0, 2**bits - 1, bits)
    return Scale(lowest, highest, None)


def is_deep(image: Image.Image) -> bool:
    """Say whether a picture that is not loaded yet has more than 8 bits of a single grey."""
    return image.mode == "F" or image.mode.startswith("I")


def put_right(image: Image.Image) -> None:
    """Put right what Pillow says of a picture that is not loaded yet, so that it is read as the file has it.

    Raises:
        ImageError: it lies in planes of 16 bits, of a kind for which Pillow has no name.
    """
    _name_planes(image)
    _scale_clear_grey(image)


def _name_planes(image: Image.Image) -> None:
    """Have planes of 16 bits read as such: where they aren't compressed, Pillow takes them for ones of 8."""
    if not _has_deep_planes(image) or _is_compressed(image):
        return
    order = ";16B" if image.tag_v2.prefix == b"MM" else ";16L"  # type: ignore[attr-defined]
    if image.mode.startswith("I;16"):  # the single plane of a grey picture
        _rename(image, lambda _: image.mode)
    elif image.mode in ("RGB", "RGBA") and set(_raw_modes(image)) == set(image.mode):
        _rename(image, lambda colour: colour + order)
    else:
        raise ImageError(_NOT_READ)


def _scale_clear_grey(image: Image.Image) -> None:
    """Bring the grey that a PNG file of 2 or 4 bits calls transparent to 8 bits, as Pillow does all others."""
    step, clear = _STEPS.get(_raw_mode(image)), image.info.get("transparency")
    if step and isinstance(clear, int):
        image.info["transparency"] = clear % (255 // step + 1) * step  # the bits above are not used


def loses_its_low_bytes(image: Image.Image) -> bool:
    """Say whether a picture that is not loaded yet has 16 bits of each colour: Pillow keeps the upper 8 alone."""
    return not is_deep(image) and _raw_mode(image)[-4:] in _OTHER_BYTE


def grey_to_bytes(image: Image.Image, data: bytes) -> tuple[Image.Image, int | None]:
    """Return a loaded picture of one deep grey as 8 bits, mode L, and how many bits it had.

    Where the file calls one grey transparent, it is white.
    """
    lowest, highest = _extremes(image)
    told = significant_bits(data)
    scale = scale_of(lowest, highest, is_float=image.mode == "F", known_bits=told)
    negative = getattr(image, "tag_v2", {}).get(_PHOTOMETRIC) == _WHITE_IS_ZERO
    grey = np.empty((image.height, image.width), np.uint8)
    for top, strip in _strips(image):
        values = np.asarray(strip)
        converted = scale.apply(values)
        grey[top : top + strip.height] = 255 - converted if negative else converted
        _whiten(grey[top : top + strip.height], values, image.info.get("transparency"))
    return Image.fromarray(grey), scale.bits


def rescue_low_bytes(image: Image.Image, data: bytes) -> int:
    """Bring a loaded picture of 16 bits a colour to its own scale, in place, and return how many bits it had.

    Pillow has kept the upper bytes. Where they are all small, the file holds fewer bits than 16, and what is seen
    is in the lower bytes, which are read here; unless they are inks, of which a pale picture has little. Where
    the file calls one colour transparent, it becomes white: only all 16 bits tell which pixels have it.

    Raises:
        ImageError: the lower bytes are needed, and Pillow does not read them.
    """
    colours = len(image.mode.rstrip("Aa"))
    upper = max(int(np.asarray(strip)[..., :colours].max()) for _, strip in _strips(image))
    told = significant_bits(data)
    clear = image.info.pop("transparency", None)
    is_full = image.mode == "CMYK" or upper >= 64 or (told is not None and upper >= 2 ** max(told - 8, 0))
    if is_full and clear is None:
        return 16
    lower = _read_low_bytes(data)
    highest = max(int(values[..., :colours].max()) for _, values in _joined(image, lower))
    scale = scale_of(0, highest, is_float=False, known_bits=told)
    for top, values in _joined(image, lower):
        converted = scale.apply(values)
        _whiten(converted, values, clear)
        image.paste(Image.fromarray(converted), (0, top))
    return scale.bits or 16


def _whiten(
    converted: NDArray[np.uint8], values: NDArray[np.generic], clear: int | tuple[int, ...] | None
) -> None:
    """Make white, in place, what has the one value or colour in the file that it calls transparent."""
    if clear is not None:
        is_clear = (values == np.array(clear)).reshape(*values.shape[:2], -1).all(axis=-1)
        converted[is_clear] = 255


def _joined(upper: Image.Image, lower: Image.Image) -> Iterator[tuple[int, NDArray[np.uint16]]]:
    for (top, high), (_, low) in zip(_strips(upper), _strips(lower), strict=True):
        yield top, np.asarray(high).astype(np.uint16) * 256 + np.asarray(low)


def _read_low_bytes(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    if _has_deep_planes(image) and _is_compressed(image):  # these are read by one name, whatever is asked for
        raise ImageError(_NOT_READ)
    _name_planes(image)
    if _raw_mode(image) == "LA;16B":
        return _read_low_greys(image)
    _rename(image, lambda mode: mode[:-4] + _OTHER_BYTE[mode[-4:]])
    image.load()
    return image


def _read_low_greys(image: Image.Image) -> Image.Image:
    """Read the lower bytes of grey and transparency, for which Pillow has no name, in place.

    Read as if they were four colours, they are the second and the fourth.
    """
    _rename(image, lambda _: "RGBA")
    image.load()
    for top, strip in _strips(image):
        image.paste(Image.fromarray(np.asarray(strip)[..., [1, 1, 1, 3]]), (0, top))
    return image


def _has_deep_planes(image: Image.Image) -> bool:
    tags = getattr(image, "tag_v2", {})
    return tags.get(_LAYOUT) == _IN_PLANES and 16 in tags.get(_BITS, ())


def _is_compressed(image: Image.Image) -> bool:
    """Say whether a TIFF file that is not loaded yet is decoded by libtiff."""
    return any(codec == "libtiff" for codec, *_ in _tiles(image))


def _rename(image: Image.Image, other: Callable[[str], str]) -> None:
    """Change how Pillow names the order of the bytes in a file that is not loaded yet."""
    tiles = _tiles(image)
    for place, (codec, extents, offset, arguments) in enumerate(tiles):
        mode = other(_mode_in(arguments))
        changed = mode if isinstance(arguments, str) else (mode, *arguments[1:])
        kind = type(tiles[place])  # a named tuple from Pillow 11.1 on
        entry = (codec, extents, offset, changed)
        tiles[place] = entry if kind is tuple else kind(*entry)


def _raw_modes(image: Image.Image) -> Iterator[str]:
    """Yield how Pillow names the order of the bytes in each part of the file; '' where it names none."""
    return (_mode_in(arguments) for *_, arguments in _tiles(image))


def _raw_mode(image: Image.Image) -> str:
    return next(_raw_modes(image), "")


def _tiles(image: Image.Image) -> list[Any]:
    """Return the parts of a file that is not loaded yet: codec, extents, offset and arguments of each."""
    return getattr(image, "tile", [])


def _mode_in(arguments: Any) -> str:
    mode = arguments if isinstance(arguments, str) else next(iter(arguments or ()), "")
    return mode if isinstance(mode, str) else ""


def _extremes(image: Image.Image) -> tuple[float, float]:
    """Return the lowest and the highest finite value; 0 and 1 if there is none."""
    lowest, highest = np.inf, -np.inf
    for _, strip in _strips(image):
        values = np.asarray(strip)
        finite = values[np.isfinite(values)] if values.dtype.kind == "f" else values
        if finite.size:
            lowest, highest = min(lowest, float(finite.min())), max(highest, float(finite.max()))
    return (lowest, highest) if lowest <= highest else (0.0, 1.0)


def _strips(image: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    rows = max(1, _STRIP // image.width)
    for top in range(0, image.height, rows):
        yield top, image.crop((0, top, image.width, min(top + rows, image.height)))
