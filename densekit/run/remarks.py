"""What a run says besides its numbers, in sentences."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from densekit.features.extraction import Pictures
from densekit.words import counted

Teller = Callable[[str], None]
"""Called with each remark on a run."""


def remark_on_stderr(text: str) -> None:
    """Print a remark where it doesn't mix with results."""
    print(f"densekit: {text}", file=sys.stderr)


def repeated(folder: Path, learned_from: Pictures, held_back: Pictures) -> Iterator[str]:
    """Tell of pictures in two classes, or both learned from and held back: what the doctor calls errors."""
    places: dict[str, set[tuple[str, int]]] = {}
    for part, pictures in (("train", learned_from), ("val", held_back)):
        for content, label in zip(pictures.hashes, pictures.labels.tolist(), strict=True):
            places.setdefault(content, set()).add((part, label))
    torn = sum(len({label for _, label in found}) > 1 for found in places.values())
    leaked = sum(len({part for part, _ in found}) > 1 for found in places.values())
    for number, what in ((torn, "in several classes"), (leaked, "both learned from and held back")):
        if number:
            doctor = f"`densekit doctor {folder}` names them"
            yield f"{counted(number, 'image')} {'is' if number == 1 else 'are'} {what}: {doctor}"
