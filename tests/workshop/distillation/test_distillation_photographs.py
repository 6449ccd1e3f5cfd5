from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter
from tiny_distillation import unpacked

from workshop.distillation.cache import build_cache, open_cache
from workshop.distillation.package import Package
from workshop.distillation.photographs import looks_like_a_photograph, photographs_among
from workshop.distillation.pictures import find_pictures
from workshop.distillation.sources import Source


def photograph(seed: int = 0, size: tuple[int, int] = (400, 300)) -> Image.Image:
    """Return soft shapes of many colours under the noise of a sensor."""
    generator = np.random.default_rng(seed)
    coarse = Image.fromarray(generator.integers(0, 256, (7, 9, 3), dtype=np.uint8))
    soft = np.asarray(coarse.resize(size, Image.Resampling.BICUBIC), np.int16)
    return Image.fromarray((soft + generator.integers(-6, 7, soft.shape)).clip(0, 255).astype(np.uint8))


def diagram() -> Image.Image:
    """Return lines and boxes on white."""
    image = Image.new("RGB", (400, 300), "white")
    draw = ImageDraw.Draw(image)
    for place in range(20, 260, 40):
        draw.rectangle((place, place, place + 60, place + 25), outline="black", fill="lightblue")
    return image


def package_of(folder: Path, **images: Image.Image) -> Package:
    folder.mkdir(parents=True, exist_ok=True)
    for name, image in images.items():
        image.save(folder / f"{name}.png")
    return Package("manual", "1", ("CC0",), folder)


def names_among(package: Package) -> list[str]:
    found = find_pictures(Source("manual", "photographs"), package)
    return [picture.name for picture in photographs_among(found)]


def test_a_photograph_is_told_from_a_diagram() -> None:
    assert looks_like_a_photograph(photograph())
    assert not looks_like_a_photograph(diagram())


def patches() -> Image.Image:
    """Return a chequered carpet: many colours, each of them flat."""
    generator = np.random.default_rng(0)
    coarse = Image.fromarray(generator.integers(0, 256, (24, 24, 3), dtype=np.uint8))
    return coarse.resize((192, 192), Image.Resampling.NEAREST)


def equally_light() -> Image.Image:
    """Return noise of many colours that are all about equally light."""
    generator = np.random.default_rng(0)
    red, green = generator.integers(0, 256, (2, 192, 192))
    return Image.fromarray(np.stack([red, green, (400 - red - green).clip(0, 255)], axis=2).astype(np.uint8))


@pytest.mark.parametrize(
    "image",
    [photograph().convert("L").convert("RGB"), patches(), equally_light()],
    ids=["few colours", "flat", "nothing to be seen"],
)
def test_one_sign_of_three_is_enough_to_leave_a_picture_out(image: Image.Image) -> None:
    assert not looks_like_a_photograph(image)


def test_diagrams_and_what_cannot_be_read_are_left_out(tmp_path: Path) -> None:
    package = package_of(tmp_path, a=photograph(1), b=diagram(), c=photograph(2), d=photograph(3))
    data = (tmp_path / "c.png").read_bytes()
    (tmp_path / "c.png").write_bytes(data[: len(data) // 2])  # its size can be read, its pixels can't
    assert names_among(package) == ["/a.png", "/d.png"]


def test_of_one_photograph_that_is_shown_many_times_the_first_one_stays(tmp_path: Path) -> None:
    one = photograph(1)
    package = package_of(
        tmp_path,
        a=one,
        b=one.point(lambda value: value + 12),
        c=one.resize((800, 600)),
        d=one.filter(ImageFilter.GaussianBlur(1)),
        e=photograph(2),
    )
    assert names_among(package) == ["/a.png", "/e.png"]


def test_only_a_kind_that_asks_for_photographs_is_searched_for_them(tmp_path: Path) -> None:
    manual = package_of(tmp_path / "manual", a=photograph(1), b=diagram())
    others = unpacked(tmp_path, "others", 3)
    diagram().save(others.folder / "diagram.png")  # which is not lost for having been left out before
    sources = [Source("manual", "photographs"), Source("others", "pictures")]
    build_cache(tmp_path / "crops", sources, [manual, others], 40, progress=False)
    rows = open_cache(tmp_path / "crops").manifest["packages"]
    assert [(row["package"], row["pictures"]) for row in rows] == [("manual", 1), ("others", 4)]
