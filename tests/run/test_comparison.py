"""Runs side by side: what differs stands there, what is chance is told as such."""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from densekit.errors import ConfigError, RunError
from densekit.intervals import half_interval
from densekit.model.weights import save_weights
from densekit.model.zoo import build
from densekit.run import load_run, train
from densekit.run.comparison import compare_runs

Trained = Callable[..., Path]


def train_head(out: Path, pictures: Path, architecture: Path, settings: Mapping[str, object]) -> Path:
    """Train a head in an instant, with these settings, whose dots are two underscores each."""
    common = {"model.architecture": str(architecture), "data.image_size": 32, "training.epochs": 1}
    given = {key.replace("__", "."): value for key, value in settings.items()}
    train(data=pictures, settings={"model.weights": "none"} | common | given, out=out, progress=False)
    return out


@pytest.fixture(scope="module")
def done() -> dict[str, Path]:
    """The runs that were trained for one of these tests, by their settings."""
    return {}


@pytest.fixture
def trained(
    done: dict[str, Path],
    shared_pictures: Path,
    tiny_architecture: Path,
    tmp_path_factory: pytest.TempPathFactory,
    tmp_path: Path,
) -> Trained:
    """Return a run folder of this test's own: a copy of the one run that was trained with these settings."""

    def one(name: str, **settings: object) -> Path:
        key = json.dumps(settings, sort_keys=True)
        if key not in done:
            out = tmp_path_factory.mktemp("done") / "run"
            done[key] = train_head(out, shared_pictures, tiny_architecture, settings)
        return shutil.copytree(done[key], tmp_path / "runs" / name)

    return one


@pytest.fixture
def trained_anew(pictures: Path, tiny_architecture: Path, tmp_path: Path) -> Trained:
    """Train each time: for what a test has changed before, and the settings do not say."""
    return lambda name, **settings: train_head(
        tmp_path / "runs" / name, pictures, tiny_architecture, settings
    )


def test_only_the_settings_that_differ_are_told(trained: Trained) -> None:
    runs = [trained("slow", training__learning_rate=0.001), trained("fast", training__learning_rate=0.1)]

    comparison = compare_runs(runs)

    assert comparison.keys == ("training.learning_rate",)
    assert [row.settings["training.learning_rate"] for row in comparison.rows] == [0.001, 0.1]
    assert str(comparison).split()[:2] == ["run", "training.learning_rate"]
    assert comparison.warnings == ()


@pytest.mark.slow
def test_runs_that_differ_in_the_seed_alone_are_one_row_with_an_interval(trained: Trained) -> None:
    runs = [trained(f"seed-{seed}", training__seed=seed) for seed in range(3)]

    (row,) = compare_runs([*runs, runs[0]]).rows
    assert compare_runs([load_run(run) for run in runs]).rows == (row,)

    assert row.runs == tuple(runs)
    assert len(row.accuracies) == 3
    assert row.half_interval == pytest.approx(half_interval(row.accuracies))
    assert "seed-0 and 2 others" in str(compare_runs(runs))


@pytest.mark.slow
def test_runs_that_learned_from_more_pictures_are_no_repetitions(
    trained_anew: Trained, pictures: Path
) -> None:
    for path in sorted(pictures.glob("*/*.png")):
        part = "val" if path.stem < "03" else "train"
        place = pictures / part / path.parent.name / path.name
        place.parent.mkdir(parents=True, exist_ok=True)
        path.rename(place)
    for name in ("red", "green", "blue"):
        (pictures / name).rmdir()
    runs = [trained_anew("few")]
    for number in (1, 2):
        picture = pictures / "train" / "red" / f"new-{number}.png"
        Image.new("RGB", (32, 32), (200, number, 0)).save(picture)
        runs.append(trained_anew(picture.stem))
        picture.unlink()

    comparison = compare_runs(runs)

    assert [row.settings["pictures learned from"] for row in comparison.rows] == ["27", "28", "28 b"]
    assert comparison.warnings == ()


