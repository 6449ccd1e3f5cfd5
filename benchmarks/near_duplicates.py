"""How well near duplicates are found: pictures of a folder are changed, and looked for among all of them.

    python benchmarks/near_duplicates.py --photos my_pictures          table
    python benchmarks/near_duplicates.py --photos my_pictures --json   one JSON document

For each change, all pictures and all changed copies are compared. Recall is the share of the copies that are
found with their own original; precision the share of what is found that is such a pair. Pictures of the folder
that look like each other to begin with are left out, and counted. Where crops are cut is drawn by chance, with a
seed. At the end, the time for 100,000 hashes that are made up.
"""

import argparse
import io
import json
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageEnhance, ImageOps
from timing import print_table

from densekit.data.appearance import Appearance, appearance_of
from densekit.data.decoding import open_image
from densekit.data.image_files import has_image_name
from densekit.data.near_duplicates import Looks, NearCopy, near_copies
from densekit.data.near_hashes import NearHashes

Change = Callable[[Image.Image, Generator], Image.Image]


def scaled(factor: float) -> Change:
    """Return the change to another size."""

    def change(image: Image.Image, chance: Generator) -> Image.Image:
        size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
        return image.resize(size, Image.Resampling.LANCZOS)

    return change


def compressed(quality: int) -> Change:
    """Return the change by saving a JPEG of this quality, of 100."""

    def change(image: Image.Image, chance: Generator) -> Image.Image:
        file = io.BytesIO()
        image.save(file, "JPEG", quality=quality)
        return Image.open(file).convert("RGB")

    return change


def cropped(share: float, left: float | None = None, top: float | None = None) -> Change:
    """Return the change to a part of so much of each side, at a place (0 to 1) that is drawn if not given."""

    def change(image: Image.Image, chance: Generator) -> Image.Image:
        across, down = chance.random(2)
        x = round((image.width * (1 - share)) * (across if left is None else left))
        y = round((image.height * (1 - share)) * (down if top is None else top))
        return image.crop((x, y, x + round(image.width * share), y + round(image.height * share)))

    return change


CHANGES: dict[str, Change] = {
    "resized to a half": scaled(0.5),
    "resized to a quarter": scaled(0.25),
    "resized to the double": scaled(2),
    "JPEG of quality 50": compressed(50),
    "JPEG of quality 20": compressed(20),
    "mirrored": lambda image, chance: ImageOps.mirror(image),
    "mirrored, a half, JPEG 50": lambda image, chance: compressed(50)(
        scaled(0.5)(ImageOps.mirror(image), chance), chance
    ),
    "10 % of each side cropped, middle kept": cropped(0.9, 0.5, 0.5),
    "10 % of each side cropped, a corner kept": cropped(0.9, 0, 0),
    "10 % of each side cropped, anywhere": cropped(0.9),
    "10 % of the area cropped, anywhere": cropped(0.9**0.5),
    "30 % brighter": lambda image, chance: ImageEnhance.Brightness(image).enhance(1.3),
    "30 % darker": lambda image, chance: ImageEnhance.Brightness(image).enhance(0.7),
}


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--photos", type=Path, required=True, help="a folder of pictures, looked through whole"
    )
    parser.add_argument("--at-most", type=int, default=1000, help="use so many of the pictures")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    options = parser.parse_args()
    paths = sorted(path for path in options.photos.rglob("*") if path.is_file() and has_image_name(path))
    images = [open_image(path) for path in paths[: options.at_most]]
    originals = [appearance_of(image) for image in images]
    alike = near_copies(looks(originals))
    kept = [place for place in range(len(images)) if place not in {one.copy for one in alike}]
    images, originals = [images[place] for place in kept], [originals[place] for place in kept]
    results = {name: judged(images, originals, change) for name, change in CHANGES.items()}
    document = {"pictures": len(images), "alike to begin with": len(alike), **results}
    document["seconds for 100,000 hashes"] = round(seconds_for(100_000), 2)
    if options.json:
        print(json.dumps(document, indent=2))
        return
    print(f"{len(images)} pictures of {options.photos}; {len(alike)} others look like one of them")
    rows = [[name, *map(str, one.values())] for name, one in results.items()]
    print_table(["change", "copies", "found", "wrongly", "recall", "precision"], rows)
    print(f"100,000 hashes, all pairs within 8 of 64 bits: {document['seconds for 100,000 hashes']} s")


def judged(images: list[Image.Image], originals: list[Appearance], change: Change) -> dict[str, float]:
    """Change the pictures and look for the copies."""
    chance = np.random.default_rng(0)
    copies = [appearance_of(change(image, chance)) for image in images]
    found = near_copies(looks(originals + copies))
    right = sum(is_right(one, len(images)) for one in found)
    return {
        "copies": len(images),
        "found": right,
        "wrongly": len(found) - right,
        "recall": round(right / len(images), 3),
        "precision": round(right / max(1, len(found)), 3),
    }


def is_right(found: NearCopy, count: int) -> bool:
    """Say whether a copy was found with its own original."""
    return found.copy == found.original + count


def looks(seen: list[Appearance]) -> Looks:
    """Put pictures of one class and split together."""
    return Looks(
        np.stack([one.thumbnail for one in seen]),
        np.stack([one.tint for one in seen]),
        np.zeros((len(seen), 2), np.intp),
    )


def seconds_for(count: int) -> float:
    """Time the search among so many hashes, of which every tenth has a near one."""
    chance = np.random.default_rng(0)
    words = chance.integers(0, 2**64, count, dtype=np.uint64)
    words[::10] = words[1::10] ^ np.uint64(2**10 + 2**30 + 2**50)
    start = perf_counter()
    pairs = sum(len(one) for one, _ in NearHashes(words).within(8, words))
    assert pairs >= count
    return perf_counter() - start


if __name__ == "__main__":
    main()
