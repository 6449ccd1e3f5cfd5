"""A small data folder with everything wrong that can be wrong with one, and the truth about it.

What Git or an archive can't carry (hidden files, links, rights, names that are no text, empty folders) is added
by `densekit.data.messy` on the reader's own machine.
"""

import io
import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter, ImageOps

from densekit.files import write_atomically
from workshop.samples.messy_card import CARD

SIZE = (128, 96)
"""Width and height of an ordinary picture of the folder, in pixels."""

TRAIN = {
    **{"apple": 20, "bird": 6, "broken": 0, "coin": 2, "lonely": 1},
    **{"sea shell": 4, "sea_shell": 4, "고양이 🐱": 4},
    **{"garden/fork": 2, "garden/spoon": 2, "kitchen/fork": 2, "kitchen/spoon": 2},
}
"""Ordinary pictures to learn from, by folder."""

VAL = (
    *("apple", "bird", "broken", "brid", "coin", "garden", "kitchen"),
    *("sea shell", "sea_shell", "고양이 🐱"),
)
"""Folders with one ordinary picture to validate on; one has a name that is spelled wrongly."""

Truth = dict[str, list[str]]

CLASSES: Truth = {
    ".": ["deep-image"],
    "train/broken": ["unreadable-class"],
    "train/coin": ["imbalance"],
    "train/kitchen": ["nested-classes"],
    "train/lonely": ["one-image-class"],
    "train/sea_shell": ["twin-classes"],
    "val/brid": ["class-mismatch"],
    "val/lonely": ["class-mismatch"],
}
"""What is wrong with folders."""


def draw(seed: int, size: tuple[int, int] = SIZE) -> Image.Image:
    """Draw a picture with large and small things in it, in whole numbers, so that it is the same everywhere."""
    chance = np.random.default_rng(seed)
    total: NDArray[np.int32] = np.zeros((size[1], size[0], 3), np.int32)
    for side, weight in ((3, 4), (6, 3), (12, 2), (24, 2), (64, 1)):
        coarse = Image.fromarray(chance.integers(0, 256, (side, side, 3), dtype=np.uint8))
        total += weight * np.asarray(coarse.resize(size, Image.Resampling.BICUBIC), np.int32)
    spread = (total // 12 - 128) * 3 // 2 + 128
    return Image.fromarray(spread.clip(0, 255).astype(np.uint8))


def jpeg(image: Image.Image, quality: int = 80) -> bytes:
    """Return a picture as the bytes of a JPEG file."""
    return _saved(image, "JPEG", quality=quality)


def _saved(image: Image.Image, name: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, name, **options)
    return file.getvalue()


def _bomb(side: int = 20_000) -> bytes:
    """Return a PNG of some bytes that claims to hold side × side pixels."""
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + tag + data + struct.pack(">I", zlib.crc32(tag + data))
        for tag, data in chunks
    )


def _gradient() -> Image.Image:
    ramp = np.add.outer(np.arange(SIZE[1]), np.arange(SIZE[0])) // 2
    return Image.fromarray(np.stack([ramp + 40, ramp + 60, ramp + 90], axis=-1).astype(np.uint8))


def _sixteen_bits() -> Image.Image:
    return Image.fromarray(np.asarray(draw(320).convert("L")).astype(np.uint16) * 257)


def _animation() -> bytes:
    return _saved(draw(330), "GIF", save_all=True, append_images=[draw(331), draw(332)])


_TWICE, _RESIZED, _LEAKED, _MIRRORED, _TORN, _CROPPED = 400, 401, 402, 403, 404, 405