def test_other_weights_under_the_same_name_are_no_repetition(
    trained_anew: Trained, tiny_architecture: Path, tmp_path: Path
) -> None:
    path = tmp_path / "mine.safetensors"
    runs = []
    for seed in (0, 1):
        save_weights(path, build(str(tiny_architecture), "none", 3, seed=seed), None)
        runs.append(trained_anew(f"weights-{seed}", model__weights=str(path)))

    comparison = compare_runs(runs)

    assert comparison.keys == ("SHA-256 of the weights",)
    assert len(comparison.rows) == 2


def test_a_single_run_has_no_interval(trained: Trained) -> None:
    (row,) = compare_runs([trained("one")]).rows

    assert row.half_interval is None
    assert "±" not in str(compare_runs(row.runs))


def test_a_phase_says_its_own_settings(trained: Trained) -> None:
    phases = [{"train_from": "classifier"}, {"train_from": "all", "training": {"batch_size": 12}}]

    comparison = compare_runs([trained("head"), trained("both", phases=phases)])

    assert "phases.1.train_from" in comparison.keys
    assert comparison.rows[0].settings["phases.1.train_from"] is None
    assert comparison.rows[1].settings["phases.1.train_from"] == "all"


def test_the_best_or_the_quickest_comes_first_where_that_is_asked_for(trained: Trained) -> None:
    runs = [trained(str(epochs), training__epochs=epochs) for epochs in (1, 3)]
    for run, accuracy, seconds in zip(runs, (0.5, 0.9), (1.0, 9.0), strict=True):
        path = run / "metrics.json"
        told = json.loads(path.read_text()) | {"val_accuracy": accuracy, "seconds": seconds}
        path.write_text(json.dumps(told))

    assert [row.accuracy for row in compare_runs(runs, "accuracy").rows] == [0.9, 0.5]
    assert [row.accuracy for row in compare_runs(runs[::-1], "seconds").rows] == [0.5, 0.9]
    with pytest.raises(ConfigError, match="no order is called 'best'"):
        compare_runs(runs, "best")


def test_what_can_not_be_compared_is_told(trained: Trained) -> None:
    runs = [trained("one"), trained("other", data__split_seed=1)]

    comparison = compare_runs(runs)
    assert any("judged by other pictures" in warning for warning in comparison.warnings)
    assert len(comparison.rows) == 2  # a seed of the split is none of the training
    assert comparison.keys == ("data.split_seed",)

    (runs[1] / "split.json").unlink()
    (warning,) = compare_runs(runs).warnings
    assert "not all of the runs have a split.json" in warning


def test_runs_on_other_classes_and_a_stopped_one_are_told(trained: Trained) -> None:
    runs = [trained("one"), trained("other", training__epochs=2)]
    split = (runs[1] / "split.json").read_text()
    (runs[1] / "split.json").write_text(split.replace('"blue"', '"another"'))
    metrics = json.loads((runs[0] / "metrics.json").read_text())
    (runs[0] / "metrics.json").write_text(json.dumps(metrics | {"stopped": "asked"}))

    warnings = " ".join(compare_runs(runs).warnings)
    assert "tell other classes apart" in warnings
    assert f"stopped before its end: {runs[0]}" in warnings


def test_what_changes_nothing_of_the_outcome_makes_no_other_row(trained: Trained) -> None:
    runs = [
        trained("one"),
        trained("other", training__seed=1, data__cache_features=False, compute__device="cpu"),
    ]
    assert len(compare_runs(runs).rows) == 1


@pytest.mark.parametrize("kind", [str, Path])
def test_one_run_may_be_named_alone(trained: Trained, kind: type) -> None:
    assert len(compare_runs(kind(trained("one"))).rows) == 1


def test_what_is_no_run_is_refused_by_name(trained: Trained, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="there is no run in"):
        compare_runs([trained("one"), tmp_path])
    with pytest.raises(ConfigError, match="name one run folder or more"):
        compare_runs([])


@pytest.mark.parametrize("what", [3, None, b"run"])
def test_what_is_no_name_of_a_run_is_told(what: Any) -> None:
    with pytest.raises(RunError, match=r"a run is given as \w+: expected the name of its folder"):
        compare_runs(what)


