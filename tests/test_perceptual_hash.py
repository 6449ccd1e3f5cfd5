"""A hash is the signs of the longest waves; mirror images and windows follow from that."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.fft import dctn

from densekit.data.perceptual_hash import (
    BITS,
    SIDE,
    WORDS,
    bits_told,
    distance,
    first_words_of_windows,
    hashes,
    hashes_of_windows,
    mirrored,
    thumbnail,
)


def noise(count: int, side: int = SIDE) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (count, side, side), dtype=np.uint8)


def test_a_bit_is_the_sign_of_a_wave_of_the_cosine_transform() -> None:
    pictures = noise(20)
    waves = dctn(pictures.astype(float), axes=(1, 2))
    longest = sorted((row + column, row, column) for row in range(SIDE) for column in range(SIDE))
    signs = np.stack([waves[:, row, column] > 0 for _, row, column in longest[1 : BITS + 1]], axis=-1)
    told = hashes(pictures)[:, : BITS // 64]
    assert told.tolist() == np.packbits(signs, axis=-1).view(np.uint64).tolist()


def test_the_hash_of_a_mirror_image_follows_from_the_hash() -> None:
    pictures = noise(20)
    turned = np.ascontiguousarray(pictures[:, :, ::-1])
    assert distance(mirrored(hashes(pictures)), hashes(turned)).max() == 0
    assert distance(hashes(pictures), hashes(turned)).min() > 80


def test_the_windows_of_a_picture_are_the_pictures_that_are_cut_out_there() -> None:
    large = np.repeat(np.repeat(noise(1, side=40)[0], 20, 0), 20, 1)  # 800 pixels wide
    windows = hashes_of_windows(thumbnail(Image.fromarray(large))[None])[0]
    assert windows.shape == (9 + 25, WORDS)
    for number, (top, left, side) in {
        0: (0, 0, 760),
        8: (40, 40, 760),
        9: (0, 0, 720),
        33: (80, 80, 720),
    }.items():
        cut = Image.fromarray(large[top : top + side, left : left + side])
        bits = distance(windows, hashes(thumbnail(cut)[None])[0])
        assert bits.argmin() == number


def test_the_first_words_of_windows_are_those_of_their_hashes() -> None:
    pictures = noise(5)
    assert (first_words_of_windows(pictures) == hashes_of_windows(pictures)[..., 0]).all()


def test_only_bits_above_the_noise_are_compared() -> None:
    strong = noise(1)
    hashed = hashes(strong)
    weak = hashed.copy()
    weak[0, 0] ^= np.uint64(2**64 - 1)  # 64 bits turned over, and called noise
    assert distance(hashed, weak)[0] > 60
    weak[0, BITS // 64] = 0
    assert distance(hashed, weak)[0] == 0


def test_bits_are_told_by_noise_but_not_by_flat_pictures_and_gradients() -> None:
    ramp = np.linspace(0, 255, SIDE)
    plain = [np.full((SIDE, SIDE), 77), np.tile(ramp, (SIDE, 1)), np.add.outer(ramp, ramp) / 2]
    told = bits_told(hashes(np.stack([*plain, noise(1)[0]]).astype(np.uint8)))
    assert told[0] == 0
    assert max(told[1:3]) < 50
    assert told[3] > 250


def test_what_tells_too_little_is_far_from_everything() -> None:
    flat = hashes(np.full((1, SIDE, SIDE), 77, np.uint8))
    assert distance(flat, flat)[0] == BITS
