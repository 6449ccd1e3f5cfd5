"""What is asked for and would be without effect is refused, in each of the forms."""

import shutil
from pathlib import Path

import pytest
from pictures import class_folders

from densekit.config import PRESETS, TrainingConfig, load_config
from densekit.errors import ConfigError
from densekit.run.trainer import resolve

COSINE = {"training.schedule": "cosine"}


@pytest.mark.parametrize(
    ("preset", "settings", "told"),
    [
        ("head", {**COSINE, "training.reduce_lr_every": 1}, "falls along a cosine and not in steps"),
        ("head", {**COSINE, "training.reduce_lr_factor": 0.1}, "falls along a cosine and not in steps"),
        (
            "head",
            {"training.reduce_lr_every": None, "training.reduce_lr_factor": 0.1},
            "so that the learning rate never falls",
        ),
        ("head", {"training.accuracy_floor": 0.5}, "set user_step as well"),
        ("head", {"training": {"accuracy_floor": 0.5}}, "set user_step as well"),
        ("head-then-full", {"training": {"epochs": 99}}, "each of the phases says itself how many it takes"),
        (
            "head-then-full",
            {"training": TrainingConfig(epochs=99)},
            "each of the phases says itself how many",
        ),
        (
            "head",
            {"phases": [{"train_from": "all", "training": {"accuracy_floor": 0.5}}]},
            r"phases\.0\.training\.accuracy_floor is 0\.5, but it is the floor",
        ),
        ("head-then-full", {"phases.1.training.reduce_lr_every": 2}, "along a cosine and not in steps"),
        ("head-then-full", {"training.epochs": 99}, "each of the phases says itself how many it takes"),
        (
            "head-then-full",
            {"phases.0.training.learning_rate": 0.1, "training.learning_rate": 0.2},
            r"phases\.0\.training\.learning_rate, for example",
        ),
    ],
)
def test_settings_that_others_make_void(preset: str, settings: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        resolve(None, "x", preset, settings=settings)


def test_on_a_whole_configuration_too() -> None:
    whole = load_config(None, "head", {"data.folder": "x"})
    with pytest.raises(ConfigError, match="along a cosine and not in steps"):
        resolve(whole, settings={**COSINE, "training.reduce_lr_every": 1})


def test_a_file_is_held_to_the_same(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    for text in (
        "training: {schedule: cosine, reduce_lr_every: 2}",
        "preset: head-then-full\ntraining: {epochs: 99}",
        "phases: [{train_from: all, training: {accuracy_floor: 0.5}}]",
        "model: {train_from: classifier}\nphases: [{train_from: all}]",
    ):
        file.write_text(text, encoding="utf-8")
        with pytest.raises(ConfigError, match=r"leave one of the two|says itself how many|set user_step"):
            resolve(file, "x")


@pytest.mark.parametrize("preset", PRESETS)
def test_what_a_run_wrote_down_can_be_trained_again(tmp_path: Path, preset: str) -> None:
    settings = {} if preset.startswith("head-then-") else COSINE
    config = resolve(None, "x", preset, settings=settings)
    file = tmp_path / "config.yaml"
    file.write_text(config.to_yaml(), encoding="utf-8")
    assert resolve(file) == config


@pytest.mark.parametrize(
    ("preset", "settings"),
    [
        ("head", {"training.reduce_lr_every": 2, "training.reduce_lr_factor": 0.5}),
        ("head", {**COSINE, "training.reduce_lr_every": None}),
        ("full", {"training.accuracy_floor": 0.5}),
        ("head-then-full", {"training.label_smoothing": 0.1}),
        ("head-then-full", {"training": {"label_smoothing": 0.1}}),
        ("head-then-full", {"training": TrainingConfig(label_smoothing=0.1)}),
        ("head", {"training": load_config(None, "head", {"data.folder": "x"}).training}),  # says everything
        ("head", {"training": {}}),
        ("head-then-full", {"phases.0.training.reduce_lr_every": 2}),
    ],
)
def test_what_has_an_effect_is_taken(preset: str, settings: dict[str, object]) -> None:
    resolve(None, "x", preset, settings=settings)


@pytest.mark.parametrize("key", ["data.val_fraction", "data.split_seed"])
def test_a_folder_that_is_split_already_takes_no_word_on_the_split(tmp_path: Path, key: str) -> None:
    for split in ("train", "val"):
        class_folders(tmp_path / split, {"cat": 2, "dog": 2})
    with pytest.raises(ConfigError, match=f"{key} is .*, but .* has validation images of its own"):
        resolve(None, tmp_path, settings={key: 0.5 if key == "data.val_fraction" else 7})
    (file := tmp_path / "config.yaml").write_text(resolve(None, tmp_path).to_yaml(), encoding="utf-8")
    assert resolve(file) == resolve(None, tmp_path)  # a run writes down what has no effect as well
    for name in ("cat", "dog"):  # also if they lie in folders of their own
        (tmp_path / "val" / name).rename(tmp_path / name)
        (tmp_path / "val" / name).mkdir()
        (tmp_path / name).rename(tmp_path / "val" / name / "2020")
    with pytest.raises(ConfigError, match="has validation images of its own"):
        resolve(None, tmp_path, settings={key: 0.5 if key == "data.val_fraction" else 7})
    shutil.rmtree(tmp_path / "val")
    (tmp_path / "val" / "cat").mkdir(parents=True)
    (tmp_path / "val" / "cat" / "a.jpg").touch()  # an empty file is no image, so this val/ brings none
    assert resolve(None, tmp_path / "train", settings={"data.split_seed": 7}).data.split_seed == 7
    assert resolve(None, tmp_path, settings={"data.split_seed": 7}).data.split_seed == 7


def test_settings_on_a_whole_configuration_reach_the_phases_that_say_nothing_else() -> None:
    whole = load_config(None, "head-then-full", {"data.folder": "/x"})
    settings = {"training.learning_rate": 0.5, "training.seed": 7}
    assert resolve(whole, settings=settings) == resolve(None, "/x", "head-then-full", settings=settings)
    assert [phase.training.seed for phase in resolve(whole, settings=settings).plan] == [7, 7]
    assert resolve(whole, settings={"phases.0.training.seed": 3}).plan[0].training.seed == 3


def test_what_two_arguments_say_differently_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"epochs is 3, and training\.epochs in the settings is 5"):
        resolve(None, "x", epochs=3, settings=["training.epochs=5"])
    with pytest.raises(ConfigError, match=r"data is x, and data\.folder in the settings is y"):
        resolve(None, "x", settings={"data.folder": "y"})
    assert resolve(None, "x", epochs=3, settings=["training.epochs=3"]).training.epochs == 3


def test_a_whole_configuration_takes_no_preset() -> None:
    whole = load_config(None, "head", {"data.folder": "x"})
    with pytest.raises(ConfigError, match="preset is 'full', but the configuration is a whole one"):
        resolve(whole, preset="full")


@pytest.mark.parametrize("config", [{"training": {"epochs": 3}}, 3, ["a"]])
def test_a_configuration_of_another_kind_is_refused(config: object) -> None:
    with pytest.raises(ConfigError, match="expected a RunConfig or the path of a YAML file"):
        resolve(config, "x")  # type: ignore[arg-type]


def test_weights_that_are_no_text_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"model\.weights is \[3\]"):
        resolve(None, "x", weights=[3])  # type: ignore[arg-type]
    assert resolve(None, "x", weights=Path("mine.pth")).model.weights == "mine.pth"
