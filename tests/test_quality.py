"""Poor pictures are told, each once and by what is worst; good ones are left in peace."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pictures import scene
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

from densekit.data.appearance import appearance_of
from densekit.data.quality import poor_quality
from densekit.files import sample_folder

SIZE = (400, 300)


def kind_of(image: Image.Image) -> str | None:
    problem = poor_quality(Path("picture.png"), appearance_of(image))
    return problem.kind if problem else None


def drawing() -> Image.Image:
    """Thin dark lines on white: bright nearly everywhere, and good to learn from."""
    image = Image.new("RGB", SIZE, "white")
    pencil = ImageDraw.Draw(image)
    for step in range(12):
        pencil.line((10 + 30 * step, 20, 380 - 25 * step, 280), fill="black", width=3)
    return image


def gradient() -> Image.Image:
    ramp = np.add.outer(np.linspace(40, 140, SIZE[1]), np.linspace(0, 90, SIZE[0]))
    return Image.fromarray(ramp.astype(np.uint8)).convert("RGB")


def noise() -> Image.Image:
    values = np.random.default_rng(0).normal(128, 25, (*SIZE[::-1], 3)).clip(0, 255)
    return Image.fromarray(values.astype(np.uint8))


POOR = {
    "one-colour": Image.new("RGB", SIZE, (200, 30, 60)),
    "too-dark": ImageEnhance.Brightness(scene(SIZE)).enhance(0.15),
    "too-bright": Image.blend(scene(SIZE), Image.new("RGB", SIZE, "white"), 0.85),
    "low-information": gradient(),
    "blurry": scene(SIZE).filter(ImageFilter.GaussianBlur(4)),
}


@pytest.mark.parametrize("kind", POOR)
def test_a_poor_picture_is_told_by_its_worst(kind: str) -> None:
    assert kind_of(POOR[kind]) == kind


def test_noise_alone_is_no_information() -> None:
    assert kind_of(noise()) == "low-information"


# Drawn by the test that looks at it, and not by whoever only collects the tests. A scene has no details that
# would be lost where it is drawn smaller than it is meant to be: it takes seconds to draw at full size.
GOOD = {
    "scene": lambda: scene(SIZE),
    "large": lambda: scene((1000, 750)).resize((4000, 3000), Image.Resampling.BICUBIC),
    "drawing": drawing,
    "grey drawing": lambda: drawing().convert("L").convert("RGB"),
    "a little dark": lambda: ImageEnhance.Brightness(scene(SIZE)).enhance(0.6),
    "little contrast": lambda: ImageEnhance.Contrast(scene(SIZE)).enhance(0.5),
    "a little blurred": lambda: scene(SIZE).filter(ImageFilter.GaussianBlur(0.5)),
}


@pytest.mark.parametrize("draw", GOOD.values(), ids=GOOD)
def test_a_good_picture_is_left_in_peace(draw: Callable[[], Image.Image]) -> None:
    assert kind_of(draw()) is None


@pytest.mark.parametrize("length", [1, 2, 16, 40])
def test_icons_are_not_judged_by_their_details(length: int) -> None:
    icon = scene((length, length)).filter(ImageFilter.GaussianBlur(length / 8))
    assert kind_of(icon) in (None, "one-colour")


def test_a_red_thing_on_a_ground_of_its_brightness_is_not_one_colour() -> None:
    image = Image.new("RGB", SIZE, (100, 100, 100))
    image.paste((240, 40, 46), (150, 100, 250, 200))
    assert np.ptp(np.asarray(image.convert("L"))) <= 8
    assert kind_of(image) != "one-colour"


@pytest.mark.parametrize("stars", [1, 5, 60])
@pytest.mark.parametrize("size", [(256, 256), (4000, 3000)])
def test_small_things_on_black_are_not_one_colour(size: tuple[int, int], stars: int) -> None:
    sky = Image.new("RGB", size)
    for x, y in np.random.default_rng(stars).integers(0, min(size), (stars, 2)).tolist():
        sky.putpixel((x, y), (255, 255, 255))
    assert kind_of(sky) == "too-dark"


def test_one_colour_as_a_lossy_format_keeps_it(tmp_path: Path) -> None:
    POOR["one-colour"].save(tmp_path / "a.jpg", quality=20)
    with Image.open(tmp_path / "a.jpg") as image:
        assert kind_of(image) == "one-colour"


@pytest.mark.slow
def test_no_picture_of_the_tabletop_is_poor() -> None:
    paths = sorted(sample_folder("tabletop").rglob("*.jpg"))
    assert [path for path in paths if kind_of(Image.open(path).convert("RGB"))] == []


def test_the_message_tells_the_number_that_was_judged() -> None:
    dark = poor_quality(Path("a.png"), appearance_of(POOR["too-dark"]))
    assert dark and "of 255 or less" in dark.message
    seen = appearance_of(POOR["too-dark"])
    assert str(seen.brightest) in dark.message
