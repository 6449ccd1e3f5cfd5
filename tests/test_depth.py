"""Pictures of more than eight bits: what becomes black and white of them, and how much memory that takes."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pictures import class_folders, pattern
from PIL import Image

from densekit.data.decoding import Picture, open_image, read_picture
from densekit.data.doctor import diagnose
from densekit.data.problems import Problem

GREY = np.asarray(pattern((40, 30)).convert("L"))
COLOURS = np.asarray(pattern((40, 30)))


def mean_difference(path: Path, expected: NDArray[np.uint8]) -> float:
    found = np.asarray(open_image(path)).astype(float)
    return float(np.abs(found - np.asarray(Image.fromarray(expected).convert("RGB"))).mean())


def png(path: Path, values: NDArray[np.uint16], *notes: tuple[bytes, bytes], bits: int = 16) -> Path:
    """Write a PNG of any depth and any number of colours, which Pillow can't."""
    height, width, bands = values.shape
    header = struct.pack(">IIBBBBB", width, height, bits, {1: 0, 2: 4, 3: 2, 4: 6}[bands], 0, 0, 0)
    single = (values.reshape(height, -1, 1) >> np.arange(bits)[::-1] & 1).astype(np.uint8)
    rows = b"".join(b"\0" + np.packbits(row).tobytes() for row in single)
    chunks = [(b"IHDR", header), *notes, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    packed = (
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in chunks
    )
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(packed))
    return path


@pytest.mark.parametrize("extension", [".png", ".tif", ".pgm"])
@pytest.mark.parametrize(("bits", "factor"), [(10, 4), (12, 16), (14, 64), (16, 257)])
def test_a_camera_s_depth_does_not_darken_a_picture(
    tmp_path: Path, extension: str, bits: int, factor: int
) -> None:
    path, values = tmp_path / f"a{extension}", GREY.astype(np.uint16) * factor
    if extension == ".pgm":
        path.write_bytes(b"P5 40 30 65535\n" + values.astype(">u2").tobytes())
    else:
        Image.fromarray(values).save(path)
    picture = read_picture(path)
    assert isinstance(picture, Picture)
    assert picture.bits == bits
    assert mean_difference(path, GREY) < 1


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32])
def test_eight_bits_in_a_wider_file_stay_eight(tmp_path: Path, dtype: type) -> None:
    Image.fromarray(GREY.astype(dtype)).save(tmp_path / "a.tif")
    assert mean_difference(tmp_path / "a.tif", GREY) == 0


def test_pictures_of_one_depth_share_one_white(tmp_path: Path) -> None:
    bright, dim = tmp_path / "bright.tif", tmp_path / "dim.tif"
    Image.fromarray(GREY.astype(np.uint16) * 16).save(bright)
    Image.fromarray(GREY.astype(np.uint16) * 8).save(dim)
    assert mean_difference(dim, GREY // 2) < 1
    assert mean_difference(bright, GREY) < 1


def test_a_tiff_whose_zero_is_white_is_no_negative(tmp_path: Path) -> None:
    Image.fromarray(65535 - GREY.astype(np.uint16) * 257).save(tmp_path / "a.tif", tiffinfo={262: 0})
    assert mean_difference(tmp_path / "a.tif", GREY) < 1


@pytest.mark.parametrize(("bits", "factor"), [(10, 4), (12, 16), (14, 64), (16, 257)])
def test_colours_of_any_depth_are_seen(tmp_path: Path, bits: int, factor: int) -> None:
    path = png(tmp_path / "a.png", COLOURS.astype(np.uint16) * factor)
    picture = read_picture(path)
    assert isinstance(picture, Picture)
    assert picture.bits == bits
    assert mean_difference(path, COLOURS) < 1


def test_so_are_colours_that_are_transparent(tmp_path: Path) -> None:
    opaque = np.full((*GREY.shape, 1), 4095, np.uint16)
    path = png(tmp_path / "a.png", np.concatenate([COLOURS.astype(np.uint16) * 16, opaque], axis=2))
    assert mean_difference(path, COLOURS) < 1


@pytest.mark.parametrize(("bits", "factor"), [(10, 4), (12, 16), (14, 64), (16, 257)])
def test_so_are_greys_that_are_transparent(tmp_path: Path, bits: int, factor: int) -> None:
    most = 255 * factor
    alpha = np.where(np.arange(GREY.shape[1]) < 20, most, most // 2)[None].repeat(len(GREY), axis=0)
    path = png(tmp_path / "a.png", np.stack([GREY.astype(np.uint16) * factor, alpha], axis=2))
    picture = read_picture(path)
    assert isinstance(picture, Picture)
    assert picture.bits == bits
    assert mean_difference(path, np.where(alpha == most, GREY, (GREY + 255.0) / 2).astype(np.uint8)) < 1


def on_white(values: NDArray[np.uint16], clear: tuple[int, ...], most: int) -> NDArray[np.uint8]:
    """Say what becomes of values, (height, width, colours), of which one is transparent."""
    is_clear = (values == clear).all(axis=2, keepdims=True)
    assert is_clear.any()
    return np.where(is_clear, 255, np.rint(values / most * 255)).astype(np.uint8)


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 12, 16])
@pytest.mark.parametrize("share", [0, 1 / 3, 2 / 3])
def test_a_single_grey_that_is_transparent_lies_on_white(tmp_path: Path, bits: int, share: float) -> None:
    most = 2**bits - 1
    clear = int(most * share)
    near = np.array([0, most, clear, clear + 1, clear ^ 0x100, clear ^ 0x8000])
    values = near[(near >= 0) & (near <= most)][None, :, None].astype(np.uint16)
    note = (b"tRNS", struct.pack(">H", clear))
    path = png(tmp_path / "a.png", values, note, bits=16 if bits > 8 else bits)
    assert mean_difference(path, on_white(values, (clear,), most)[..., 0]) == 0


