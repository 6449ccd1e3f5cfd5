"""The doctor misses nothing of the messy folder and invents nothing; and the loaders see it alike."""

import os
import shutil
from pathlib import Path

import pytest

from densekit.data.clean_copy import write_clean_copy
from densekit.data.doctor import Diagnosis, diagnose
from densekit.data.folder import open_folder
from densekit.data.loading import load_images
from densekit.data.messy import write_messy
from densekit.data.problems import KINDS
from densekit.data.transforms import Preprocessing
from densekit.errors import DataError
from densekit.files import read_json, sample_folder

# The first excludes all others; no folder holds the others.
NOT_THERE = {"one-class-only", "missing-file", "empty-folder", "changed-file", "by-choice"}


@pytest.fixture(scope="module")
def messy(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, list[str]]]:
    folder = tmp_path_factory.mktemp("messy") / "folder"
    return folder, write_messy(folder)


def found(diagnosis: Diagnosis) -> dict[str, list[str]]:
    kinds: dict[str, list[str]] = {}
    for problem in diagnosis.problems:
        kinds.setdefault(problem.path.relative_to(diagnosis.root).as_posix(), []).append(problem.kind)
    return {path: sorted(of_path) for path, of_path in kinds.items()}


def test_nothing_is_missed_and_nothing_invented(messy: tuple[Path, dict[str, list[str]]]) -> None:
    folder, truth = messy
    assert found(diagnose(folder)) == {path: sorted(kinds) for path, kinds in truth.items()}


def test_nor_in_the_part_that_comes_with_densekit() -> None:
    folder = sample_folder("messy")
    truth = read_json(folder / "manifest.json")
    assert found(diagnose(folder)) == {path: sorted(kinds) for path, kinds in truth.items()}


def test_every_kind_is_in_it(messy: tuple[Path, dict[str, list[str]]]) -> None:
    there = {kind for kinds in messy[1].values() for kind in kinds}
    may_be_impossible = {"no-permission"} if "train/bird/not allowed.jpg" not in messy[1] else set()
    assert there | may_be_impossible == KINDS.keys() - NOT_THERE


def test_every_kind_s_severity_is_told(messy: tuple[Path, dict[str, list[str]]]) -> None:
    errors = {problem.kind for problem in diagnose(messy[0]).errors}
    assert {"label-conflict", "near-label-conflict", "leakage", "near-leakage", "corrupt-image"} <= errors
    assert not errors & {"duplicate", "near-duplicate", "blurry", "odd-size", "imbalance"}


def test_the_loaders_stop_at_the_class_that_is_spelled_wrongly(
    messy: tuple[Path, dict[str, list[str]]],
) -> None:
    with pytest.raises(DataError, match=r"the class 'brid' has images in val, .* did you mean 'bird'\?"):
        open_folder(messy[0])


def test_loaders_and_doctor_agree_on_every_file(tmp_path: Path) -> None:
    folder = tmp_path / "messy"
    write_messy(folder)
    shutil.rmtree(folder / "val" / "brid")
    diagnosis = diagnose(folder)
    data = open_folder(folder)
    by_the_loaders = list(data.skipped)
    samples = data.train + data.val + data.test
    loaded = {
        sample.path
        for batch in load_images(samples, Preprocessing(36, 32), report=by_the_loaders.append)
        for sample in batch.samples
    }
    left_out = {problem.path for problem in diagnosis.problems if problem.left_out}
    assert left_out == {problem.path for problem in by_the_loaders}
    for place, _, names in os.walk(folder):
        for name in names:
            path = Path(place, name)
            assert (path in loaded) != bool({path, *path.parents} & left_out), path


def test_the_clean_copy_of_it_has_no_errors_left_but_those_to_judge(
    messy: tuple[Path, dict[str, list[str]]], tmp_path: Path
) -> None:
    write_clean_copy(diagnose(messy[0]), tmp_path / "clean")
    remaining = {problem.kind for problem in diagnose(tmp_path / "clean").errors}
    # A class that is spelled wrongly, and pictures that only look the same: for these it takes somebody's eyes.
    assert remaining <= {"class-mismatch", "near-leakage", "near-label-conflict"}


def test_it_is_written_over_nothing(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(DataError, match=r"is there already: name a new folder"):
        write_messy(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
