"""Shapes answer with the right distances, and the arithmetic below them is the same everywhere."""

import math

import pytest
import torch

from workshop.samples.randomness import Chance, noise
from workshop.samples.shapes import (
    balls,
    blend,
    box,
    cut,
    cylinder,
    extent,
    lathe,
    move,
    prism,
    rod,
    smooth_line,
    sphere,
    stretch,
    torus,
    turn,
    union,
)
from workshop.samples.vectors import angle, combine, cosine_sine, rotate, rotate_back, turn_x, turn_y, turn_z


def at(shape, x, y, z):
    return float(shape(torch.tensor([[x], [y], [z]], dtype=torch.float32)))


@pytest.mark.parametrize(
    ("shape", "point", "distance"),
    [
        (sphere(1.0), (0, 3, 0), 2.0),
        (sphere(1.0), (0, 0, 0), -1.0),
        (box(2, 2, 2, 0.1), (3, 0, 0), 2.0),
        (box(2, 2, 2, 0.0), (4, 5, 1), 5.0),
        (box(2, 2, 2, 0.1), (0, 0.5, 0), -0.5),
        (cylinder(1.0, 2.0), (0, 4, 0), 3.0),
        (cylinder(1.0, 2.0), (0, 0, 1.5), 0.5),
        (prism(6, 1.0, 2.0), (1.5, 0, 0), 0.5),
        (torus(1.0, 0.25), (0, 0, 0), 0.75),
        (torus(1.0, 0.25), (1, 1, 0), 0.75),
        (balls([(1, 0, 0), (-1, 0, 0)], 0.5), (-2, 0, 0), 0.5),
        (move(sphere(1.0), 0, 2, 0), (0, 0, 0), 1.0),
        (turn(box(4, 1, 1, 0.0), turn_z(0.25)), (0, 3, 0), 1.0),
        (union(sphere(1.0), move(sphere(1.0), 4, 0, 0)), (3, 0, 0), 0.0),
        (cut(sphere(1.0), sphere(0.5)), (0, 0, 0), 0.5),
    ],
)
def test_the_distance_to_a_shape_is_right_at_a_known_point(shape, point, distance):
    assert at(shape, *point) == pytest.approx(distance, abs=1e-5)


def test_a_turned_line_has_a_wall_of_its_thickness_and_nothing_inside():
    pot = lathe([(0.0, -0.5), (0.5, -0.5), (0.5, 0.5)], thickness=0.1)
    assert at(pot, 0.5, 0, 0) == pytest.approx(-0.05, abs=0.01)
    assert at(pot, 0, 0, 0) == pytest.approx(0.45, abs=0.01)
    assert at(pot, 0, 0, -0.8) == pytest.approx(0.25, abs=0.01)
    assert at(pot, 0, 3.0, 0) > 1.5  # beyond the table of distances


@pytest.mark.parametrize(
    "shape",
    [
        lathe(smooth_line([(0.0, -0.9), (0.3, -0.9), (0.6, 0.0), (0.2, 0.9)]), 0.06),
        rod((0, 0, 0), (0.5, 0.8, 0), 0.3, 0.1),
        blend(sphere(0.5), move(sphere(0.4), 0.6, 0, 0), 0.1),
        stretch(sphere(0.5), 1.5, 0.7, 1),
    ],
    ids=["lathe", "rod", "blend", "stretch"],
)
def test_a_distance_never_grows_faster_than_one_walks(shape):
    # Else a ray would walk through a wall.
    generator = torch.Generator().manual_seed(0)
    a = torch.rand(3, 4000, generator=generator) * 3 - 1.5
    step = torch.randn(3, 4000, generator=generator) * 0.05
    change = (shape(a + step) - shape(a)).abs()
    assert bool((change <= torch.linalg.vector_norm(step, dim=0) * 1.03 + 1e-4).all())


def test_an_extent_is_found_from_every_side():
    shape = move(box(1.0, 0.6, 0.4), 0.1, 0.0, 0.0)
    assert extent(shape, 0, +1) == pytest.approx(0.6, abs=2e-3)
    assert extent(shape, 0, -1) == pytest.approx(0.4, abs=2e-3)
    assert extent(shape, 1, +1) == pytest.approx(0.3, abs=2e-3)
    assert extent(shape, 2, -1) == pytest.approx(0.2, abs=2e-3)


def test_turning_back_undoes_turning():
    rotation = combine(turn_x(0.13), combine(turn_y(0.41), turn_z(0.77)))
    points = torch.randn(3, 50, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(rotate_back(rotation, rotate(rotation, points)), points, atol=1e-5)
    assert not torch.allclose(rotate(rotation, points), points, atol=0.1)


def test_cosine_sine_and_angle_agree_with_the_library():
    for k in range(40):
        c, s = cosine_sine(k / 40 - 0.3)
        assert (c, s) == pytest.approx(
            (math.cos(math.tau * (k / 40 - 0.3)), math.sin(math.tau * (k / 40 - 0.3))), abs=1e-8
        )
        turns = float(angle(torch.tensor([c]), torch.tensor([s])))
        assert abs((turns - (k / 40 - 0.3) + 0.5) % 1.0 - 0.5) < 0.001


def test_noise_is_smooth_repeats_itself_and_uses_its_range():
    points = torch.rand(3, 5000, generator=torch.Generator().manual_seed(2)) * 30
    values = noise(points)
    assert torch.equal(values, noise(points))
    assert 0.0 <= float(values.min()) < 0.1
    assert 0.9 < float(values.max()) <= 1.0
    assert float((noise(points + 0.001) - values).abs().max()) < 0.02


def test_a_stream_of_chance_is_known_by_its_name():
    first = [Chance("a").between(0, 1), Chance("b").between(0, 1)]
    assert first == [Chance("a").between(0, 1), Chance("b").between(0, 1)]
    assert first[0] != first[1]
    wholes = {Chance(f"{k}").whole(1, 6) for k in range(200)}
    assert wholes == {1, 2, 3, 4, 5, 6}
    # What Python promises about its generator; were it broken, every picture would change.
    assert Chance("tabletop").between(0, 1) == 0.41181366041999623
