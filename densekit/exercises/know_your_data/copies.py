"""Copies of pictures: what they do to an accuracy, how they are found, and which changes a class survives."""

from collections.abc import Callable, Collection
from typing import Any

import numpy as np
from PIL import Image

from densekit.exercises.expectations import NotYet, expect, expect_close, quoted
from densekit.exercises.framework import Hint, exercise


@exercise(
    number=4,
    title="What the leak reports",
    minutes=6,
    difficulty="easy",
    hints=(
        Hint("my number is too small", "The leaked part is right for sure: it was learned by heart."),
        Hint("my number is above 1", "Only the part that did not leak has the honest accuracy."),
    ),
)
def exercise_4(reported: Callable[[float, float], float]) -> str:
    """Check the accuracy that is reported when a part of the validation pictures was learned."""
    for honest, leak in ((0.7, 0.0), (0.7, 0.1), (0.7, 0.3), (0.5, 1.0), (0.9, 0.5)):
        found = reported(honest, leak)
        right = leak + (1 - leak) * honest
        if isinstance(found, int | float) and leak and abs(found - honest - leak) < 1e-9 and found > right:
            expect(
                False,
                f"reported({honest}, {leak}) is {found:g}: you added the whole leak, but of those pictures "
                f"{honest:.0%} would have been right anyway",
            )
        expect_close(
            found,
            right,
            1e-9,
            because=f"{leak:.0%} are right by heart, and of the other {1 - leak:.0%} the honest share is right",
            name=f"reported({honest}, {leak})",
        )
    return "leak + (1 − leak) · honest: a leak lifts a weak classifier most"


@exercise(
    number=5,
    title="A hash that forgives",
    minutes=12,
    difficulty="medium",
    hints=(
        Hint(
            "my hash has another shape",
            "Nine columns and eight rows give eight differences in each row: resize((9, 8)) takes columns first.",
        ),
        Hint(
            "a resized copy has another hash",
            "Make it grey and small first; then ask whether each pixel is brighter than its left neighbour.",
        ),
        Hint(
            "a brighter copy has another hash",
            "Compare neighbours with each other, not with a fixed brightness.",
        ),
        Hint(
            "every hash is alike",
            "In uint8, 3 - 5 is 254, not -2, so nearly every difference is above 0: compare the two with >, "
            "don't subtract.",
        ),
    ),
)
def exercise_5(hash_of: Callable[[Image.Image], Any]) -> str:
    """Check a difference hash: 64 bits that a copy keeps, and another picture doesn't."""
    picture, other = _scene(0), _scene(1)
    bits = _bits(hash_of(picture), "a picture")
    small = np.asarray(picture.convert("L").resize((9, 8)), dtype=np.int64)
    right = small[:, 1:] > small[:, :-1]
    for copy, what in (
        (picture.resize((120, 90)), "a copy of half the size"),
        (picture.point(lambda value: value * 0.8), "a darker copy"),
    ):
        far = int((_bits(hash_of(copy), what) != bits).sum())
        expect(far <= 6, f"{far} of 64 bits differ between a picture and {what}: expected 6 or fewer")
    far = int((_bits(hash_of(other), "another picture") != bits).sum())
    expect(far >= 16, f"only {far} of 64 bits differ between two pictures that have nothing in common")
    agree = max((bits == right).mean(), (bits == ~right).mean())
    expect(
        agree > 0.9,
        f"your hash forgives what it should, but {64 - round(64 * agree)} of its bits are not those of the "
        "comparison of each pixel with its left neighbour",
    )
    return "64 comparisons of neighbours: size and brightness change hardly any of them"


@exercise(
    number=6,
    title="What a class survives",
    minutes=6,
    difficulty="medium",
    hints=(
        Hint(
            "I keep too much",
            "Look at the changed picture and ask: would I still write the same name under it?",
        ),
        Hint("I keep too little", "A change that you forbid is one that the network will not get used to."),
    ),
)
def exercise_6(fruit: Collection[str], arrows: Collection[str], ripeness: Collection[str]) -> str:
    """Check which changes leave the class as it is, in three tasks."""
    for given, (name, right, why) in zip((fruit, arrows, ripeness), _TASKS, strict=True):
        expect(
            isinstance(given, Collection) and not isinstance(given, str),
            f"{name} is {quoted(given)}, expected a set of changes, such as {{'flip', 'crop'}}",
        )
        chosen = {_in_british(each) if isinstance(each, str) else each for each in given}
        for each in chosen:
            expect(each in CHANGES, f"{name} has {quoted(each)}, expected changes among {', '.join(CHANGES)}")
        for change in CHANGES:
            if change in right and change not in chosen:
                raise NotYet(f"{name}: '{change}' is missing, but {why[change]}", _THINK.format(name), name)
            if change not in right and change in chosen:
                raise NotYet(f"{name}: '{change}' is in it, but {why[change]}", _THINK.format(name), name)
    return "a change is allowed where the name under the picture stays right"


CHANGES = ("flip", "crop", "colour")

_THINK = "{}: not these. After which changes would you still write the same name under the picture?"

_TASKS: tuple[tuple[str, set[str], dict[str, str]], ...] = (
    (
        "fruit",
        {"flip", "crop", "colour"},
        {
            "flip": "a mirrored banana is a banana",
            "crop": "a part of a pear is enough to know it",
            "colour": "in the evening sun an apple is still an apple",
        },
    ),
    (
        "arrows",
        {"crop", "colour"},
        {
            "flip": "the mirror turns left into right",
            "crop": "a little less of its surroundings leaves an arrow an arrow",
            "colour": "its direction does not hang on its colour",
        },
    ),
    (
        "ripeness",
        {"flip", "crop"},
        {
            "flip": "a mirrored tomato is as ripe",
            "crop": "a part of it shows how ripe it is",
            "colour": "its colour is what tells ripe from unripe",
        },
    ),
)


def _in_british(change: str) -> str:
    return change.strip().lower().replace("color", "colour")


def _bits(found: Any, what: str) -> Any:
    """Return 64 booleans, (8, 8), from what a hash function gave for a picture."""
    array = np.asarray(found)
    expect(
        array.size == 64 and array.dtype != object,
        f"the hash of {what} is {quoted(found)} with {array.size} entries, expected 8 × 8 = 64 bits",
    )
    expect(
        set(np.unique(array).tolist()) <= {0, 1},
        f"the hash of {what} holds other values than True and False: compare the pixels",
    )
    return array.reshape(8, 8).astype(bool)


def _scene(seed: int) -> Image.Image:
    """Return a picture with large and small things in it, 240 × 180."""
    generator = np.random.default_rng(seed)
    layers = [generator.normal(0, 60 / side**0.5, (side, side)).astype(np.float32) for side in (4, 8, 16)]
    grown = sum(
        np.asarray(Image.fromarray(layer).resize((240, 180), Image.Resampling.BICUBIC)) for layer in layers
    )
    return Image.fromarray((np.asarray(grown) + 128).clip(0, 255).astype(np.uint8)).convert("RGB")
