"""Weights are made from nothing in parts, each of which begins with the one before it and is made once."""

import json
import shutil
from functools import partial
from pathlib import Path

import pytest
from tiny_distillation import TinyTeacher, work_folder

from densekit.errors import RunError
from workshop.distillation import __main__ as command
from workshop.distillation.ancestry import ancestors, is_whole
from workshop.distillation.parts import END, LAST_BLOCK, MEAN, TWO_BLOCKS, WHOLE, is_done, main
from workshop.distillation.session import Plan, read_recipe

RUNS = (WHOLE, LAST_BLOCK, *TWO_BLOCKS, END)


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a work folder whose runs train a tiny student of a tiny teacher."""
    work = work_folder(tmp_path / "work")
    tiny = partial(Plan, architecture=str(work / "tiny.json"), make_teacher=TinyTeacher, progress=False)
    monkeypatch.setattr(command, "Plan", tiny)
    (work / "full.csv").write_text("images\n1000000\n")
    return work


def make(work: Path, *more: str) -> int:
    few = ("--share", "0.0001", "--processes", "1", "--device", "cpu", "--precision", "fp32")
    small = ("--stages", "32@32:1", "--batch-size", "8")
    return main(["--work", str(work), *few, *small, *more])


@pytest.mark.slow
def test_each_part_begins_with_the_one_before_it_and_is_made_once(
    work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert make(work) == 0
    assert all(is_done(work / part.name) for part in RUNS)
    record = work / END.name / "weights" / "run"
    names = ["1 before", "2 before, 3", "2 before, 2", "2 before, 1", "3 before", "4 before"]
    assert [one.name for one in ancestors(record)] == names
    assert is_whole(record)  # back to random weights
    learned = [recipe.train_from for part in RUNS if (recipe := read_recipe(work / part.name))]
    assert learned == ["all", "denseblock4", *3 * ["denseblock3"], "denseblock3"]
    told = json.loads((work / MEAN / "run" / "average.json").read_text())
    assert len(set(told["averaged"])) == 3
    weights = (work / END.name / "weights" / "tiny.safetensors").read_bytes()
    capsys.readouterr()
    assert make(work) == 0
    assert capsys.readouterr().out.count("is done") == len(RUNS)
    assert (work / END.name / "weights" / "tiny.safetensors").read_bytes() == weights
    assert make(work, "--share", "0.0002") == 2
    assert "was made with 60 views, not 120" in capsys.readouterr().err
    shutil.copyfile(
        work / END.name / "weights" / "tiny.safetensors", work / WHOLE.name / "weights" / "tiny.safetensors"
    )
    assert make(work) == 2
    assert "did not begin with the weights that" in capsys.readouterr().err


@pytest.mark.slow
def test_nothing_begins_with_a_part_that_is_not_finished(
    work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert make(work, "--minutes", "0") == 0  # a step of the first part
    assert "the same command goes on" in capsys.readouterr().err
    assert not is_done(work / WHOLE.name)
    assert not (work / LAST_BLOCK.name).exists()
    whole = work / WHOLE.name
    shutil.copyfile(
        work / "full.csv", whole / "run" / "log.csv"
    )  # killed before what it tells of was written
    assert not is_done(whole)
    (whole / "weights" / "run" / "log.csv").write_text("images\nmany\n")
    with pytest.raises(RunError, match="can't be read"):
        is_done(whole)


@pytest.mark.parametrize("more", [("--seed", "1"), ("--images=8",), ("--export",), ("--train-from", "all")])
def test_what_each_part_sets_for_itself_is_refused(
    work: Path, capsys: pytest.CaptureFixture[str], more: tuple[str, ...]
) -> None:
    assert make(work, *more) == 2
    assert f"{more[0]}: each part has its own" in capsys.readouterr().err
    assert not (work / WHOLE.name).exists()


@pytest.mark.parametrize("share", ["0", "-1", "nan", "inf", "2"])
def test_a_share_that_is_none_is_refused(work: Path, share: str) -> None:
    with pytest.raises(SystemExit):
        make(work, "--share", share)


def test_a_part_that_can_not_be_made_ends_with_its_message(
    work: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert make(work, "--first-weights", str(tmp_path / "nobody.safetensors")) == 2
    told = capsys.readouterr().err
    assert "nobody.safetensors" in told and "goes on" not in told
    assert not is_done(work / WHOLE.name)
    assert not (work / LAST_BLOCK.name).exists()
