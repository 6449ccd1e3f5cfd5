"""A JPEG that is decoded smaller: the same answer for every file, and the size that it has in the file."""

from pathlib import Path

import pytest
from pictures import scene
from PIL import Image

from densekit.data.appearance import LOOKED_AT, appearance_of
from densekit.data.decoding import Picture, read_and_use, read_picture
from densekit.data.perceptual_hash import distance, hashes
from densekit.data.problems import Problem

WHOLE = (1600, 1200)


def look(path: Path, enough: int | None = LOOKED_AT) -> Picture | Problem:
    return read_and_use(path, lambda picture: picture, enough)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    scene(WHOLE).save(tmp_path / "photo.jpg", quality=85)
    return tmp_path / "photo.jpg"


@pytest.mark.parametrize("enough", [1, 100, 256, 400, 800, 801, 5000])
def test_as_many_pixels_are_left_as_are_enough(photo: Path, enough: int) -> None:
    picture = look(photo, enough)

    assert isinstance(picture, Picture)
    assert picture.size == WHOLE
    assert max(picture.image.size) >= min(enough, WHOLE[0])
    assert WHOLE[0] // max(picture.image.size) in (1, 2, 4, 8)


def test_it_looks_like_the_whole_picture(photo: Path) -> None:
    smaller, whole = look(photo), read_picture(photo)
    assert isinstance(smaller, Picture) and isinstance(whole, Picture)
    assert smaller.image.size != whole.image.size

    one, other = appearance_of(smaller.image, smaller.size), appearance_of(whole.image)
    assert one.size == other.size
    assert int(distance(hashes(one.thumbnail[None]), hashes(other.thumbnail[None]))[0]) <= 8
    assert one.blur == pytest.approx(other.blur, abs=0.1)
    assert smaller.content_hash == whole.content_hash


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_picture_tells_its_size_upright(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    scene(WHOLE).save(tmp_path / "a.jpg", exif=exif)

    smaller, whole = look(tmp_path / "a.jpg"), read_picture(tmp_path / "a.jpg")

    assert isinstance(smaller, Picture) and isinstance(whole, Picture)
    assert smaller.size == whole.size == whole.image.size


@pytest.mark.parametrize("share", [0.02, 0.3, 0.7, 0.95, 0.999])
@pytest.mark.parametrize("progressive", [False, True])
def test_one_that_is_cut_off_is_told_as_the_loaders_tell_it(
    tmp_path: Path, share: float, progressive: bool
) -> None:
    path = tmp_path / "cut.jpg"
    scene(WHOLE).save(path, progressive=progressive)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])

    smaller, whole = look(path), read_picture(path)

    assert type(smaller) is type(whole)
    if isinstance(whole, Problem) and isinstance(smaller, Problem):
        assert smaller.kind == whole.kind == "corrupt-image"


@pytest.mark.parametrize("size", [(3000, 1), (1, 3000), (2500, 9), (257, 255), (512, 3)])
def test_thin_pictures_are_read_too(tmp_path: Path, size: tuple[int, int]) -> None:
    Image.new("RGB", size, "red").save(tmp_path / "thin.jpg")
    picture = look(tmp_path / "thin.jpg")
    assert isinstance(picture, Picture)
    assert picture.size == size


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_grey_and_print_colours_come_as_rgb(tmp_path: Path, mode: str) -> None:
    scene(WHOLE).convert(mode).save(tmp_path / "a.jpg")
    picture = look(tmp_path / "a.jpg")
    assert isinstance(picture, Picture)
    assert picture.image.mode == "RGB"
    assert picture.size == WHOLE
