"""Rays end where they should, light falls as it should, and a picture comes out the same every time."""

import hashlib
import os
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from densekit.errors import DataError
from workshop.samples import tabletop
from workshop.samples.film import develop
from workshop.samples.make import make_picture
from workshop.samples.materials import Colour, plain
from workshop.samples.objects import CLASSES
from workshop.samples.randomness import Chance
from workshop.samples.renderer import View, outline, view
from workshop.samples.scene import Body, Camera, Film, Light, Plane, Room, Scene
from workshop.samples.shading import radiance
from workshop.samples.shapes import sphere
from workshop.samples.tabletop import draw, stage
from workshop.samples.tracing import trace
from workshop.samples.vectors import turn_y

GREY = Colour(0.5, 0.5, 0.5)


def ball_at(x: float, y: float, z: float) -> Body:
    return Body(
        shape=sphere(0.5),
        material=plain(Colour(0.7, 0.1, 0.1), "matte"),
        rotation=turn_y(0.1),
        position=(x, y, z),
        centre=(0.0, 0.0, 0.0),
        radius=0.51,
    )


def scene_with(*bodies: Body) -> Scene:
    return Scene(
        bodies=bodies,
        planes=(Plane((0.0, 1.0, 0.0), 0.0, plain(GREY, "matte")),),
        light=Light((0.6, 0.8, 0.0), Colour(2.0, 2.0, 2.0), softness=0.1),
        room=Room(GREY, GREY, GREY),
        camera=Camera(position=(0.0, 1.5, 4.0), target=(0.0, 0.5, 0.0), width=0.6),
        film=Film(),
    )


def ray(origin: tuple[float, float, float], direction: tuple[float, float, float]):
    return torch.tensor(origin)[:, None], torch.tensor(direction)[:, None]


def test_a_ray_ends_on_the_nearest_surface():
    scene = scene_with(ball_at(0, 0.5, 0), ball_at(0, 0.5, -3))
    hits = trace(scene, *ray((0.0, 0.5, 4.0), (0.0, 0.0, -1.0)))
    assert float(hits.distance) == pytest.approx(3.5, abs=0.01)
    assert int(hits.surface) == 0


def test_a_ray_that_misses_the_bodies_meets_the_table_or_nothing():
    scene = scene_with(ball_at(0, 0.5, 0))
    down = trace(scene, *ray((2.0, 3.0, 0.0), (0.0, -1.0, 0.0)))
    assert (float(down.distance), int(down.surface)) == (pytest.approx(3.0), 1)
    assert int(trace(scene, *ray((2.0, 3.0, 0.0), (0.0, 1.0, 0.0))).surface) == -1


def test_a_body_throws_its_shadow_away_from_the_lamp():
    scene = scene_with(ball_at(0, 0.5, 0))  # with the lamp on its right
    down = (0.0, -1.0, 0.0)
    left, right = (radiance(scene, *ray((x, 3.0, 0.0), down)).mean() for x in (-0.75, 0.75))
    assert float(left) < 0.5 * float(right)


def test_where_a_body_lies_in_the_picture():
    left, right, bottom, top = outline(ball_at(0, 0.5, 0), scene_with(ball_at(0, 0.5, 0)).camera)
    assert left == pytest.approx(-right, abs=0.03)
    assert right - left == pytest.approx(1.0 / (0.6 * 4.12), rel=0.1)
    assert top - bottom == pytest.approx(right - left, rel=0.15)


def test_a_hidden_body_is_seen_to_be_hidden():
    open_view = view(scene_with(ball_at(0, 0.5, 0)), 32)
    assert open_view.unhidden == 1.0
    assert open_view.telling == 1.0
    assert view(scene_with(ball_at(0, 0.5, 0), ball_at(0, 0.7, 1.2)), 32).unhidden < 0.3


