"""Views: drawn from seed, epoch and picture alone, and changed as asked for."""

import numpy as np
import pytest
import torch
from PIL import Image

from densekit.config import AugmentationConfig
from densekit.data.transforms import Preprocessing
from densekit.data.views import View, draw_view, show_view

PREPROCESSING = Preprocessing(resize=36, crop=32)
EVERYTHING = AugmentationConfig(resized_crop=0.25, flip=True, colour=0.3)


def picture(width: int = 80, height: int = 50) -> Image.Image:
    generator = np.random.default_rng(0)
    return Image.fromarray(generator.integers(0, 256, (height, width, 3), dtype=np.uint8))


class TestDrawing:
    def test_the_same_seed_epoch_and_picture_give_the_same_view(self) -> None:
        assert draw_view(EVERYTHING, 1, 2, "a") == draw_view(EVERYTHING, 1, 2, "a")

    @pytest.mark.parametrize("other", [(2, 2, "a"), (1, 3, "a"), (1, 2, "b")])
    def test_another_of_them_gives_another(self, other: tuple[int, int, str]) -> None:
        assert draw_view(EVERYTHING, *other) != draw_view(EVERYTHING, 1, 2, "a")

    def test_what_is_not_asked_for_is_left_alone(self) -> None:
        assert draw_view(AugmentationConfig(), 1, 2, "a").area is None
        views = [draw_view(AugmentationConfig(flip=True), 0, epoch, "a") for epoch in range(40)]
        assert {view.mirrored for view in views} == {True, False}
        assert {view.area for view in views} == {None}
        assert {view.colour for view in views} == {(1.0, 1.0, 1.0)}

    def test_one_setting_does_not_change_what_another_draws(self) -> None:
        alone = draw_view(AugmentationConfig(flip=True), 1, 2, "a")
        assert draw_view(EVERYTHING, 1, 2, "a").mirrored == alone.mirrored

    def test_everything_stays_in_its_range(self) -> None:
        for epoch in range(200):
            view = draw_view(EVERYTHING, 0, epoch, "a")
            assert view.area is not None
            assert 0.25 <= view.area <= 1
            assert 3 / 4 <= view.ratio <= 4 / 3
            assert 0 <= view.left <= 1 and 0 <= view.top <= 1
            assert all(0.7 <= factor <= 1.3 for factor in view.colour)


class TestShowing:
    def test_without_a_change_it_is_the_picture(self) -> None:
        assert torch.equal(show_view(View(), picture(), PREPROCESSING), PREPROCESSING.cut(picture()))

    def test_a_mirror_swaps_left_and_right(self) -> None:
        shown = show_view(View(mirrored=True), picture(), PREPROCESSING)
        assert torch.equal(shown, PREPROCESSING.cut(picture()).flip(2))

    def test_colours_get_brighter_and_darker(self) -> None:
        plain = PREPROCESSING.cut(picture()).float().mean()
        brighter, darker = (View(colour=(factor, 1.0, 1.0)) for factor in (1.3, 0.7))
        assert show_view(brighter, picture(), PREPROCESSING).float().mean() > plain
        assert show_view(darker, picture(), PREPROCESSING).float().mean() < plain

    @pytest.mark.parametrize("factor", [0.0, 0.5, 1.4])
    @pytest.mark.parametrize("which", ["brightness", "contrast", "saturation"])
    def test_a_factor_moves_colours_away_from_what_is_left_without_them(
        self, which: str, factor: float
    ) -> None:
        plain = PREPROCESSING.cut(picture()).double()
        grey = (0.299 * plain[0] + 0.587 * plain[1] + 0.114 * plain[2]).expand(3, -1, -1)
        without = {"brightness": 0 * plain, "contrast": grey.mean().expand(3, 32, 32), "saturation": grey}
        colour = [factor if name == which else 1.0 for name in without]
        shown = show_view(View(colour=(colour[0], colour[1], colour[2])), picture(), PREPROCESSING)
        expected = (without[which] + factor * (plain - without[which])).clamp(0, 255)
        assert (shown.double() - expected).abs().max() < 1.5  # both are rounded to whole numbers on the way

    @pytest.mark.parametrize("size", [(80, 50), (50, 80), (1, 1), (1, 300), (400, 2)])
    @pytest.mark.parametrize("mode", ["RGB", "L"])
    def test_a_cut_out_of_any_picture_has_the_right_size(self, size: tuple[int, int], mode: str) -> None:
        for epoch in range(30):
            view = draw_view(EVERYTHING, 0, epoch, "a")
            shown = show_view(view, picture(*size).convert(mode), PREPROCESSING)
            assert (shown.shape, shown.dtype) == ((3, 32, 32), torch.uint8)

    @pytest.mark.parametrize(
        ("size", "view", "box"),
        [
            ((80, 60), View(area=0.25, ratio=4 / 3, left=0.5, top=1.0), (20, 30, 60, 60)),  # 40 × 30 of 4800
            ((80, 60), View(area=0.25, ratio=3 / 4, left=1.0, top=0.5), (50, 10, 80, 50)),  # 30 × 40
            ((60, 60), View(area=1.0, ratio=4 / 3, left=0.5, top=1.0), (0, 15, 60, 60)),  # as much as fits in
        ],
    )
    def test_a_cut_out_is_as_wide_and_as_high_as_its_area_and_ratio_say(
        self, size: tuple[int, int], view: View, box: tuple[int, int, int, int]
    ) -> None:
        part = picture(*size).crop(box).resize((32, 32), Image.Resampling.BILINEAR)
        expected = torch.from_numpy(np.array(part)).permute(2, 0, 1)
        assert torch.equal(show_view(view, picture(*size), PREPROCESSING), expected)

    def test_a_cut_out_is_a_part_of_the_picture(self) -> None:
        halves = Image.new("RGB", (80, 50), "black")
        halves.paste((255, 255, 255), (40, 0, 80, 50))
        corner = show_view(View(area=0.2, left=0.0, top=0.0), halves, PREPROCESSING)
        other = show_view(View(area=0.2, left=1.0, top=1.0), halves, PREPROCESSING)
        assert (int(corner.max()), int(other.min())) == (0, 255)
