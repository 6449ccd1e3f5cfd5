"""Small real image files for the tests of the data room."""

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image


def pattern(size: tuple[int, int] = (40, 30), seed: int = 0) -> Image.Image:
    """Return a smooth coloured picture, another one for each seed."""
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)


def scene(size: tuple[int, int] = (240, 180), seed: int = 0) -> Image.Image:
    """Return a picture with large and small things in it, as a photograph has them; another one for each seed."""
    generator = np.random.default_rng(seed)
    layers = [
        generator.normal(0, 60 / side**0.5, (side, side, 3)).astype(np.float32)
        for side in (3, 6, 12, 24, 150)
    ]
    colours = [
        sum(
            np.asarray(Image.fromarray(layer[..., colour]).resize(size, Image.Resampling.BICUBIC))
            for layer in layers
        )
        for colour in range(3)
    ]
    return Image.fromarray((np.stack(colours, axis=-1) + 128).clip(0, 255).astype(np.uint8))


def save(path: Path, size: tuple[int, int] = (40, 30), seed: int = 0, **options: Any) -> Path:
    """Save a picture, making its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pattern(size, seed).save(path, **options)
    return path


def class_folders(root: Path, counts: dict[str, int]) -> Path:
    """Make class folders with so many different pictures each: `{"train/cat": 3}`."""
    seed = 0
    for name, count in counts.items():
        (root / name).mkdir(parents=True, exist_ok=True)
        for index in range(count):
            seed += 1
            save(root / name / f"{index}.png", seed=seed)
    return root


def huge_png(path: Path, side: int = 20_000) -> Path:
    """Write a decompression bomb: a PNG of some bytes that claims to hold side × side pixels."""
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
    packed = (
        struct.pack(">I", len(data)) + tag + data + struct.pack(">I", zlib.crc32(tag + data))
        for tag, data in chunks
    )
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(packed))
    return path


def dirty_folder(root: Path) -> Path:
    """Make a data folder with all the dirt that files can be; its classes are cat, dog, 고양이 and 'a b 🐕'."""
    class_folders(root, {"cat": 5, "dog": 5, "고양이": 3, "a b 🐕": 3, "empty": 0, "only system": 0})
    cat, dog = root / "cat", root / "dog"
    for system in (
        cat / ".DS_Store",
        dog / "Thumbs.db",
        root / "only system" / "desktop.ini",
        dog / "._0.png",
    ):
        system.write_bytes(b"\0\1\2")
    save(cat / ".hidden.png", seed=50)
    save(root / ".ipynb_checkpoints" / "0-checkpoint.png", seed=51)
    save(cat / "__MACOSX" / "0.png", seed=52)
    (cat / "notes.txt").write_text("not an image")
    (cat / "text.jpg").write_text("text with an image's name")
    (cat / "nothing.JPG").touch()
    (cat / "drawing.svg").write_text("<svg/>")
    save(cat / "nameless", format="JPEG", seed=53)
    save(cat / "really a png.jpg", format="PNG", seed=54)
    save(dog / "UPPER.JPG", seed=55)
    save(dog / "고양이 같은 개 🐶.webp", seed=56)
    save(dog / "nested" / "deeper" / "9.bmp", seed=57)
    save(dog / "cut.jpg", size=(200, 200), seed=58)
    (dog / "cut.jpg").write_bytes((dog / "cut.jpg").read_bytes()[:2500])
    save(dog / "cut.png", size=(200, 200), seed=59)
    (dog / "cut.png").write_bytes((dog / "cut.png").read_bytes()[:5000])
    huge_png(dog / "bomb.png")
    (dog / "link to nowhere.png").symlink_to("nowhere.png")
    (dog / "link to a cat.png").symlink_to(cat / "1.png")
    (dog / "circle").symlink_to(dog)
    save(dog / "1x1.png", size=(1, 1), seed=60)
    save(dog / "strip.png", size=(16, 300), seed=61)
    save(dog / "animation.gif", save_all=True, append_images=[pattern(seed=62), pattern(seed=63)])
    save(root / "outside.png", seed=64)
    return root


DIRT_LEFT_OUT = {
    "cat/.DS_Store": "system-file",
    "dog/Thumbs.db": "system-file",
    "only system/desktop.ini": "system-file",
    "dog/._0.png": "system-file",
    "cat/.hidden.png": "hidden-file",
    ".ipynb_checkpoints": "hidden-folder",
    "cat/__MACOSX": "hidden-folder",
    "cat/notes.txt": "not-an-image",
    "cat/text.jpg": "corrupt-image",
    "cat/nothing.JPG": "corrupt-image",
    "cat/drawing.svg": "unreadable-format",
    "cat/nameless": "unnamed-image",
    "dog/cut.jpg": "corrupt-image",
    "dog/cut.png": "corrupt-image",
    "dog/bomb.png": "too-large-image",
    "dog/link to nowhere.png": "broken-link",
    "outside.png": "misplaced-image",
    "empty": "empty-class",
    "only system": "empty-class",
}
"""What of the dirty folder is left out, and why."""

DIRT_USED = {
    "cat/really a png.jpg": "wrong-extension",
    "dog/1x1.png": "tiny-image",
    "dog/strip.png": "extreme-shape",
    "dog/animation.gif": "several-frames",
    "dog/link to a cat.png": "label-conflict",
}
"""What of the dirty folder is used, but doubtful, and why."""
