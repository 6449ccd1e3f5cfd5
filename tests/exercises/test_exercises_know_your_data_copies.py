"""The checkers about copies and changes accept every right answer and tell the usual mistakes apart."""

import numpy as np

from densekit.exercises.know_your_data import copies as check
from densekit.exercises.testing import assert_checker


def test_exercise_4_wants_the_leaked_part_right_and_the_rest_honest():
    assert_checker(
        check.exercise_4,
        right=[
            lambda honest, leak: leak + (1 - leak) * honest,
            lambda honest, leak: honest + leak * (1 - honest),
        ],
        wrong=[
            (lambda honest, leak: honest, "expected 0.73"),
            (lambda honest, leak: honest + leak, "would have been right anyway"),
            (lambda honest, leak: (1 - leak) * honest, "right by heart"),
            (lambda honest, leak: leak * honest, "reported(0.7, 0.0)"),
            (lambda honest, leak: None, "needs a `return`"),
        ],
    )


def hash_of(size=(9, 8), fixed=False, grey=True, axis=1, subtract=False, flat=False):
    """Return a right way to write it, with knobs to make it wrong."""

    def way(picture):
        small = np.asarray((picture.convert("L") if grey else picture).resize(size))
        if fixed:
            return small[:8, :8] > 128
        if subtract:
            return small[:, 1:] - small[:, :-1]
        bits = np.diff(small.astype(int), axis=axis) > 0
        return bits.flatten().tolist() if flat else bits

    return way


def pixel_by_pixel(picture):
    small = picture.convert("L").resize((9, 8))
    return [[small.getpixel((x, y)) < small.getpixel((x + 1, y)) for x in range(8)] for y in range(8)]


def test_exercise_5_wants_comparisons_of_neighbours():
    assert_checker(
        check.exercise_5,
        right=[hash_of(), pixel_by_pixel, hash_of(flat=True)],
        wrong=[
            (hash_of(size=(8, 8)), "expected 8 × 8 = 64 bits"),
            (hash_of(fixed=True), "64 bits differ"),
            (hash_of(grey=False), "expected 8 × 8 = 64 bits"),
            (hash_of(subtract=True), "compare the pixels"),
            (hash_of(size=(8, 9), axis=0), "left neighbour"),
            (lambda picture: np.zeros((8, 8), bool), "nothing in common"),
            (lambda picture: np.asarray(picture.resize((8, 8)).convert("L")) > 128, "64 bits differ"),
        ],
    )


FRUIT, ARROWS, RIPENESS = {"flip", "crop", "colour"}, {"crop", "colour"}, {"flip", "crop"}


def test_exercise_6_wants_the_changes_that_leave_the_name_right():
    assert_checker(
        check.exercise_6,
        right=[
            (FRUIT, ARROWS, RIPENESS),
            (["Flip", "crop", "colour "], ("color", "crop"), frozenset(RIPENESS)),
        ],
        wrong=[
            ((FRUIT, FRUIT, RIPENESS), "the mirror turns left into right"),
            ((FRUIT, ARROWS, FRUIT), "what tells ripe from unripe"),
            (({"crop"}, ARROWS, RIPENESS), "a mirrored banana is a banana"),
            ((FRUIT, {"crop", "light"}, RIPENESS), "expected changes among"),
            (("flip", ARROWS, RIPENESS), "expected a set of changes"),
        ],
    )