SPECIAL: dict[str, tuple[tuple[str, ...], Callable[[], bytes]]] = {
    "extra/0.jpg": ((), lambda: jpeg(draw(300))),
    "train/more.zip": (("packed-class",), lambda: b"PK\x05\x06" + bytes(18)),
    "train/outside.jpg": (("misplaced-image",), lambda: jpeg(draw(301))),
    "train/broken/cut.jpg": (("corrupt-image",), lambda: jpeg(draw(302))[:1500]),
    "train/broken/text.png": (("corrupt-image",), lambda: b"not a picture\n"),
    "train/bird/empty.png": (("corrupt-image",), lambda: b""),
    "train/bird/Thumbs.db": (("system-file",), lambda: b"\xd0\xcf\x11\xe0"),
    "train/bird/animation.gif": (("several-frames",), _animation),
    "train/bird/bomb.png": (("too-large-image",), _bomb),
    "train/bird/drawing.svg": (
        ("unreadable-format",),
        lambda: b'<svg xmlns="http://www.w3.org/2000/svg"/>\n',
    ),
    "train/bird/nameless": (("unnamed-image",), lambda: jpeg(draw(303))),
    "train/bird/notes.txt": (("not-an-image",), lambda: b"These are birds.\n"),
    "train/bird/png by content.jpg": (("wrong-extension",), lambda: _saved(draw(304, (96, 72)), "PNG")),
    "train/bird/web page.jpg": (("not-an-image",), lambda: b"<!doctype html><title>404</title>\n"),
    "train/bird/UPPER.JPG": ((), lambda: jpeg(draw(305))),
    "train/apple/blurred.jpg": (
        ("blurry",),
        lambda: jpeg(draw(310).filter(ImageFilter.GaussianBlur(3)), 90),
    ),
    "train/apple/dark.jpg": (("too-dark",), lambda: jpeg(draw(311).point(lambda value: value // 6), 90)),
    "train/apple/bright.jpg": (
        ("too-bright",),
        lambda: jpeg(draw(312).point(lambda value: 225 + value // 9), 95),
    ),
    "train/apple/one colour.png": (
        ("one-colour",),
        lambda: _saved(Image.new("RGB", SIZE, (120, 30, 60)), "PNG"),
    ),
    "train/apple/gradient.png": (("low-information",), lambda: _saved(_gradient(), "PNG")),
    "train/apple/grey.jpg": (("mixed-colour",), lambda: jpeg(draw(313).convert("L"))),
    "train/apple/16 bits.png": (("mixed-colour",), lambda: _saved(_sixteen_bits(), "PNG")),
    "train/apple/thumbnail.png": (("odd-size",), lambda: _saved(draw(314, (28, 21)), "PNG")),
    "train/apple/icon.png": (("tiny-image",), lambda: _saved(draw(315, (12, 9)), "PNG")),
    "train/apple/panorama.jpg": (("odd-shape",), lambda: jpeg(draw(316, (384, 96)))),
    "train/apple/strip.jpg": (("extreme-shape",), lambda: jpeg(draw(317, (432, 48)))),
    "train/apple/once.jpg": ((), lambda: jpeg(draw(_TWICE))),
    "train/apple/twice.jpg": (("duplicate",), lambda: jpeg(draw(_TWICE))),
    "train/apple/small.jpg": (("near-duplicate",), lambda: jpeg(draw(_RESIZED).resize((80, 60)), 70)),
    "train/apple/resized.jpg": ((), lambda: jpeg(draw(_RESIZED))),
    "train/apple/leaked.jpg": ((), lambda: jpeg(draw(_LEAKED))),
    "val/apple/leaked.jpg": (("leakage",), lambda: jpeg(draw(_LEAKED))),
    "train/apple/mirrored.jpg": ((), lambda: jpeg(draw(_MIRRORED))),
    "val/apple/mirrored.jpg": (("near-leakage",), lambda: jpeg(ImageOps.mirror(draw(_MIRRORED)), 60)),
    "train/apple/two labels.jpg": ((), lambda: jpeg(draw(_TORN))),
    "train/bird/two labels.jpg": (("label-conflict",), lambda: jpeg(draw(_TORN))),
    "train/apple/cropped.jpg": ((), lambda: jpeg(draw(_CROPPED))),
    "train/bird/cropped.jpg": (
        ("near-label-conflict",),
        lambda: jpeg(draw(_CROPPED).crop((6, 5, 121, 91))),
    ),
}
"""What is special: what is wrong with it (nothing, for one side of a pair), and how its bytes are made."""


def messy_files() -> dict[str, bytes]:
    """Return every file of the data set, by name."""
    names = [f"train/{folder}/{number}.jpg" for folder, count in TRAIN.items() for number in range(count)]
    names += [f"val/{folder}/0.jpg" for folder in VAL]
    files = {name: jpeg(draw(seed)) for seed, name in enumerate(names)}
    files |= {name: make() for name, (_, make) in SPECIAL.items()}
    files["manifest.json"] = (json.dumps(truth(), ensure_ascii=False, indent=1) + "\n").encode()
    files["README.md"] = CARD.format(files=len(files), width=SIZE[0], height=SIZE[1]).encode()
    return files


def truth() -> Truth:
    """Return what is wrong, by path: kinds of `densekit.data.problems`."""
    of_files = {name: list(kinds) for name, (kinds, _) in SPECIAL.items() if kinds}
    return dict(sorted({**CLASSES, **of_files, "extra": ["unused-folder"]}.items()))


def make_messy(folder: Path) -> int:
    """Write the data set into a folder, and return how many files it has."""
    files = messy_files()
    for name, content in files.items():
        with write_atomically(folder / name) as file:
            file.write(content)
    return len(files)


def check_messy(folder: Path) -> list[str]:
    """Compare a folder with what is made now; return a sentence for each file that differs."""
    files = messy_files()
    problems = [
        f"{name} is missing"
        if not (folder / name).is_file()
        else f"{name} comes out differently when it is made again"
        for name, content in files.items()
        if not (folder / name).is_file() or (folder / name).read_bytes() != content
    ]
    there = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return problems + [f"{name} does not belong to it" for name in there if name not in files]
