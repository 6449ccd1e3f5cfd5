import io
import re
from pathlib import Path

import pytest
from PIL import Image
from tiny_distillation import unpacked

from workshop.distillation.package import Package
from workshop.distillation.pictures import embedded_images, find_pictures, without_copies
from workshop.distillation.sources import KEPT_FOR_MEASURING, KINDS, SOURCES, Source


def encoded(form: str, size: tuple[int, int] = (120, 100), **options: object) -> bytes:
    file = io.BytesIO()
    gradient = Image.linear_gradient("L").resize(size)
    Image.merge("RGB", (gradient, gradient.rotate(90), gradient)).save(file, form, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    ("form", "options"),
    [("PNG", {}), ("JPEG", {}), ("JPEG", {"progressive": True}), ("WEBP", {}), ("WEBP", {"lossless": True})],
)
def test_an_image_inside_other_data_is_found_to_the_byte(form: str, options: dict[str, object]) -> None:
    image = encoded(form, **options)
    data = b"\x89PN\xff\xd8 not yet" + image + b"\xff\xd9 afterwards RIFF"
    assert [data[start:end] for start, end in embedded_images(data)] == [image]


def test_a_thumbnail_inside_an_image_is_not_a_picture_of_its_own() -> None:
    thumbnail = encoded("JPEG", (16, 16))
    image = encoded("JPEG", comment=thumbnail)
    assert [end - start for start, end in embedded_images(image)] == [len(image)]


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_an_image_that_is_cut_off_is_left_out(form: str) -> None:
    assert list(embedded_images(encoded(form)[:-20])) == []


def test_pictures_are_found_by_the_rules_of_their_source(tmp_path: Path) -> None:
    (tmp_path / "good").mkdir()
    (tmp_path / "bad").mkdir()
    (tmp_path / "good" / "cat.PNG").write_bytes(encoded("PNG"))
    (tmp_path / "good" / "small.png").write_bytes(encoded("PNG", (95, 300)))
    (tmp_path / "good" / "broken.png").write_bytes(b"no picture")
    (tmp_path / "good" / "animals.rcc").write_bytes(b"..." + encoded("JPEG") + b".." + encoded("PNG"))
    (tmp_path / "bad" / "dog.png").write_bytes(encoded("PNG"))
    package = Package("p", "1", ("CC0",), tmp_path)
    names = [
        one.name for one in find_pictures(Source("p", "pictures", never="/bad/", archives=True), package)
    ]
    assert names == ["/good/animals.rcc#0", "/good/animals.rcc#1", "/good/cat.PNG"]
    assert [one.name for one in find_pictures(Source("p", "pictures", only="/bad/"), package)] == [
        "/bad/dog.png"
    ]


def test_of_each_folder_only_the_largest_is_taken_where_asked(tmp_path: Path) -> None:
    for name, size in {"a/1.png": (200, 200), "a/2.png": (300, 200), "b/1.png": (100, 100)}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(encoded("PNG", size))
    found = find_pictures(Source("p", "pictures", largest_only=True), Package("p", "1", (), tmp_path))
    assert [one.name for one in found] == ["/a/2.png", "/b/1.png"]


def test_copies_are_left_out_across_packages(tmp_path: Path) -> None:
    package = unpacked(tmp_path, count=3)
    (package.folder / "copy.png").write_bytes((package.folder / "001.png").read_bytes())
    found = find_pictures(Source(package.name, "pictures"), package)
    assert len(found) == 4
    assert [one.name for one in without_copies(found)] == ["/000.png", "/001.png", "/002.png"]


@pytest.mark.parametrize(
    "name", ["ant", "bee_2", "honeybee", "red-ants", "Bumblebee", "wasp", "formichina_1", "abeille", "Bienen"]
)
def test_what_the_transfer_is_measured_on_is_never_learned_from(name: str, tmp_path: Path) -> None:
    (tmp_path / f"{name}.png").write_bytes(encoded("PNG"))
    assert find_pictures(Source("p", "pictures"), Package("p", "1", (), tmp_path)) == []


@pytest.mark.parametrize("name", ["elephant", "plant", "beet", "antelope", "beech"])
def test_other_names_that_look_similar_are_learned_from(name: str) -> None:
    assert not re.search(KEPT_FOR_MEASURING, name)


@pytest.mark.parametrize(
    ("signs", "wanted"),
    [
        ("1f34e", True),  # an apple
        ("1f9d1-1f692", True),
        ("1f41c", False),  # an ant
        ("1f41d", False),
        ("1f1e6-1f1e8", False),  # a flag
        ("1f3f4-e0067-e0062", False),
        ("1f170", False),  # a letter in a square
        ("1f21a", False),
        ("0030-fe0f-20e3", False),  # a key with a digit
        ("1f44b-1f3fd", False),  # a hand in another tone
        ("1f468-200d-1f33e", False),
    ],
)
def test_of_emoji_things_are_learned_from_and_no_signs_flags_or_tones(
    signs: str, wanted: bool, tmp_path: Path
) -> None:
    (source,) = (source for source in SOURCES if source.kind == "emoji")
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / f"{signs}.png").write_bytes(encoded("PNG"))
    found = find_pictures(source, Package(source.package, "1", (), tmp_path))
    assert len(found) == wanted


def test_shares_add_up_and_every_source_has_a_kind() -> None:
    assert sum(kind.share for kind in KINDS.values()) == pytest.approx(1)
    assert {source.kind for source in SOURCES} == set(KINDS)
    assert len({(source.package, source.kind) for source in SOURCES}) == len(SOURCES)
