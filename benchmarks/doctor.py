"""The doctor's speed and memory, beside programs that do a part of what it does.

    .venv/bin/python benchmarks/doctor.py [--pictures N] [--photos DIR] [--rounds N] [--many N] [--json]

Pictures are JPEGs of 640 × 480 pixels, with large and small things in them: made from chance, or photographs of
a folder of yours brought to that size. All ways look at the same files, in turn. `densekit doctor` does every
check; imagededup's dHash and CleanVision are measured where they are installed (`pip install imagededup
cleanvision`), with as many processes as there are cores. Peak memory is of a process of its own for each number
of pictures: if it is flat, the larger folder takes hardly more.

With `--many`, near copies are sought among so many thumbnails that are made up: the whole search, with windows.
"""

import argparse
import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter

import numpy as np
from PIL import Image
from timing import compared, interleaved, load, machine, print_table

from densekit.data.decoding import open_image
from densekit.data.doctor import diagnose
from densekit.data.image_files import has_image_name
from densekit.data.near_duplicates import Looks, near_copies
from densekit.threads import usable_cores

_SIZE = 640, 480
_OURS = "densekit doctor, every check"
_DHASH = "imagededup, dHash alone"
_CLEANVISION = "CleanVision, its image checks"
_PEAK = "from densekit.data.doctor import diagnose; from densekit.devices import peak_memory; import sys; {}"


def scene(seed: int) -> Image.Image:
    """Return a picture with large and small things in it, as a photograph has them."""
    generator = np.random.default_rng(seed)
    colours = np.zeros((_SIZE[1], _SIZE[0], 3), np.float32)
    for side in (3, 6, 12, 24, 150):
        layer = generator.normal(0, 60 / side**0.5, (side, side, 3)).astype(np.float32)
        for colour in range(3):
            grown = Image.fromarray(layer[..., colour]).resize(_SIZE, Image.Resampling.BICUBIC)
            colours[..., colour] += np.asarray(grown)
    return Image.fromarray((colours + 128).clip(0, 255).astype(np.uint8))


def make_folder(root: Path, pictures: int, photos: Path | None) -> Path:
    """Write so many JPEGs into two classes; where photographs are fewer, each comes several times, shifted."""
    sources = sorted(path for path in photos.rglob("*") if has_image_name(path)) if photos else []
    for number in range(pictures):
        path = root / f"class {number % 2}" / f"{number:05}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        if sources:
            picture = open_image(sources[number % len(sources)])
            turn = number // len(sources)
            left, top = (
                turn * step % max(1, side // 3) for step, side in zip((37, 23), picture.size, strict=True)
            )
            picture = picture.crop((left, top, picture.width, picture.height)).resize(_SIZE)
        else:
            picture = scene(number)
        picture.save(path, quality=85)
    return root


def peak_megabytes(folder: Path) -> tuple[float, float]:
    """Return the peak memory of a process before and after it has diagnosed a folder, in megabytes."""
    work = "before = peak_memory(); diagnose(sys.argv[1]); print(before, peak_memory())"
    answer = subprocess.run(
        [sys.executable, "-c", _PEAK.format(work), str(folder)], capture_output=True, check=True, text=True
    )
    before, after = (float(number) / 1e6 for number in answer.stdout.split())
    return before, after


def ways(folder: Path) -> dict[str, Callable[[], None]]:
    """Return what looks at a folder, by name."""
    found: dict[str, Callable[[], None]] = {_OURS: lambda: _check(folder)}
    if find_spec("imagededup"):
        found[_DHASH] = lambda: _dhash(folder)
    if find_spec("cleanvision"):
        found[_CLEANVISION] = lambda: _cleanvision(folder)
    return found


def _check(folder: Path) -> None:
    assert diagnose(folder).classes == ("class 0", "class 1")


def _dhash(folder: Path) -> None:
    from densekit.vision import torchvision

    assert (
        torchvision.models
    )  # imagededup imports it, which a CUDA build beside a CPU torch can't stand alone
    from imagededup.methods import DHash

    with contextlib.redirect_stdout(io.StringIO()):
        DHash(verbose=False).encode_images(image_dir=folder, recursive=True, num_enc_workers=usable_cores())


def _cleanvision(folder: Path) -> None:
    from cleanvision import Imagelab

    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        Imagelab(data_path=str(folder)).find_issues(n_jobs=usable_cores(), verbose=False)


def search_seconds(many: int) -> float:
    """Return the seconds of the search for near copies among so many thumbnails that have none."""
    generator = np.random.default_rng(0)
    waves = generator.normal(0, 40, (many, 8, 8)).astype(np.float32)
    coarse = np.repeat(np.repeat(waves, 4, axis=1), 4, axis=2)
    fine = generator.standard_normal((many, 32, 32), np.float32)
    thumbnails = (coarse + 12 * fine + 128).clip(0, 255).astype(np.uint8)
    tints = generator.dirichlet((30, 30, 30), many).astype(np.float32)
    looks = Looks(thumbnails, tints, np.zeros((many, 2), np.int64))
    began = perf_counter()
    list(near_copies(looks))
    return perf_counter() - began


def main() -> int:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--pictures", type=int, default=2000)
    parser.add_argument("--photos", type=Path, help="a folder of photographs to make the pictures from")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--many", type=int, default=0, help="thumbnails to seek near copies among")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = make_folder(Path(scratch, "pictures"), arguments.pictures, arguments.photos)
        quarter = Path(scratch, "quarter")
        for name in ("class 0", "class 1"):
            (quarter / name).mkdir(parents=True)
            for path in sorted((folder / name).iterdir())[: arguments.pictures // 8]:
                os.link(path, quarter / name / path.name)
        candidates = ways(folder)
        seconds = interleaved(candidates, arguments.rounds)
        peaks = [
            (count, *peak_megabytes(one))
            for count, one in ((arguments.pictures // 4, quarter), (arguments.pictures, folder))
        ]
        shutil.rmtree(folder)
    told = compared(seconds, _OURS)
    rates = {name: arguments.pictures / each["seconds"] for name, each in told.items()}
    searched = search_seconds(arguments.many) if arguments.many else None
    if arguments.json:
        found = {"machine": machine(), "pictures": arguments.pictures, "images_per_second": rates}
        print(json.dumps(found | {"peaks": peaks, "search": [arguments.many, searched]}, indent=2))
        return 0
    print(machine())
    print(f"{arguments.pictures} JPEGs of 640 × 480; {load()}")
    rows = [(name, f"{rate:.0f}", f"{told[name]['times_faster']:.2f}") for name, rate in rates.items()]
    print_table(("way", "images/s", "× as fast as the doctor"), rows)
    for count, before, after in peaks:
        print(
            f"peak memory with {count} pictures: {after:.0f} MB, of which {before:.0f} before the first picture"
        )
    if searched is not None:
        print(f"near copies among {arguments.many} thumbnails: {searched:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
