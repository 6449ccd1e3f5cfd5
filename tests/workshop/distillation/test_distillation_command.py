import hashlib
from pathlib import Path

import pytest
from tiny_distillation import plan, recipe, work_folder

from densekit.training.team import ALONE
from workshop.distillation.__main__ import _parser, _plan, _processes, main
from workshop.distillation.export import export
from workshop.distillation.session import train
from workshop.distillation.settings import Recipe


def test_without_debian_packages_it_ends_with_one_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["--work", str(tmp_path / "work")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("Error: the pictures come from Debian packages")
    assert "Traceback" not in error


def test_an_unknown_source_is_answered_with_the_nearest_known_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--work", str(tmp_path), "--without", "gnome-background"]) == 2
    assert "did you mean 'gnome-backgrounds'?" in capsys.readouterr().err


def test_export_without_a_run_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--work", str(tmp_path), "--export"]) == 2
    assert "nothing to export" in capsys.readouterr().err


def test_a_run_goes_on_with_its_own_recipe_and_a_new_length(tmp_path: Path) -> None:
    work = work_folder(tmp_path / "work")
    train(ALONE, plan(work, recipe(images=16, seed=3)))
    again = _plan(_parser().parse_args(["--work", str(work)]))
    assert again.recipe == recipe(images=16, seed=3)
    longer = _plan(_parser().parse_args(["--work", str(work), "--images", "32"]))
    assert longer.recipe == recipe(images=32, seed=3)


@pytest.mark.parametrize(
    ("option", "key"),
    [
        ("--batch-size", "batch_size"),
        ("--images", "images"),
        ("--seed", "seed"),
        ("--mixed", "mixed"),
        ("--likeness", "weight_likeness"),
    ],
)
def test_what_is_said_of_the_recipe_is_in_it(tmp_path: Path, option: str, key: str) -> None:
    made = _plan(_parser().parse_args(["--work", str(tmp_path), option, "1"])).recipe
    assert getattr(made, key) == 1
    assert made != Recipe()


def test_a_finished_run_is_exported_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    work = work_folder(tmp_path / "work")
    train(ALONE, plan(work, recipe(images=16)))
    assert main(["--work", str(work), "--export"]) == 0
    assert str(work / "weights") in capsys.readouterr().out
    assert (work / "weights" / "README.md").is_file()


def test_first_weights_are_known_by_their_hash(tmp_path: Path) -> None:
    work = work_folder(tmp_path / "work")
    train(ALONE, plan(work, recipe(images=16)))
    path = export(work)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    other = _plan(_parser().parse_args(["--work", str(tmp_path / "other"), "--first-weights", str(path)]))
    assert other.recipe.first_weights == digest
    assert other.first_weights == path


def test_first_weights_that_are_not_there_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    work = work_folder(tmp_path / "work")
    assert main(["--work", str(work), "--first-weights", str(tmp_path / "gone.safetensors")]) == 2
    assert "gone.safetensors" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (("--stages", "60@128:1"), "the stages '60@128:1' can't be read"),
        (("--learning-rate", "-1"), "learning_rate"),
        (("--first-weights", "gone.safetensors"), "gone.safetensors"),
    ],
)
def test_what_is_wrong_with_the_recipe_is_told_before_anything_is_fetched(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], wrong: tuple[str, str], told: str
) -> None:
    assert main(["--work", str(tmp_path / "work"), *wrong]) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "work").exists()


def test_a_work_folder_that_can_not_be_made_is_told_without_a_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert main(["--work", str(tmp_path / "file" / "work"), "--only-crops"]) == 2
    error = capsys.readouterr().err
    assert "Error: " in error
    assert "Traceback" not in error


@pytest.mark.parametrize(
    ("given", "fast", "processes"),
    [
        ([], True, 1),
        ([], False, 2),
        (["--precision", "fp32"], True, 2),
        (["--precision", "bf16"], False, 1),
        (["--processes", "3"], True, 3),
    ],
)
def test_as_many_processes_train_as_are_fastest(
    given: list[str], fast: bool, processes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workshop.distillation.__main__.bf16_is_fast", lambda: fast)
    monkeypatch.setattr("workshop.distillation.__main__.usable_cores", lambda: 8)
    options = _parser().parse_args(["--work", "x", "--device", "cpu", *given])
    assert _processes(options) == processes


def test_no_processes_at_all_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--work", str(tmp_path), "--processes", "0"])
    assert "expected 1 or more" in capsys.readouterr().err
