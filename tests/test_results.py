"""The benchmark of results: what it measures on, what it keeps, and what it refuses."""

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image

from densekit.data.folder import open_folder
from densekit.errors import ConfigError
from densekit.model.weights import save_weights
from densekit.model.zoo import build
from densekit.run.trainer import resolve

_TINY = {"model.architecture": "", "model.weights": "none", "training.epochs": 1}


@pytest.fixture(scope="module")
def results() -> Iterator[ModuleType]:
    """The benchmark, which is a script beside its like and no part of a package."""
    folder = str(Path(__file__).parents[1] / "benchmarks")
    sys.path.insert(0, folder)
    try:
        import results as module

        yield module
    finally:
        sys.path.remove(folder)


def test_every_way_is_a_configuration_that_can_be_trained(results: ModuleType, pictures: Path) -> None:
    for way in results.WAYS:
        resolve(data=pictures, preset=way.preset, settings=way.settings)


def test_what_is_added_is_added_to_a_way_that_is_measured_before(results: ModuleType) -> None:
    names = [way.name for way in results.WAYS]
    for way in results.WAYS:
        assert way.beside is None or names.index(way.beside) < names.index(way.name)


def test_each_photograph_is_judged_once_and_never_by_what_learned_from_it(
    results: ModuleType, pictures: Path, tmp_path: Path
) -> None:
    task = results.photographs(pictures, 32)
    judged: list[Path] = []
    for part in range(task.parts):
        learn, by = task.prepared(0, part, tmp_path / str(part))
        learned = {path.resolve() for path in learn.rglob("*.png")}
        held_out = [path.resolve() for folder, _ in by.values() for path in folder.rglob("*.png")]
        assert not learned & set(held_out)
        assert open_folder(learn).classes == ("blue", "green", "red")
        judged += held_out
    assert sorted(judged) == sorted(path.resolve() for path in pictures.rglob("*.png"))


@pytest.mark.slow
def test_a_training_that_was_measured_is_not_trained_again(
    results: ModuleType, pictures: Path, tmp_path: Path, tiny_architecture: Path
) -> None:
    task, way = results.photographs(pictures, 32), results.Way("head", "head")
    common = _TINY | {"model.architecture": str(tiny_architecture)}
    found = list(results.measure([task], [way], 1, common, tmp_path))
    (kept, *_) = sorted(tmp_path.glob("*.json"))
    known = json.loads(kept.read_text(encoding="utf-8"))
    right, total = known["right"]["held out"]
    known["right"]["held out"] = [right - total, total]  # as no training could find it
    kept.write_text(json.dumps(known), encoding="utf-8")
    again = list(results.measure([task], [way], 1, common, tmp_path))
    assert again[0].accuracy == pytest.approx(found[0].accuracy - total / 36)


@pytest.mark.parametrize("change", ["picture", "settings", "weights"])
@pytest.mark.slow
def test_what_changes_the_outcome_is_trained_anew(
    results: ModuleType, pictures: Path, tmp_path: Path, tiny_architecture: Path, change: str
) -> None:
    folder = tmp_path / "mine"
    shutil.copytree(pictures, folder)
    way = results.Way("head", "head")
    weights = tmp_path / "w.safetensors"
    save_weights(weights, build(str(tiny_architecture), "none", 3), ("a", "b", "c"))
    common = _TINY | {"model.architecture": str(tiny_architecture), "model.weights": str(weights)}

    def known() -> set[Path]:
        list(results.measure([results.photographs(folder, 32)], [way], 1, common, tmp_path / "kept"))
        return set((tmp_path / "kept").glob("*.json"))

    before = known()
    assert known() == before
    if change == "picture":
        victim = min(folder.rglob("*.png"))
        Image.open(victim).rotate(90).save(victim)
    elif change == "settings":
        common |= {"training.batch_size": 7}
    else:
        save_weights(weights, build(str(tiny_architecture), "none", 3, seed=5), ("a", "b", "c"))
    assert len(known()) == 2 * len(before)


def test_a_gain_is_taken_seed_by_seed(results: ModuleType) -> None:
    found = {("a", "test"): [0.5, 0.7], ("b", "test"): [0.6, 0.9]}
    row = results._row("task", results.Way("b", "head", beside="a"), "test", found, 1.0)
    assert row.gain == pytest.approx(0.15)
    assert row.gain_half_interval == pytest.approx(
        12.706 * 0.05, rel=1e-3
    )  # Student's t, one degree of freedom


def test_without_the_way_beside_it_there_is_no_gain_to_tell(results: ModuleType) -> None:
    row = results._row("task", results.Way("b", "head", beside="a"), "test", {("b", "test"): [0.6]}, 1.0)
    assert row.gain is None
    assert results.cells([row]) == [("b", "60.0", "", "1")]


def test_an_unknown_way_is_refused_with_those_that_are_known(results: ModuleType) -> None:
    with pytest.raises(ConfigError, match=r"no such way: 'head alonf'.*head alone"):
        results._chosen(["head alonf"])