def test_what_is_no_name_of_an_order_is_told(trained: Trained) -> None:
    with pytest.raises(ConfigError, match="no order is called 'None': known are 'given', 'accuracy'"):
        compare_runs(trained("one"), order=None)  # type: ignore[arg-type]


def test_names_are_escaped_in_a_notebook(trained: Trained) -> None:
    html = compare_runs([trained("<b>one")])._repr_html_()

    assert "&lt;b&gt;one" in html
    assert "<b>" not in html


@pytest.mark.parametrize("accuracy", [float("nan"), float("inf"), None, "0.9", 10**400, 7.0, -0.1])
def test_an_accuracy_that_is_none_is_told_as_damage(trained: Trained, accuracy: object) -> None:
    run = trained("one")
    path = run / "metrics.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"val_accuracy": accuracy}))

    with pytest.raises(RunError, match="is damaged: its 'val_accuracy' is"):
        compare_runs([run])


def test_a_run_that_does_not_say_how_it_ended_is_compared(trained: Trained) -> None:
    path = trained("one") / "metrics.json"
    metrics = json.loads(path.read_text())
    del metrics["stopped"]
    path.write_text(json.dumps(metrics))

    assert not compare_runs([path.parent]).warnings


def test_runs_on_corrected_labels_are_no_repetitions(trained_anew: Trained, pictures: Path) -> None:
    (pictures / "red" / "00.png").rename(pictures / "blue" / "wrong.png")
    wrong = trained_anew("wrong")
    (pictures / "blue" / "wrong.png").rename(pictures / "red" / "00.png")

    comparison = compare_runs([wrong, trained_anew("right")])

    assert len(comparison.rows) == 2
    assert not any("nothing new" in warning for warning in comparison.warnings)


def test_a_network_whose_file_was_changed_is_another_network(
    trained_anew: Trained, tiny_architecture: Path, tmp_path: Path
) -> None:
    own = tmp_path / "own.json"
    runs = []
    for growth_rate in (4, 8):
        own.write_text(
            json.dumps({"growth_rate": growth_rate, "block_config": [1, 2], "num_init_features": 8})
        )
        runs.append(trained_anew(f"growth-{growth_rate}", model__architecture=str(own)))

    comparison = compare_runs(runs)

    assert comparison.keys == ("model.growth_rate",)
    assert [row.settings["model.growth_rate"] for row in comparison.rows] == [4, 8]
    (runs[0] / "head.safetensors").unlink()
    assert compare_runs(runs).keys == ()  # nobody knows any more what it was


def test_the_same_training_again_says_nothing_new(trained: Trained) -> None:
    runs = [trained("first"), trained("again"), trained("other", training__seed=1)]

    same = compare_runs(runs[:2])
    assert same.rows[0].half_interval is None
    assert "1 run has the settings and the seed of another one" in same.warnings[0]
    assert "±" not in str(same)

    comparison = compare_runs(runs)
    accuracies = comparison.rows[0].accuracies
    assert comparison.rows[0].seeds == ((0,), (0,), (1,))
    assert comparison.rows[0].half_interval == pytest.approx(half_interval([accuracies[0], accuracies[2]]))
    assert len(comparison.warnings) == 1


@pytest.mark.slow
def test_two_phases_with_other_seeds_are_other_measurements(trained: Trained) -> None:
    def phases(seed: int) -> list[dict[str, object]]:
        return [{"train_from": "classifier"}, {"train_from": "all", "training": {"seed": seed}}]

    (row,) = compare_runs([trained(str(seed), phases=phases(seed)) for seed in range(2)]).rows

    assert row.seeds == ((0, 0), (0, 1))
    assert row.half_interval is not None


def test_a_run_is_called_by_its_folder_wherever_one_stands(
    trained: Trained, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run = trained("mine")
    monkeypatch.chdir(run)
    assert "mine" in str(compare_runs(["."]))

    copy = tmp_path / "elsewhere" / "mine"
    shutil.copytree(run, copy)
    (copy / "config.yaml").write_text(
        run.joinpath("config.yaml").read_text().replace("epochs: 1", "epochs: 2")
    )
    told = str(compare_runs([run, copy]))
    assert str(run) in told
    assert str(copy) in told
