"""A learning rate for what would be trained, from the command line's settings."""

import errno
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from densekit.errors import ConfigError, TrainingError
from densekit.run.sweep import sweep_learning_rate
from densekit.training.lr_finder import find_learning_rate


@pytest.mark.parametrize(
    ("cut", "first"), [("classifier", "classifier.weight"), ("all", "features.conv0.weight")]
)
def test_it_sweeps_what_would_be_trained_and_writes_no_run(
    tiny: dict[str, object],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    cut: str,
    first: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    seen = []

    def find(module: nn.Module, *arguments: Any, **settings: Any) -> Any:
        seen.append(module)
        return find_learning_rate(module, *arguments, **settings)

    monkeypatch.setattr("densekit.run.sweep.find_learning_rate", find)
    settings = {**tiny, "data.image_size": 64, "model.train_from": cut}
    sweep = sweep_learning_rate(settings=settings, steps=30, progress=False)
    assert len(sweep.rates) > 9
    (module,) = seen
    assert next(name for name, _ in module.named_parameters()) == first
    assert not (tmp_path / "runs").exists()


def test_of_several_phases_it_says_which_one_the_rate_is_for(
    tiny: dict[str, object], capsys: pytest.CaptureFixture[str]
) -> None:
    phases = [{"train_from": "classifier"}, {"train_from": "all"}]
    settings = {**tiny, "data.image_size": 64, "phases": phases}
    sweep_learning_rate(settings=settings, steps=10, progress=False)
    assert "has 2 phases, and the rate is for the first, which trains from 'classifier'" in (
        capsys.readouterr().err
    )


def test_its_advice_names_the_settings_of_the_phase_that_it_sweeps(
    tiny: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    def greedy(*arguments: object) -> None:
        raise MemoryError

    monkeypatch.setattr("densekit.training.step.Stepper.take", greedy)
    settings = {**tiny, "phases": [{"train_from": "classifier"}, {"train_from": "all"}]}
    with pytest.raises(TrainingError, match=r"try phases\.0\.training\.batch_size=4"):
        sweep_learning_rate(settings=settings, steps=10, progress=False)


def test_a_mistake_in_the_settings_is_told() -> None:
    with pytest.raises(ConfigError, match=r"training\.epohcs"):
        sweep_learning_rate(data="x", settings=["training.epohcs=3"], progress=False)


def test_a_range_that_can_not_be_swept_is_told_before_anything_is_read() -> None:
    with pytest.raises(ConfigError, match="expected 0 < lowest"):
        sweep_learning_rate(data="no such folder", lowest=1.0, highest=0.1, progress=False)


@pytest.mark.slow
def test_the_curve_is_written_where_nothing_is_yet(
    tiny: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = {**tiny, "data.image_size": 64}
    curve = tmp_path / "curve.png"
    sweep_learning_rate(settings=settings, steps=10, progress=False, curve=curve)
    written = curve.read_bytes()
    assert written.startswith(b"\x89PNG")

    with pytest.raises(ConfigError, match="is there already, and nothing is overwritten"):
        sweep_learning_rate(settings=settings, steps=10, progress=False, curve=curve)
    assert curve.read_bytes() == written


def test_a_place_where_no_file_can_be_is_told_first(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "file").write_text("no folder")
    (tmp_path / "link.png").symlink_to(tmp_path / "nowhere")
    for name, told in (
        ("file/curve.png", "no file can be made in"),
        ("curve.txt", "drawn as a PNG: name a file such as .*curve.png"),
        ("link.png", "is there already"),
    ):
        with pytest.raises(ConfigError, match=told):
            sweep_learning_rate(data=tmp_path / "pictures", progress=False, curve=tmp_path / name)


def test_what_was_found_is_told_even_if_the_curve_can_not_be_written(
    tiny: dict[str, object],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def full(path: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("densekit.run.sweep.write_atomically", full)
    settings = {**tiny, "data.image_size": 64}
    sweep = sweep_learning_rate(
        settings=settings, steps=10, progress=False, curve=tmp_path / "new" / "curve.png"
    )
    assert len(sweep.rates) == 10
    assert "No space left on device" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "told"),
    [("apple/curve.png", "lies among the pictures"), ("", "lies among"), ("..", "is a folder")],
)
def test_a_place_for_the_curve_that_will_not_do_is_told_first(tmp_path: Path, name: str, told: str) -> None:
    data = tmp_path / "pictures"
    (data / "apple").mkdir(parents=True)
    with pytest.raises(ConfigError, match=told):
        sweep_learning_rate(data=data, progress=False, curve=data / name)