def test_the_bits_of_a_transparent_grey_that_the_file_has_no_room_for_are_not_looked_at(
    tmp_path: Path,
) -> None:
    values = np.array([[[0], [5], [15]]], np.uint16)
    path = png(tmp_path / "a.png", values, (b"tRNS", b"\xff\xf5"), bits=4)
    assert mean_difference(path, np.array([[0, 255, 255]], np.uint8)) == 0


@pytest.mark.parametrize("most", [4095, 65535])
def test_a_single_colour_that_is_transparent_lies_on_white(tmp_path: Path, most: int) -> None:
    clear = (0x123, 0x456, 0x789)
    others = [(0x124, 0x456, 0x789), (0x223, 0x456, 0x789), (0x123, 0x756, 0x789), (0x23, 0x56, 0x89)]
    values = np.array([[clear, *others, (0, 0, 0), (most, most, most)]], np.uint16)
    path = png(tmp_path / "a.png", values, (b"tRNS", struct.pack(">3H", *clear)))
    picture = read_picture(path)
    assert isinstance(picture, Picture)
    assert picture.bits == most.bit_length()
    assert mean_difference(path, on_white(values, clear, most)) == 0


def test_a_dark_picture_that_tells_its_depth_stays_dark(tmp_path: Path) -> None:
    told = (b"sBIT", b"\x10\x10\x10")
    path = png(tmp_path / "a.png", COLOURS.astype(np.uint16) * 8, told)
    assert np.asarray(open_image(path)).max() <= 8
    told = (b"sBIT", b"\x0c\x0c\x0c")
    path = png(tmp_path / "b.png", COLOURS.astype(np.uint16) * 257, told)
    assert mean_difference(path, COLOURS) < 1  # stretched over 16 bits, as the standard has it


def test_the_doctor_tells_depths_and_the_class_that_has_its_own(tmp_path: Path) -> None:
    class_folders(tmp_path, {"a": 2, "b": 0})
    for number in range(2):
        deep = np.asarray(pattern(seed=50 + number).convert("L")).astype(np.uint16) * 16
        Image.fromarray(deep).save(tmp_path / "b" / f"{number}.tif")
    problems = diagnose(tmp_path).problems
    assert [problem.kind for problem in problems] == ["deep-image"]
    assert problems[0].message == "2 images of 8 bits and 2 images of 12 bits; of these 'a' has 8 alone"


def test_sixteen_bits_alone_are_nothing_to_tell(tmp_path: Path) -> None:
    for name in ("a", "b"):
        for number in range(2):
            (tmp_path / name).mkdir(exist_ok=True)
            deep = np.asarray(pattern(seed=number + 10 * ord(name)).convert("L")).astype(np.uint16) * 257
            Image.fromarray(deep).save(tmp_path / name / f"{number}.png")
    assert diagnose(tmp_path).ok


def tiff(channels: int, bits: int, numbers: int) -> bytes:
    """Return a TIFF file of 2 × 2 pixels with any number of channels, of any kind of numbers."""
    content = bytes(2 * 2 * channels * bits // 8)
    tags = {
        256: (3, [2]),  # width
        257: (3, [2]),  # height
        258: (3, [bits] * channels),
        259: (3, [1]),  # not compressed
        262: (3, [1]),  # black is zero
        273: (4, [8]),  # where the pixels begin
        277: (3, [channels]),
        278: (3, [2]),
        279: (4, [len(content)]),
        339: (3, [numbers] * channels),
    }
    place = 8 + len(content)
    behind = place + 2 + 12 * len(tags) + 4
    entries, extra = b"", b""
    for tag, (kind, values) in tags.items():
        packed = struct.pack(f"<{len(values)}{'H' if kind == 3 else 'I'}", *values)
        if len(packed) > 4:
            where = struct.pack("<I", behind + len(extra))
            extra += packed
        else:
            where = packed.ljust(4, b"\0")
        entries += struct.pack("<HHI", tag, kind, len(values)) + where
    return (
        b"II*\0"
        + struct.pack("<I", place)
        + content
        + struct.pack("<H", len(tags))
        + entries
        + bytes(4)
        + extra
    )


@pytest.mark.parametrize(
    ("channels", "bits", "numbers", "told"),
    [
        (5, 8, 1, "5 channels with numbers of 8 bits"),
        (1, 64, 3, "1 channel with floating-point numbers of 64 bits"),
    ],
)
def test_a_whole_tiff_that_is_not_read_is_not_called_damaged(
    tmp_path: Path, channels: int, bits: int, numbers: int, told: str
) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(tiff(channels, bits, numbers))
    problem = read_picture(path)
    assert isinstance(problem, Problem)
    assert (problem.kind, told in problem.message) == ("unreadable-format", True), problem
    path.write_bytes(tiff(channels, bits, numbers)[:20])
    problem = read_picture(path)
    assert isinstance(problem, Problem)
    assert problem.kind == "corrupt-image"
    path.write_bytes(tiff(1, 8, 1))
    assert isinstance(read_picture(path), Picture)