def test_haze_lifts_what_is_dark_to_the_colour_of_its_veil():
    dark, bright = torch.zeros(3, 4, 4), torch.full((3, 4, 4), 0.6)
    hazy = Film(haze=0.5, veil=Colour(0.4, 0.2, 0.1))
    assert int(develop(dark, Film(haze=0.5, veil=Colour(0, 0, 0)), seed=0).max()) == 0
    red, green, blue = develop(dark, hazy, seed=0)[0, 0].tolist()
    assert red > green > blue > 0
    contrast = [
        int(develop(bright, film, seed=0)[0, 0, 1]) - int(develop(dark, film, seed=0)[0, 0, 1])
        for film in (Film(), hazy)
    ]
    assert contrast[1] < 0.7 * contrast[0]


def test_film_maps_no_light_to_black_and_much_light_to_white():
    assert int(develop(torch.zeros(3, 4, 4), Film(), seed=0).max()) == 0
    assert int(develop(torch.full((3, 4, 4), 50.0), Film(), seed=0).min()) >= 250


@pytest.mark.slow
def test_the_same_name_gives_the_same_bytes_and_another_name_another_picture():
    first, second = make_picture("val/nut/0003.jpg"), make_picture("val/nut/0003.jpg")
    assert first.jpeg == second.jpeg
    assert make_picture("val/nut/0004.jpg").jpeg != first.jpeg


@pytest.mark.slow
def test_a_processor_with_fewer_instructions_renders_the_same_bytes():
    name = "train/teapot/0002.jpg"
    code = f"""import hashlib; from workshop.samples.make import make_picture
print(hashlib.sha256(make_picture({name!r}).jpeg).hexdigest())"""
    settings = {**os.environ, "ATEN_CPU_CAPABILITY": "default", "OMP_NUM_THREADS": "2"}
    there = subprocess.run(
        [sys.executable, "-c", code], env=settings, capture_output=True, text=True, check=True
    )
    assert there.stdout.strip() == hashlib.sha256(make_picture(name).jpeg).hexdigest()


def test_a_class_that_does_not_exist_is_refused():
    with pytest.raises(DataError, match="no class 'spoon'"):
        make_picture("train/spoon/0001.jpg")


# What `stage` returns it has looked at itself: what is shown is that it finds a scene for every class, and that a
# smaller picture is not a very different one.
@pytest.mark.parametrize(
    "class_name", [name if name == "mug" else pytest.param(name, marks=pytest.mark.slow) for name in CLASSES]
)
def test_a_thing_of_a_class_can_be_put_on_the_table_and_seen(class_name):
    staged = stage(class_name, f"a test/{class_name}")
    seen = view(staged.scene, 32)
    assert seen.covered > 0.05
    assert seen.unhidden > 0.7


GOOD_VIEW = View(covered=0.2, unhidden=1.0, border=0.0, telling=1.0)


@pytest.mark.parametrize("wrong", [{"covered": 0.0}, {"unhidden": 0.0}, {"border": 1.0}, {"telling": 0.0}])
def test_a_view_in_which_the_thing_is_not_seen_well_is_never_taken(wrong, monkeypatch):
    monkeypatch.setattr(tabletop, "_ATTEMPTS", 1)
    monkeypatch.setattr(tabletop, "view", lambda scene, size: replace(GOOD_VIEW, **wrong))
    with pytest.raises(
        DataError, match="'a test/mug': no scene in 1 shows the mug well; choose another name"
    ):
        stage("mug", "a test/mug")


def test_scenes_are_drawn_until_one_shows_the_thing_well(monkeypatch):
    views = iter([replace(GOOD_VIEW, covered=0.0), GOOD_VIEW])
    monkeypatch.setattr(tabletop, "view", lambda scene, size: next(views))
    second = draw("mug", Chance("tabletop a test/mug 1"))
    assert stage("mug", "a test/mug").drawn == second.drawn


def test_a_class_decides_the_shape_and_nothing_else():
    for number in range(5):
        mug, nut = draw("mug", Chance(f"{number}")), draw("nut", Chance(f"{number}"))
        assert mug.drawn == nut.drawn
        assert mug.scene.light == nut.scene.light
        assert mug.scene.bodies[0].shape is not nut.scene.bodies[0].shape
