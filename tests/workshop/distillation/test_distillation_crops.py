from pathlib import Path

import numpy as np
from PIL import Image
from tiny_distillation import unpacked

from workshop.distillation.crops import SIZE, Pixels, cut, set_on_backgrounds
from workshop.distillation.package import Package
from workshop.distillation.pictures import Picture, find_pictures
from workshop.distillation.sources import Source


def first_picture(folder: Path) -> Picture:
    package = unpacked(folder, count=1)
    return find_pictures(Source(package.name, "pictures"), package)[0]


def thing(folder: Path) -> Picture:
    """A red square on nothing."""
    image = Image.new("RGBA", (100, 100))
    image.paste((255, 0, 0, 255), (20, 20, 80, 80))
    image.save(folder / "thing.png")
    return find_pictures(Source("p", "things"), Package("p", "1", (), folder))[0]


def equal(one: list[Pixels], other: list[Pixels]) -> bool:
    return len(one) == len(other) and all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_crops_follow_from_the_seed_alone(tmp_path: Path) -> None:
    picture = first_picture(tmp_path)
    crops = cut(picture, 4, seed=1)
    assert [(crop.shape, crop.dtype) for crop in crops] == [((3, SIZE, SIZE), np.dtype(np.uint8))] * 4
    assert equal(crops, cut(picture, 4, seed=1))
    assert not equal(crops, cut(picture, 4, seed=2))
    assert not np.array_equal(crops[0], crops[1])


def test_a_picture_that_shows_nothing_gives_no_crops(tmp_path: Path) -> None:
    Image.new("RGB", (200, 200), (90, 90, 90)).save(tmp_path / "grey.png")
    (grey,) = find_pictures(Source("p", "pictures"), Package("p", "1", (), tmp_path))
    assert cut(grey, 3, seed=0) == []


def test_a_damaged_picture_gives_no_crops(tmp_path: Path) -> None:
    picture = first_picture(tmp_path)
    picture.path.write_bytes(picture.path.read_bytes()[: picture.length // 2])
    assert cut(picture, 3, seed=0) == []
    assert set_on_backgrounds(picture, 3, 0, [np.zeros((3, SIZE, SIZE), np.uint8)]) == []


def test_pictures_of_every_mode_become_rgb(tmp_path: Path) -> None:
    noise = Image.effect_noise((150, 150), 90)
    for mode in ("L", "P", "LA", "RGBA", "CMYK", "I;16"):
        image = Image.fromarray(np.asarray(noise, np.uint16) * 256) if mode == "I;16" else noise.convert(mode)
        path = tmp_path / mode / f"1.{'jpg' if mode == 'CMYK' else 'png'}"
        path.parent.mkdir()
        image.save(path)
    pictures = find_pictures(Source("p", "pictures"), Package("p", "1", (), tmp_path))
    assert len(pictures) == 6
    assert all(len(cut(picture, 2, seed=0)) == 2 for picture in pictures)


def test_a_thing_shows_its_background_around_it(tmp_path: Path) -> None:
    blue = np.zeros((3, SIZE, SIZE), np.uint8)
    blue[2] = 200
    crops = set_on_backgrounds(thing(tmp_path), 12, 0, [blue])
    red = [((crop[0] > 200) & (crop[2] < 50)).mean() for crop in crops]
    on_blue = [((crop[2] > 150) & (crop[0] < 50)).mean() for crop in crops]
    assert all(part > 0.05 for part in red)
    assert sum(part > 0.05 for part in on_blue) >= 6  # a quarter of the backgrounds are plain colours
