"""Letters are drawn alike for the same seed, and differ within a class."""

import itertools

import numpy as np

from densekit.data.letters import LETTERS, letter_pictures


def test_the_same_seed_draws_the_same_pictures():
    one, other = (letter_pictures(LETTERS[:2], 3) for _ in range(2))
    assert [image.tobytes() for image in one] == [image.tobytes() for image in other]
    assert letter_pictures("α", 1, seed="another")[0].tobytes() != one[0].tobytes()


def test_pictures_come_letter_by_letter_and_no_two_are_alike():
    images = letter_pictures("αβ", 4)
    assert len(images) == 8
    assert {(image.size, image.mode) for image in images} == {((144, 144), "RGB")}
    assert all(a.tobytes() != b.tobytes() for a, b in itertools.combinations(images, 2))


def test_ink_stands_out_from_the_paper():
    for image in letter_pictures(LETTERS, 1):
        brightness = np.asarray(image, dtype=int).sum(axis=2)
        assert np.ptp(brightness) > 150
