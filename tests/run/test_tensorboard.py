"""TensorBoard's files tell what the history tells, also of a run that was stopped and resumed."""

import importlib.util
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from killing import PlugPulled, pull_when

from densekit.errors import ConfigError, TrainingError
from densekit.run import resume, train
from densekit.training.events import BatchDone, EpochDone, Event, Validated
from densekit.training.step import Stepper
from densekit.training.stop import Stop


@pytest.fixture
def training(pictures: Path, tiny_architecture: Path, tmp_path: Path) -> dict[str, Any]:
    """What `train` takes for a head that learns in an instant, with TensorBoard's files."""
    settings = {"model.architecture": str(tiny_architecture), "data.image_size": 32, "logs.tensorboard": True}
    return {
        "data": pictures,
        "weights": "none",
        "epochs": 2,
        "settings": settings,
        "out": tmp_path / "run",
        "progress": False,
    }


def written(run: Path, name: str) -> dict[int, float]:
    """Return what TensorBoard shows under a name, by step."""
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    reader = accumulator.EventAccumulator(str(run / "tensorboard"))
    reader.Reload()
    points = reader.Scalars(name)
    assert len({point.step for point in points}) == len(points)  # nothing shows twice
    return {point.step: point.value for point in points}


def test_it_tells_what_the_history_tells(training: dict[str, Any]) -> None:
    run = train(**training)

    history: pd.DataFrame = run.history.dropna(subset=["val_accuracy"])
    told = written(run.folder, "accuracy/val")
    assert list(told) == history["step"].tolist()
    assert list(told.values()) == pytest.approx(history["val_accuracy"].tolist())
    assert len(written(run.folder, "loss/batch")) == history["step"].max()
    assert written(run.folder, "learning rate")[1] == pytest.approx(1e-3)


def test_a_run_that_was_stopped_goes_on_without_a_step_twice(training: dict[str, Any]) -> None:
    stop = Stop()

    def stop_early(event: Event) -> None:
        if isinstance(event, BatchDone) and event.step == 2:
            stop.stop()

    stopped = train(**training, stop=stop, on_event=stop_early)
    assert set(written(stopped.folder, "loss/batch")) == {1, 2}

    run = resume(stopped.folder, progress=False)
    steps = list(written(run.folder, "loss/batch"))
    assert steps == list(range(1, run.history["step"].max() + 1))


@pytest.mark.usefixtures("checkpoint_behind_every_batch")
@pytest.mark.parametrize("kind", [BatchDone, Validated, EpochDone])
def test_a_run_whose_plug_is_pulled_shows_nothing_twice(training: dict[str, Any], kind: type[Event]) -> None:
    whole = train(**training | {"out": training["out"].with_name("whole")})
    step = int(whole.history["step"].min())  # the end of the first epoch, at which it validates

    with pytest.raises(PlugPulled):
        train(**training, on_event=pull_when(lambda event: isinstance(event, kind) and event.step == step))
    run = resume(training["out"], progress=False)

    for name in ("loss/batch", "learning rate", "loss/val", "accuracy/val", "loss/train", "accuracy/train"):
        assert written(run.folder, name) == written(whole.folder, name)


def test_after_a_failed_first_step_the_name_is_free_again(
    training: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise TrainingError("no memory for a batch")

    with monkeypatch.context() as patch, pytest.raises(TrainingError, match="no memory for a batch"):
        patch.setattr(Stepper, "take", fail)
        train(**training)
    assert not training["out"].exists()
    assert written(train(**training).folder, "loss/batch")


def test_nothing_is_written_where_nobody_asked(training: dict[str, Any]) -> None:
    training["settings"]["logs.tensorboard"] = False
    assert not (train(**training).folder / "tensorboard").exists()


def test_without_the_package_it_is_refused_before_anything_is_written(
    training: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    known = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == "tensorboard" else known(name, *more)
    )
    with pytest.raises(ConfigError, match="pip install tensorboard"):
        train(**training)
    assert not training["out"].exists()
