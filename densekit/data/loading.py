"""From image files to pixels: read once, decoded in threads ahead of whoever uses them.

A picture comes as it is meant to be seen: turned as its EXIF entry says, transparent parts on white, 16 bits
and greyscale and CMYK as RGB, of an animation the first frame. A file that can't be decoded never stops a
run: it is skipped and reported.
"""

import hashlib
import io
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property, partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from densekit.data.image_files import DECODERS
from densekit.data.problems import Problem
from densekit.data.scan import Sample
from densekit.data.transforms import Preprocessing
from densekit.devices import usable_cores
from densekit.errors import ConfigError, ImageError

MAX_PIXELS = 1024**3 // 4 // 3
"""A picture with more pixels than this (89 million, a quarter of a gigabyte as RGB) is refused: a small file that
claims to be so large is more often an attack, a decompression bomb, than a photograph."""

Item = TypeVar("Item")
Answer = TypeVar("Answer")

_ORIENTATION = 0x0112  # the EXIF entry that says which way up a picture was taken
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

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


@dataclass(frozen=True)
class Batch:
    """Some images, in the order of their samples.

    Args:
        pixels: resized and cropped, but not normalised, uint8 (B, 3, S, S).
        labels: int64 (B,).
        samples: where each comes from.
        hashes: SHA-256 of each file's bytes.
        preprocessing: what the pixels were cut with, and `images` is normalised with.
    """

    pixels: Tensor
    labels: Tensor
    samples: tuple[Sample, ...]
    hashes: tuple[str, ...]
    preprocessing: Preprocessing

    @cached_property
    def images(self) -> Tensor:
        """What a network takes: float32 (B, 3, S, S), equal to `preprocessing(open_image(path))` of each."""
        return self.preprocessing.normalise(self.pixels)

    def __len__(self) -> int:
        return len(self.samples)


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
    data = _read_bytes(path)
    if isinstance(data, Problem):
        return data
    if not data:
        return Problem.of("corrupt-image", path, "the file is empty (0 bytes)")
    try:
        return _decode(path, data)
    except Exception as error:  # a damaged file can make a decoder raise anything
        return Problem.of("corrupt-image", path, f"the image can't be decoded ({_one_line(error)})")


def load_images(
    samples: Iterable[Sample],
    preprocessing: Preprocessing,
    batch_size: int = 32,
    workers: int | None = None,
    report: Callable[[Problem], None] | None = None,
) -> Iterator[Batch]:
    """Load images in batches, in order, while threads decode ahead.

    An image that can't be read is left out and reported. Each batch but the last holds `batch_size` images,
    and none is empty; `batch.samples` tells which images came through.

    Args:
        samples: the images.
        preprocessing: how they are resized, cropped and normalised.
        batch_size: images in a batch.
        workers: threads; as many as the process may use cores if not given.
        report: called with each problem, in the order of the samples and from the caller's own thread; a
            warning if not given.

    Raises:
        ConfigError: `batch_size` or `workers` is below 1.
    """
    workers = usable_cores() if workers is None else workers
    if batch_size < 1 or workers < 1:
        raise ConfigError(f"batch_size is {batch_size} and workers is {workers}: expected 1 or more of each")
    return _batches(samples, preprocessing, batch_size, workers, report or _warn)


def _batches(
    samples: Iterable[Sample],
    preprocessing: Preprocessing,
    batch_size: int,
    workers: int,
    report: Callable[[Problem], None],
) -> Iterator[Batch]:
    loaded: list[_Loaded] = []
    load = partial(_load, preprocessing=preprocessing)
    with closing(map_ahead(load, samples, workers, ahead=batch_size + workers)) as answers:
        for answer in answers:
            if isinstance(answer, Problem):
                report(answer)
                continue
            loaded.append(answer)
            if len(loaded) == batch_size:
                yield _stack(loaded, preprocessing)
                loaded = []
    if loaded:
        yield _stack(loaded, preprocessing)


@dataclass(frozen=True)
class _Loaded:
    pixels: Tensor  # uint8 (3, S, S)
    sample: Sample
    content_hash: str


def _load(sample: Sample, preprocessing: Preprocessing) -> "_Loaded | Problem":
    picture = read_picture(sample.path)
    if isinstance(picture, Problem):
        return picture
    return _Loaded(preprocessing.cut(picture.image), sample, picture.content_hash)


def _stack(loaded: Sequence[_Loaded], preprocessing: Preprocessing) -> Batch:
    return Batch(
        pixels=torch.stack([one.pixels for one in loaded]),
        labels=torch.tensor([one.sample.label for one in loaded]),
        samples=tuple(one.sample for one in loaded),
        hashes=tuple(one.content_hash for one in loaded),
        preprocessing=preprocessing,
    )


def map_ahead(
    work: Callable[[Item], Answer], items: Iterable[Item], workers: int, ahead: int
) -> Generator[Answer, None, None]:
    """Apply `work` in threads, at most `ahead` items in advance; the answers come in the order of the items.

    When the iterator is closed, or its consumer stops, what was not begun is dropped and the threads end.
    """
    pending: deque[Future[Answer]] = deque()
    executor = ThreadPoolExecutor(workers, thread_name_prefix="densekit-load")
    try:
        for item in items:
            pending.append(executor.submit(work, item))
            if len(pending) > ahead:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def _decode(path: Path, data: bytes) -> Picture | Problem:
    try:
        image: Image.Image = Image.open(io.BytesIO(data), formats=DECODERS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        return Problem.of("too-large-image", path, f"the image has too many pixels ({_one_line(error)})")
    except UnidentifiedImageError:
        return Problem.of("corrupt-image", path, "no image format is recognised in the file")
    if image.width * image.height > MAX_PIXELS:
        size = f"{image.width} × {image.height} pixels, the limit is {MAX_PIXELS:,}"
        return Problem.of("too-large-image", path, f"the image has too many pixels ({size})")
    # The header alone has been read so far. An MPO, as many cameras write it, is a JPEG and a preview.
    found = "JPEG" if image.format == "MPO" else str(image.format)
    frames = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
    image.load()
    upright = _turn(image, _orientation(image))
    return Picture(_to_rgb(upright), hashlib.sha256(data).hexdigest(), found, frames)


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # a damaged EXIF entry is no reason to lose a good picture
        return 1


def _turn(image: Image.Image, orientation: int) -> Image.Image:
    return image.transpose(_TURNS[orientation]) if orientation in _TURNS else image


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
        return Problem.of("corrupt-image", path, f"the file can't be read ({_one_line(error)})")


def _missing(path: Path) -> str:
    if path.is_symlink():
        return f"a link to {path.readlink()}, which is not there"
    siblings = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
    close = get_close_matches(path.name, siblings, n=1)
    return f"there is no such file; did you mean '{close[0]}'?" if close else "there is no such file"


def _warn(problem: Problem) -> None:
    warnings.warn(str(problem), stacklevel=2)


def _one_line(error: Exception) -> str:
    return " ".join(f"{error or type(error).__name__}".split())
