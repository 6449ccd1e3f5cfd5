"""What a picture looks like in 64 numbers: enough to tell it from another one, and blind to rounding."""

from pathlib import Path
from typing import IO

from PIL import Image

_LEVELS = 2  # of 255 that a field may differ by


def sketch(picture: Path | IO[bytes]) -> bytes:
    """Return the brightness of 8 × 8 fields of a picture, each a byte; nothing of what is no picture."""
    try:
        with Image.open(picture) as image:
            return image.convert("L").resize((8, 8), Image.Resampling.BOX).tobytes()
    except OSError:
        return b""


def looks_like(picture: Path | IO[bytes], wanted: bytes) -> bool:
    """Say whether a picture looks as a sketch says."""
    found = sketch(picture)
    if not found or len(found) != len(wanted):
        return False
    return max(abs(a - b) for a, b in zip(found, wanted, strict=True)) <= _LEVELS
