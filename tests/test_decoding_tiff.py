"""TIFF files that Pillow doesn't write: 16 bits a colour, in planes, as inks, of the large kind, cut off."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pictures import pattern

from densekit.data.decoding import Picture, read_picture
from densekit.data.problems import Problem

COLOURS = np.asarray(pattern((40, 30))).astype(np.uint16)
_ROWS = 8  # in a strip
_GREY, _LIGHT, _INKS = 1, 2, 5  # what the numbers mean


def tiff(
    values: NDArray[np.uint16],
    *,
    order: str = "<",
    planes: bool = False,
    deflate: bool = False,
    meaning: int = _LIGHT,
    big: bool = False,
) -> bytes:
    """Return a TIFF file of 16 bits a number, from values of the shape (height, width, channels)."""
    height, width, channels = values.shape
    layers = np.moveaxis(values, 2, 0)[..., None] if planes else values[None]
    strips = [
        layer[top : top + _ROWS].astype(f"{order}u2").tobytes()
        for layer in layers
        for top in range(0, height, _ROWS)
    ]
    strips = [zlib.compress(strip) for strip in strips] if deflate else strips
    head = 16 if big else 8
    starts = [head + sum(map(len, strips[:number])) for number in range(len(strips))]
    tags = {
        256: ("H", [width]),
        257: ("H", [height]),
        258: ("H", [16] * channels),
        259: ("H", [8 if deflate else 1]),
        262: ("H", [meaning]),
        273: ("I", starts),
        277: ("H", [channels]),
        278: ("H", [_ROWS]),
        279: ("I", [len(strip) for strip in strips]),
        284: ("H", [2 if planes else 1]),
    }
    offset, number = ("Q", "Q") if big else ("I", "H")
    room = struct.calcsize(offset)
    place = head + sum(map(len, strips))
    behind = place + struct.calcsize(number) + (4 + 2 * room) * len(tags) + room
    entries, extra = b"", b""
    for tag, (kind, numbers) in tags.items():
        packed = struct.pack(f"{order}{len(numbers)}{kind}", *numbers)
        if len(packed) > room:
            packed, extra = struct.pack(order + offset, behind + len(extra)), extra + packed
        entries += struct.pack(f"{order}HH{offset}", tag, 3 if kind == "H" else 4, len(numbers))
        entries += packed.ljust(room, b"\0")
    start = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}H", 43 if big else 42)
    start += struct.pack(f"{order}HHQ", 8, 0, place) if big else struct.pack(f"{order}I", place)
    count = struct.pack(order + number, len(tags))
    return start + b"".join(strips) + count + entries + bytes(room) + extra


def read(path: Path, data: bytes) -> Picture | Problem:
    path.write_bytes(data)
    return read_picture(path)


def difference(picture: Picture | Problem, expected: NDArray[np.generic]) -> float:
    assert isinstance(picture, Picture), picture
    return float(np.abs(np.asarray(picture.image).astype(float) - expected).max())


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("planes", [False, True])
@pytest.mark.parametrize(("bits", "factor"), [(10, 4), (12, 16), (14, 64), (16, 257)])
def test_colours_may_lie_together_or_in_planes(
    tmp_path: Path, order: str, planes: bool, bits: int, factor: int
) -> None:
    picture = read(tmp_path / "a.tif", tiff(COLOURS * factor, order=order, planes=planes))
    assert difference(picture, COLOURS) <= 1
    assert isinstance(picture, Picture)
    assert picture.bits == bits


@pytest.mark.parametrize("order", ["<", ">"])
def test_so_may_colours_that_are_transparent(tmp_path: Path, order: str) -> None:
    half = np.full((*COLOURS.shape[:2], 1), 32768, np.uint16)
    values = np.concatenate([COLOURS * 257, half], axis=2)
    picture = read(tmp_path / "a.tif", tiff(values, order=order, planes=True))
    assert difference(picture, (COLOURS + 255) / 2) <= 2


@pytest.mark.parametrize("order", ["<", ">"])
def test_planes_that_are_compressed_are_read_where_nothing_of_them_is_lost(
    tmp_path: Path, order: str
) -> None:
    picture = read(tmp_path / "a.tif", tiff(COLOURS * 257, order=order, planes=True, deflate=True))
    assert difference(picture, COLOURS) <= 1


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("deflate", [False, True])
def test_a_grey_picture_may_be_a_single_plane(tmp_path: Path, order: str, deflate: bool) -> None:
    grey = COLOURS[..., :1]
    data = tiff(grey * 16, order=order, planes=True, meaning=_GREY, deflate=deflate)
    assert difference(read(tmp_path / "a.tif", data), grey) <= 1


def refusal(path: Path, data: bytes) -> str:
    problem = read(path, data)
    assert isinstance(problem, Problem), "wrong colours, and nobody is told"
    assert problem.kind == "unreadable-format", problem
    return str(problem)


@pytest.mark.parametrize("factor", [4, 16, 64])
def test_where_the_low_bits_would_be_lost_the_file_is_refused(tmp_path: Path, factor: int) -> None:
    told = refusal(tmp_path / "a.tif", tiff(COLOURS * factor, planes=True, deflate=True))
    assert told.endswith(
        "holds a TIFF picture with planes of 16 bits, which are not read rightly. "
        "Convert it to JPEG or PNG, and use that."
    )


def test_so_are_inks_in_planes_which_would_be_noise(tmp_path: Path) -> None:
    inks = np.concatenate([COLOURS, COLOURS[..., :1]], axis=2) * 257
    refusal(tmp_path / "a.tif", tiff(inks, planes=True, meaning=_INKS))


@pytest.mark.parametrize("deflate", [False, True])
def test_pale_inks_stay_pale(tmp_path: Path, deflate: bool) -> None:
    inks = np.concatenate([COLOURS // 5, COLOURS[..., :1] // 10], axis=2)
    picture = read(tmp_path / "a.tif", tiff(inks * 257, meaning=_INKS, deflate=deflate, planes=deflate))
    paper = (255 - inks[..., :3]) * (255.0 - inks[..., 3:]) / 255
    assert difference(picture, paper) <= 1
    assert isinstance(picture, Picture)
    assert picture.bits == 16


def test_a_large_tiff_is_read_like_any_other(tmp_path: Path) -> None:
    assert difference(read(tmp_path / "a.tif", tiff(COLOURS * 257, big=True)), COLOURS) <= 1


@pytest.mark.parametrize("big", [False, True])
def test_one_that_is_cut_off_is_damaged_not_of_another_format(tmp_path: Path, big: bool) -> None:
    whole = tiff(COLOURS * 257, big=big)
    unneeded = 16  # the lengths of the strips, which stand last
    for length in (8, 16, 1000, *range(len(whole) - 200, len(whole) - unneeded, 12)):
        problem = read(tmp_path / "a.tif", whole[:length])
        assert isinstance(problem, Problem)
        assert problem.kind == "corrupt-image", problem


def test_a_whole_one_that_is_not_read_is_not_called_damaged(tmp_path: Path) -> None:
    five = np.concatenate([COLOURS, COLOURS[..., :2]], axis=2)
    assert "5 channels with numbers of 16 bits" in refusal(tmp_path / "a.tif", tiff(five, big=True))
    refusal(tmp_path / "a.tif", tiff(COLOURS * 257, big=True, order=">"))
