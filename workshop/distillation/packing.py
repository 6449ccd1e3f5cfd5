"""A crop cache small enough to be taken along: fewer and smaller crops, coded as JPEG, in one file.

    python -m workshop.distillation.packing pack --crops DIR --to FILE --megabytes 15
    python -m workshop.distillation.packing unpack --from FILE --crops DIR

What is unpacked is a crop cache like any other; only its crops are less sharp, as they were made smaller.
"""

import argparse
import hashlib
import io
import json
import sys
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from densekit.errors import ConfigError, DataError, DensekitError
from densekit.files import write_atomically
from densekit.tensor_files import UnreadableError, read_tensors, write_tensors
from workshop.distillation.cache import MANIFEST, PICTURES, PIXELS, CropCache, open_cache
from workshop.distillation.crops import SIZE

_FORMAT = "densekit packed crops 1"
_TRIED = 200
_SIDE = 96
_QUALITY = 75


def pack(cache: CropCache, path: Path, megabytes: float, side: int = _SIDE, quality: int = _QUALITY) -> int:
    """Write evenly spaced crops of a cache to a file of at most so many megabytes (10⁶ bytes).

    Args:
        cache: what is chosen from.
        path: the file.
        megabytes: of the JPEGs; the file has a little more for its index.
        side: width and height that crops are made smaller to, in pixels.
        quality: of JPEG, of 100.

    Returns:
        How many crops there was room for.

    Raises:
        ConfigError: there is room for none.
    """
    limit = megabytes * 1e6
    total = len(cache.pixels)
    some = _coded(cache, _evenly(total, min(total, _TRIED)), side, quality)
    count = min(total, int(limit / np.mean([len(one) for one in some])))
    while count > 0:
        numbers = _evenly(total, count)
        coded = _coded(cache, numbers, side, quality)
        size = sum(map(len, coded))
        if size <= limit:
            _write(cache, path, numbers, coded, side)
            return count
        count = int(count * min(0.99, limit / size))
    raise ConfigError(f"{megabytes:g} MB: no crop fits into that; ask for more")


def unpack(path: Path, folder: Path) -> None:
    """Make a crop cache of a packed file.

    Args:
        path: what `pack` wrote.
        folder: gets the cache, its manifest last.

    Raises:
        DataError: the file is missing, damaged, or something else.
    """
    try:
        tensors, manifest = read_tensors(path, _FORMAT)
    except (FileNotFoundError, UnreadableError) as error:
        raise DataError(f"the packed crops {path} can't be read: {error}; pack them again") from error
    data, ends = tensors["jpegs"].numpy().tobytes(), tensors["ends"].tolist()
    digest = hashlib.sha256()
    with write_atomically(folder / PIXELS) as file:
        for start, end in zip([0, *ends], ends, strict=False):
            pixels = _decoded(data[start:end])
            file.write(pixels)
            digest.update(pixels)
    with write_atomically(folder / PICTURES) as file:
        np.save(file, tensors["pictures"].numpy())
    manifest |= {"size": SIZE, "crops": len(ends), "sha256": digest.hexdigest()}
    with write_atomically(folder / MANIFEST, "w") as file:
        file.write(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")


def _evenly(total: int, count: int) -> NDArray[np.int64]:
    return np.linspace(0, total - 1, count).round().astype(np.int64)


def _coded(cache: CropCache, numbers: NDArray[np.int64], side: int, quality: int) -> list[bytes]:
    found = []
    for number in numbers:
        image = Image.fromarray(np.ascontiguousarray(cache.pixels[number].transpose(1, 2, 0)))
        file = io.BytesIO()
        image.resize((side, side), Image.Resampling.LANCZOS).save(
            file, "JPEG", quality=quality, optimize=True
        )
        found.append(file.getvalue())
    return found


def _decoded(jpeg: bytes) -> bytes:
    with Image.open(io.BytesIO(jpeg), formats=["JPEG"]) as image:
        larger = image.convert("RGB").resize((SIZE, SIZE), Image.Resampling.BICUBIC)
    return np.ascontiguousarray(np.asarray(larger).transpose(2, 0, 1)).tobytes()


def _write(cache: CropCache, path: Path, numbers: NDArray[np.int64], coded: list[bytes], side: int) -> None:
    tensors = {
        "jpegs": torch.from_numpy(np.frombuffer(b"".join(coded), np.uint8).copy()),
        "ends": torch.from_numpy(np.cumsum([len(one) for one in coded])),
        "pictures": torch.from_numpy(cache.pictures[numbers]),
    }
    told = {"chosen_from": cache.manifest["crops"], "side": side}  # the packages stay those of all crops
    write_tensors(path, _FORMAT, tensors, cache.manifest | told)


def main(arguments: list[str] | None = None) -> int:
    """Pack or unpack; return 0 if all is well, 2 if it can't be done."""
    parser = argparse.ArgumentParser(
        prog="python -m workshop.distillation.packing",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    packing = commands.add_parser("pack", help="write a packed file")
    packing.add_argument("--crops", type=Path, required=True, metavar="DIR", help="the crop cache")
    packing.add_argument("--to", type=Path, required=True, metavar="FILE")
    packing.add_argument("--megabytes", type=float, default=15, metavar="X", help="of JPEGs, at most")
    packing.add_argument(
        "--side", type=int, default=_SIDE, metavar="N", help="of the smaller crops, in pixels"
    )
    unpacking = commands.add_parser("unpack", help="make a crop cache of one")
    unpacking.add_argument("--from", type=Path, required=True, metavar="FILE", dest="source")
    unpacking.add_argument("--crops", type=Path, required=True, metavar="DIR", help="gets the crop cache")
    options = parser.parse_args(arguments)
    try:
        if options.command == "pack":
            count = pack(open_cache(options.crops), options.to, options.megabytes, options.side)
            print(f"{count:,} crops in {options.to}, {options.to.stat().st_size / 1e6:.1f} MB")
        else:
            unpack(options.source, options.crops)
    except DensekitError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
