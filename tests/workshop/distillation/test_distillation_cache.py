import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_distillation import unpacked

from densekit.errors import DataError
from workshop.distillation.cache import MANIFEST, PICTURES, PIXELS, build_cache, open_cache
from workshop.distillation.package import Package
from workshop.distillation.pictures import find_pictures
from workshop.distillation.sources import KINDS, Source

SOURCES = [Source("some-pictures", "pictures"), Source("cut-outs", "things")]


@pytest.fixture
def packages(tmp_path: Path) -> list[Package]:
    photographs = unpacked(tmp_path, "some-pictures", 70)
    folder = tmp_path / "cut-outs"
    folder.mkdir()
    for number in range(5):
        image = Image.new("RGBA", (90, 90))
        image.paste((255, 40 * number, 0, 255), (10, 10, 70, 80))
        image.save(folder / f"{number}.png")
    return [photographs, Package("cut-outs", "2", ("GPL-2",), folder)]


def test_kinds_get_their_shares_and_the_manifest_says_so(tmp_path: Path, packages: list[Package]) -> None:
    build_cache(tmp_path / "crops", SOURCES, packages, 300, progress=False)
    cache = open_cache(tmp_path / "crops")
    of_pictures, of_things = cache.manifest["packages"]
    share = KINDS["pictures"].share / (KINDS["pictures"].share + KINDS["things"].share)
    assert of_pictures["crops"] == pytest.approx(300 * share, abs=70 / 2)
    assert of_things["crops"] == pytest.approx(300 * (1 - share), abs=5 / 2)
    assert of_things == {
        "package": "cut-outs",
        "version": "2",
        "licences": ["GPL-2"],
        "kind": "things",
        "pictures": 5,
        "crops": of_things["crops"],
    }
    assert len(cache.pixels) == len(cache.pictures) == of_pictures["crops"] + of_things["crops"]


def test_a_package_that_gives_two_kinds_is_counted_for_each(tmp_path: Path, packages: list[Package]) -> None:
    photographs = packages[0]
    for number in range(3):
        Image.new("RGBA", (60, 60), (0, 40 * number, 255, 255)).save(
            photographs.folder / f"cut-out-{number}.png"
        )
    sources = [
        Source("some-pictures", "pictures", never="/cut-out"),
        Source("some-pictures", "things", only="/cut-out"),
    ]
    build_cache(tmp_path / "crops", sources, [photographs, photographs], 200, progress=False)
    cache = open_cache(tmp_path / "crops")
    rows = cache.manifest["packages"]
    assert [(row["kind"], row["pictures"]) for row in rows] == [("pictures", 70), ("things", 3)]
    assert sum(row["crops"] for row in rows) == len(cache.pixels)


@pytest.mark.slow
def test_the_same_pictures_give_the_same_bytes_in_one_process_and_in_two(
    tmp_path: Path, packages: list[Package]
) -> None:
    for name, processes in {"one": 1, "two": 2}.items():
        build_cache(tmp_path / name, SOURCES, packages, 100, seed=3, processes=processes, progress=False)
    assert (tmp_path / "one" / PIXELS).read_bytes() == (tmp_path / "two" / PIXELS).read_bytes()
    assert (tmp_path / "one" / MANIFEST).read_text() == (tmp_path / "two" / MANIFEST).read_text()
    build_cache(tmp_path / "other", SOURCES, packages, 100, seed=4, progress=False)
    assert open_cache(tmp_path / "other").identity != open_cache(tmp_path / "one").identity


def test_crops_of_a_picture_are_all_learned_from_or_all_kept(tmp_path: Path, packages: list[Package]) -> None:
    build_cache(tmp_path / "crops", SOURCES, packages, 300, progress=False)
    cache = open_cache(tmp_path / "crops")
    learn, kept = cache.split()
    assert len(kept) > 0
    assert sorted([*learn, *kept]) == list(range(len(cache.pixels)))
    assert not set(cache.pictures[learn]) & set(cache.pictures[kept])


def test_more_pictures_than_crops_give_one_each_evenly_spaced(
    tmp_path: Path, packages: list[Package]
) -> None:
    build_cache(tmp_path / "crops", SOURCES[:1], packages[:1], 7, progress=False)
    found = find_pictures(SOURCES[0], packages[0])
    wanted = [found[number].number for number in np.linspace(0, 69, 7).round().astype(int)]
    assert open_cache(tmp_path / "crops").pictures.tolist() == wanted


def test_what_is_kept_is_kept_too_where_a_source_is_added(tmp_path: Path, packages: list[Package]) -> None:
    build_cache(tmp_path / "before", SOURCES[:1], packages[:1], 300, progress=False)
    more = [Source("yet-more-pictures", "pictures"), *SOURCES]
    build_cache(
        tmp_path / "after",
        more,
        [unpacked(tmp_path, "yet-more-pictures", 20), *packages],
        300,
        progress=False,
    )
    before, after = open_cache(tmp_path / "before"), open_cache(tmp_path / "after")
    (learned, kept), (learned_now, kept_now) = before.split(), after.split()
    assert set(before.pictures[kept]) and set(before.pictures[kept]) <= set(after.pictures[kept_now])
    assert set(before.pictures[learned]) <= set(after.pictures[learned_now])


def test_each_crop_knows_its_kind(tmp_path: Path, packages: list[Package]) -> None:
    sources = SOURCES[::-1]  # things are cut last, wherever their source stands
    build_cache(tmp_path / "crops", sources, packages[::-1], 300, progress=False)
    cache = open_cache(tmp_path / "crops")
    things = {picture.number for picture in find_pictures(SOURCES[1], packages[1])}
    kinds = ["things" if number in things else "pictures" for number in cache.pictures.tolist()]
    assert cache.kinds().tolist() == kinds
    with pytest.raises(DataError, match="chosen from others"):
        replace(cache, pixels=cache.pixels[::2]).kinds()


def test_things_need_something_to_be_set_on(tmp_path: Path, packages: list[Package]) -> None:
    with pytest.raises(DataError, match="no other picture to be one"):
        build_cache(tmp_path / "crops", SOURCES[1:], packages[1:], 10, progress=False)
    assert not (tmp_path / "crops" / MANIFEST).exists()


def test_packages_without_pictures_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="none of the 0 pictures"):
        build_cache(
            tmp_path / "c",
            SOURCES[:1],
            [Package("some-pictures", "1", (), tmp_path / "empty")],
            9,
            progress=False,
        )


class TestDamage:
    @pytest.fixture
    def crops(self, tmp_path: Path, packages: list[Package]) -> Path:
        build_cache(tmp_path / "crops", SOURCES[:1], packages[:1], 10, progress=False)
        return tmp_path / "crops"

    def test_a_missing_cache_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match=r"no crop cache in .*manifest\.json is missing"):
            open_cache(tmp_path)

    def test_a_cut_off_file_is_noticed(self, crops: Path) -> None:
        (crops / PIXELS).write_bytes((crops / PIXELS).read_bytes()[:-1])
        with pytest.raises(DataError, match=r"is damaged.*delete the folder"):
            open_cache(crops)

    def test_an_index_of_another_cache_is_noticed(self, crops: Path) -> None:
        np.save(crops / PICTURES, np.zeros(3, np.int32))
        with pytest.raises(DataError, match="don't belong together"):
            open_cache(crops)

    def test_a_manifest_of_another_version_is_noticed(self, crops: Path) -> None:
        values = json.loads((crops / MANIFEST).read_text())
        (crops / MANIFEST).write_text(json.dumps({**values, "format": "other"}))
        with pytest.raises(DataError, match="don't belong together"):
            open_cache(crops)
