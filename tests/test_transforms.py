"""From a picture to the numbers of a network."""

import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import pattern
from PIL import Image

from densekit.data.transforms import Preprocessing
from densekit.errors import WeightsError
from densekit.vision import torchvision  # noqa: F401

from torchvision.transforms import v2  # isort: skip

SMALL = Preprocessing(resize=36, crop=32)


def by_torchvision(preprocessing: Preprocessing, image: Image.Image) -> torch.Tensor:
    steps = [
        v2.Resize(preprocessing.resize, v2.InterpolationMode(preprocessing.interpolation), antialias=True),
        v2.CenterCrop(preprocessing.crop),
        v2.PILToTensor(),
        v2.ToDtype(torch.float32, scale=True),
        v2.Normalize(preprocessing.mean, preprocessing.std),
    ]
    return v2.Compose(steps)(image)


@given(
    width=st.integers(1, 150),
    height=st.integers(1, 150),
    resize=st.integers(32, 50),
    interpolation=st.sampled_from(["bilinear", "bicubic"]),
)
@settings(max_examples=60, deadline=None)
def test_ordinary_pictures_come_out_as_from_torchvision(
    width: int, height: int, resize: int, interpolation: str
) -> None:
    preprocessing = Preprocessing(resize, 32, interpolation=interpolation)  # type: ignore[arg-type]
    image = pattern((width, height), seed=width)
    ours, theirs = preprocessing(image), by_torchvision(preprocessing, image)
    if max(width, height) <= 10 * min(width, height):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-6)
    else:  # at most two steps of 256, in a pixel here and there: Pillow rounds after each of its two passes
        torch.testing.assert_close(ours, theirs, rtol=0, atol=2.01 / 255 / min(preprocessing.std))


@pytest.mark.parametrize("size", [(1, 1), (1, 2000), (2000, 1), (1, 1_000_000)])
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_a_strip_shows_its_middle_and_is_never_resized_as_a_whole(
    size: tuple[int, int], interpolation: str
) -> None:
    preprocessing = Preprocessing(256, 224, interpolation=interpolation)  # type: ignore[arg-type]
    image = Image.new("RGB", size, "red")
    image.paste("blue", (size[0] // 4, size[1] // 4, size[0] - size[0] // 4, size[1] - size[1] // 4))
    pixels = preprocessing.cut(image)  # the last one would need 262 GB
    assert pixels.shape == (3, 224, 224)
    assert pixels[:, 112, 112].tolist() == [0, 0, 255]


@pytest.mark.parametrize("mode", ["L", "RGBA", "CMYK", "P", "1"])
def test_a_picture_of_another_mode_is_brought_to_rgb(mode: str) -> None:
    assert SMALL(pattern().convert(mode)).shape == (3, 32, 32)


def test_pixels_are_bytes_and_normalised_pixels_are_floats_of_any_batch() -> None:
    pixels = SMALL.cut(pattern())
    assert (pixels.dtype, pixels.shape, pixels.is_contiguous()) == (torch.uint8, (3, 32, 32), True)
    batch = torch.stack([pixels, pixels.flip(-1)])
    assert torch.equal(SMALL.normalise(batch)[0], SMALL(pattern()))
    assert SMALL.normalise(batch).dtype == torch.float32


def test_another_size_keeps_the_share_that_is_cut_off() -> None:
    assert Preprocessing(256, 224).with_size(96) == Preprocessing(110, 96)


def test_a_file_gives_back_what_was_written() -> None:
    written = Preprocessing(256, 224, (0.1, 0.2, 0.3), (0.4, 0.5, 0.6), "bicubic")
    assert Preprocessing.from_dict(json.loads(json.dumps(written.to_dict()))) == written


@pytest.mark.parametrize(
    "change",
    [
        {"resize": 33},
        {"crop": 31},
        {"mean": (0.5, 0.5, 0.5)},
        {"std": (0.5, 0.5, 0.5)},
        {"interpolation": "bicubic"},
    ],
)
def test_the_identity_changes_with_everything_that_changes_pixels(change: dict[str, object]) -> None:
    changed = Preprocessing.from_dict(SMALL.to_dict() | change)
    assert changed.identity != SMALL.identity
    assert Preprocessing.from_dict(SMALL.to_dict()).identity == SMALL.identity


@pytest.mark.parametrize(
    "change",
    [
        {"crop": 0},
        {"crop": 37},
        {"resize": "big"},
        {"resize": 36.5},
        {"mean": [0.5]},
        {"mean": 3},
        {"std": [0.0, 1.0, 1.0]},
        {"std": [float("nan"), 1.0, 1.0]},
        {"interpolation": "nearest"},
        {"colour": "blue"},
    ],
)
def test_values_that_are_no_preprocessing_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(WeightsError, match="the preprocessing"):
        Preprocessing.from_dict(SMALL.to_dict() | change)


def test_a_missing_value_is_refused() -> None:
    values = SMALL.to_dict()
    del values["mean"]
    with pytest.raises(WeightsError, match="mean"):
        Preprocessing.from_dict(values)
