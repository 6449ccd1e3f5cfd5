"""Copies that were changed are found, and pictures that are not copies are left in peace."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pictures import scene
from PIL import Image, ImageEnhance, ImageOps

from densekit.data.appearance import appearance_of
from densekit.data.near_duplicates import Looks, NearCopy, near_copies
from densekit.files import sample_folder

Change = Callable[[Image.Image], Image.Image]


def scenes(count: int) -> list[Image.Image]:
    return [scene(seed=seed) for seed in range(count)]


def looks(images: list[Image.Image], groups: list[tuple[int, int]] | None = None) -> Looks:
    seen = [appearance_of(image) for image in images]
    return Looks(
        np.stack([one.thumbnail for one in seen]),
        np.stack([one.tint for one in seen]),
        np.array(groups or [(0, 0)] * len(images)),
    )


def recompressed(image: Image.Image) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=30)
    return Image.open(file).convert("RGB")


def cropped(left: float, top: float, share: float = 0.9) -> Change:
    def crop(image: Image.Image) -> Image.Image:
        width, height = image.size
        box = (left * width, top * height, (left + share) * width, (top + share) * height)
        return image.crop(tuple(map(round, box)))

    return crop


CHANGES: dict[str, Change] = {
    "half as large": lambda image: image.resize((120, 90), Image.Resampling.LANCZOS),
    "twice as large": lambda image: image.resize((480, 360), Image.Resampling.BICUBIC),
    "recompressed": recompressed,
    "mirrored": ImageOps.mirror,
    "mirrored, smaller, recompressed": lambda image: recompressed(ImageOps.mirror(image).resize((120, 90))),
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.2),
    "darker": lambda image: ImageEnhance.Brightness(image).enhance(0.7),
    "cropped all round": cropped(0.05, 0.05),
    "cropped at two sides": cropped(0.1, 0.0),
    "cropped by a tenth of its area": cropped(0.02, 0.03, 0.949),
    "cropped and mirrored": lambda image: ImageOps.mirror(cropped(0.0, 0.1)(image)),
}


class TestCopies:
    @pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
    def test_a_changed_copy_is_found_and_nothing_else(self, change: Change) -> None:
        originals = scenes(12)
        found = near_copies(looks(originals + [change(image) for image in originals]))
        assert [(one.original, one.copy) for one in found] == [(place, place + 12) for place in range(12)]

    def test_it_is_told_what_was_changed(self) -> None:
        original = scenes(1)[0]
        (mirror,) = near_copies(looks([original, ImageOps.mirror(original)]))
        (crop,) = near_copies(looks([original, cropped(0.1, 0.1)(original)]))
        assert (mirror.is_mirrored, mirror.is_cropped) == (True, False)
        assert (crop.is_mirrored, crop.is_cropped) == (False, True)

    def test_which_of_the_two_was_cropped_does_not_matter(self) -> None:
        original = scenes(1)[0]
        (found,) = near_copies(looks([cropped(0.05, 0.05)(original), original]))
        assert found[:2] == (1, 0)

    def test_each_copy_is_told_once_with_the_worst_of_its_originals(self) -> None:
        picture = scenes(1)[0]
        groups = [(0, 0), (0, 1), (1, 1), (0, 0), (1, 0)]  # class and split
        found = near_copies(looks([picture, *map(recompressed, [picture] * 4)], groups))
        assert [(one.copy, one.original) for one in found] == [(1, 0), (2, 0), (3, 2), (4, 0)]

    @pytest.mark.parametrize("order", [[0, 1, 2, 3], [1, 0, 2, 3], [1, 2, 0, 3], [1, 2, 3, 0]])
    def test_of_equal_pixels_each_is_told_with_the_worst_of_its_originals(self, order: list[int]) -> None:
        groups = [(0, 0), (0, 1), (0, 1), (0, 1)]  # one in train, three in val
        found = near_copies(looks(scenes(1) * 4, [groups[number] for number in order]))
        train = order.index(0)
        leaks = {one.copy: one.original for one in found if train in (one.copy, one.original)}
        assert leaks == ({train: 0} if train else {}) | dict.fromkeys(range(train + 1, 4), train)
        assert [one.copy for one in found] == [1, 2, 3]

    def test_thousands_of_one_picture_are_told_once_each(self) -> None:
        one = looks(scenes(1))
        many = Looks(
            one.thumbnails.repeat(20_000, 0), one.tints.repeat(20_000, 0), one.groups.repeat(20_000, 0)
        )
        found = near_copies(many)
        assert [copy.copy for copy in found] == list(range(1, 20_000))
        assert {copy.original for copy in found} == {0}


class TestNoCopies:
    @pytest.mark.slow
    def test_different_pictures(self) -> None:
        assert near_copies(looks(scenes(300))) == []

    @pytest.mark.slow
    def test_pictures_of_one_renderer_on_one_table(self) -> None:
        paths = sorted(sample_folder("tabletop").rglob("*.jpg"))
        assert len(paths) == 1000
        assert near_copies(looks([Image.open(path).convert("RGB") for path in paths])) == []

    def test_flat_pictures_and_gradients(self) -> None:
        ramp = np.linspace(60, 200, 240).astype(np.uint8)
        flat = [Image.new("RGB", (240, 180), (shade,) * 3) for shade in (0, 1, 128, 255)]
        ramps = [Image.fromarray(np.tile(ramp[::step], (180, 1))).convert("RGB") for step in (1, -1, 2)]
        assert near_copies(looks(flat + ramps)) == []

    def test_one_shape_in_two_colours(self) -> None:
        grey = scenes(1)[0].convert("L")
        red, blue = (
            ImageOps.colorize(grey, "black", colour).convert("RGB") for colour in ("#ff5050", "#5050ff")
        )
        assert near_copies(looks([red, blue])) == []

    def test_nothing_to_compare(self) -> None:
        assert near_copies(looks(scenes(1))) == []


def test_the_number_of_pictures_in_one_part_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    originals = scenes(8)
    seen = looks(
        [*originals, *(cropped(0.1, 0.1)(ImageOps.mirror(one)) for one in originals), *originals[::-1]]
    )
    at_once = near_copies(seen)
    monkeypatch.setattr("densekit.data.near_duplicates._AT_ONCE", 5)
    assert near_copies(seen) == at_once
    assert all(isinstance(one, NearCopy) for one in at_once)


def test_thumbnails_are_numbers_that_stay(tmp_path: Path) -> None:
    """The same bytes give the same thumbnail, however the picture is held."""
    image = scenes(1)[0]
    image.save(tmp_path / "one.png")
    again = Image.open(tmp_path / "one.png").convert("RGB")
    first, second = appearance_of(image), appearance_of(again)
    assert equal(first.thumbnail, second.thumbnail) and equal(first.tint, second.tint)


def equal(one: NDArray[np.generic], other: NDArray[np.generic]) -> bool:
    return bool((one == other).all())
