import re
from pathlib import Path

import pytest

from densekit.config import (
    PRESETS,
    AugmentationConfig,
    DataConfig,
    PhaseConfig,
    RunConfig,
    TrainingConfig,
    load_config,
    read_overrides,
)
from densekit.errors import ConfigError
from densekit.run.trainer import resolve


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def problem_with(*overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(overrides=["data.folder=x", *overrides])
    return str(caught.value)


class TestLoading:
    def test_the_preset_alone_is_complete_but_for_the_folder(self) -> None:
        config = load_config(overrides={"data.folder": "pictures"})
        assert config.data.folder == Path("pictures")
        assert config.training.optimizer == "adam"
        assert config.model.train_from == "classifier"

    def test_the_head_preset_says_what_the_schema_defaults_to(self) -> None:
        assert load_config(overrides={"data.folder": "x"}) == RunConfig(data={"folder": "x"})  # type: ignore[arg-type]

    def test_a_file_goes_over_the_preset_and_overrides_over_the_file(self, tmp_path: Path) -> None:
        file = write(tmp_path, "data: {folder: a}\ntraining: {epochs: 3, batch_size: 4}\n")
        config = load_config(file, overrides=["training.epochs=5"])
        assert (config.training.epochs, config.training.batch_size) == (5, 4)
        assert config.training.learning_rate == TrainingConfig().learning_rate

    def test_a_file_may_name_its_preset(self, tmp_path: Path) -> None:
        file = write(tmp_path, "preset: heda\n")
        with pytest.raises(ConfigError, match="no preset 'heda': did you mean 'head'"):
            load_config(file)

    def test_an_empty_file_or_section_changes_nothing(self, tmp_path: Path) -> None:
        file = write(tmp_path, "training:\n")
        assert load_config(file, overrides=["data.folder=x"]) == load_config(overrides=["data.folder=x"])

    def test_a_section_that_is_left_empty_changes_nothing_of_a_preset_without_it(
        self, tmp_path: Path
    ) -> None:
        (tmp_path / "a.yaml").write_text("preset: head-then-full\ntraining:\n")
        expected = load_config(preset="head-then-full", overrides=["data.folder=x"])
        assert load_config(tmp_path / "a.yaml", overrides=["data.folder=x"]) == expected
        (tmp_path / "b.yaml").write_text("training:\nphases: [{train_from: classifier}]\n")
        assert len(resolve(tmp_path / "b.yaml", data=tmp_path).phases) == 1

    def test_a_number_that_yaml_reads_as_text_is_a_number(self) -> None:
        # YAML 1.1 takes 1e-3, without a dot, for a text.
        assert (
            load_config(overrides=["data.folder=x", "training.learning_rate=1e-3"]).training.learning_rate
            == 1e-3
        )

    def test_what_is_written_reads_back_equal(self, tmp_path: Path) -> None:
        config = load_config(overrides=["data.folder=사진", "training.save_step=20"])
        assert load_config(write(tmp_path, config.to_yaml())) == config

    @pytest.mark.parametrize("name", ["0809", "08", "-0809", "1e5", "1e-3", "1.e5", "010", "1:30", "yes"])
    def test_a_name_that_looks_like_something_else_reads_back_as_a_name(
        self, tmp_path: Path, name: str
    ) -> None:
        config = RunConfig(data=DataConfig(folder=Path(name)))
        assert load_config(write(tmp_path, config.to_yaml())) == config

    def test_overrides_may_be_texts_or_a_mapping(self) -> None:
        assert read_overrides(["a.b=1", "c=[x, y]"]) == {"a.b": 1, "c": ["x", "y"]}
        assert read_overrides({"a.b": 1}) == {"a.b": 1}

    def test_every_setting_of_the_first_trainer_is_there(self) -> None:
        config = load_config(
            overrides=[
                "data.folder=x",
                "training.learning_rate=5e-5",
                "training.batch_size=8",
                "training.epochs=10",
                "training.save_step=50",
                "training.min_epoch_to_save=2",
                "training.reduce_lr_every=3",
                "training.reduce_lr_factor=0.85",
            ]
        )
        assert config.training.save_step == 50


class TestMistakes:
    def test_every_problem_is_told_at_once_with_its_key_path(self) -> None:
        message = problem_with("training.epohcs=3", "model.weigths=none", "training.learning_rate=-1")
        assert "training.epohcs: no such setting; did you mean 'training.epochs'?" in message
        assert "model.weigths: no such setting; did you mean 'model.weights'?" in message
        assert "training.learning_rate is -1: input should be greater than 0" in message
        assert message.startswith("3 problems")

    @pytest.mark.parametrize(
        ("setting", "told"),
        [
            ("training.epochs=three", "training.epochs is 'three': expected a whole number, such as 10"),
            ("training.epochs=2.5", "training.epochs is 2.5: expected a whole number, such as 10"),
            ("training.learning_rate=1,5", "training.learning_rate is '1,5': expected a number, such as 1.5"),
            ("data.augmentation.flip=maybe", "data.augmentation.flip is 'maybe': expected true or false"),
            ("data.folder=2024", "data.folder is 2024: expected a text; put a name such as 2024, 2020-01-01"),
            ("data.folder=2020-01-01", "put a name such as 2024, 2020-01-01 or yes in quotes"),
            (
                "training.optimizer=sdg",
                "training.optimizer is 'sdg': expected 'adam', 'adamw' or 'sgd'; did you mean 'sgd'?",
            ),
        ],
    )
    def test_what_was_expected_is_said_in_plain_words(self, setting: str, told: str) -> None:
        assert told in problem_with(setting)

    def test_what_is_wrong_with_all_phases_is_told_once(self) -> None:
        with pytest.raises(ConfigError) as caught:
            load_config(preset="head-then-full", overrides=["data.folder=.", "training.seed=x"])
        assert str(caught.value).count("training.seed") == 1
        assert "the configuration has a problem" in str(caught.value)
        with pytest.raises(ConfigError) as caught:
            load_config(preset="head-then-full", overrides=["data.folder=.", "phases.1.training.epochs=x"])
        assert "phases.1.training.epochs is 'x'" in str(caught.value)

    def test_a_folder_where_a_file_of_settings_is_expected(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"is a folder, but a YAML file .* named with --data: --data"):
            load_config(tmp_path)

    def test_a_second_setting_behind_one_set_is_told_how_to_be_written(self) -> None:
        with pytest.raises(ConfigError, match=r"write --set before each, --set training\.batch_size=4"):
            load_config("training.batch_size=4")

    def test_a_picture_and_a_tab_in_place_of_settings(self, tmp_path: Path) -> None:
        (tmp_path / "a.jpg").write_bytes(b"\xff\xd8\xff")
        with pytest.raises(ConfigError, match=r"a\.jpg is no text, but a YAML file of settings is expected"):
            load_config(tmp_path / "a.jpg")
        (tmp_path / "tab.yaml").write_text("training:\n\tepochs: 3\n")
        with pytest.raises(ConfigError, match=r"line 2 begins with a tab: YAML takes spaces alone"):
            load_config(tmp_path / "tab.yaml")

    def test_a_misspelt_section_is_named(self) -> None:
        assert "trainng: no such setting; did you mean 'training'?" in problem_with("trainng.epochs=3")

    def test_a_setting_without_its_section_is_refused_with_where_it_belongs(self) -> None:
        assert "epochs: no such setting; did you mean 'training.epochs'?" in problem_with("epochs=3")
        assert "did you mean 'training.learning_rate'?" in problem_with("learning_rte=0.1")
        assert "did you mean 'data.val_fraction'?" in problem_with("training.val_fraction=0.1")

    @pytest.mark.parametrize(
        "setting",
        [
            "training.seed=9000000000000000000000",
            "training.batch_size=99999999999999999999999999",
            "training.weight_decay=1e308",
            "training.learning_rate=1e300",
        ],
    )
    def test_numbers_have_a_roof(self, setting: str) -> None:
        key = setting.partition("=")[0]
        assert re.search(rf"{key} is .*: input should be less than", problem_with(setting))

    @pytest.mark.parametrize("text", ["''", "' '"])
    def test_an_empty_folder_name_is_not_the_present_folder(self, text: str) -> None:
        with pytest.raises(ConfigError, match=r"data.folder is '.*': name a folder"):
            load_config(overrides=[f"data.folder={text}"])

    def test_a_setting_is_no_section(self) -> None:
        assert "'epochs' is 10, so it can't be a section" in problem_with("training.epochs.first=3")

    def test_a_section_is_no_setting(self) -> None:
        assert "training: expected a section" in problem_with("training=3")

    @pytest.mark.parametrize(
        "setting",
        [
            "training.epochs=0",
            "training.epochs=2.5",
            "training.epochs=yes",
            "training.epochs=many",
            "training.epochs=1_0",
            "training.learning_rate=1e-3_0",
            "training.learning_rate=0",
            "training.learning_rate=.inf",
            "training.learning_rate=.nan",
            "training.momentum=1",
            "training.reduce_lr_factor=1.5",
            "training.optimizer=adamax",
            "training.layer_decay=0",
            "training.patience=0",
            "model.drop_rate=1",
            "model.train_from=denseblock0",
            "data.augmentation.colour=2",
            "data.augmentation.resized_crop=0",
            "data.val_fraction=0",
            "data.val_fraction=1",
            "data.image_size=8",
            "model.train_from=clasifier",
            "compute.device=tpu",
        ],
    )
    def test_an_impossible_value_is_told_with_its_key(self, setting: str) -> None:
        key = setting.partition("=")[0]
        assert f"{key} is " in problem_with(setting)

    def test_without_a_folder_the_message_says_how_to_name_one(self) -> None:
        with pytest.raises(ConfigError, match="--data DIR"):
            load_config()

    def test_an_override_without_a_value_is_refused(self) -> None:
        with pytest.raises(ConfigError, match=r"'training.epochs' is not a setting: expected key.path=value"):
            read_overrides(["training.epochs"])

    def test_broken_yaml_names_file_and_line(self, tmp_path: Path) -> None:
        file = write(tmp_path, "training:\n  epochs: [3\n")
        with pytest.raises(ConfigError, match=r"mine.yaml is not valid YAML.*line 3"):
            load_config(file)

    def test_broken_yaml_in_an_override_names_the_key(self) -> None:
        with pytest.raises(ConfigError, match=r"training.epochs: the value '\[3' can't be read"):
            read_overrides(["training.epochs=[3"])

    @pytest.mark.parametrize("value", ['!!float ""', f"!!float {':'.join(['1'] * 300)}"])
    def test_a_value_that_is_not_what_its_tag_says_names_the_key(self, value: str) -> None:
        with pytest.raises(
            ConfigError, match=r"learning_rate: the value .* can't be read: a value is not what"
        ):
            read_overrides([f"training.learning_rate={value}"])

    def test_a_file_without_sections_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="expected sections such as `training:`"):
            load_config(write(tmp_path, "- epochs\n"))

    def test_a_missing_file_names_its_nearest_sibling(self, tmp_path: Path) -> None:
        write(tmp_path, "")
        with pytest.raises(ConfigError, match=r"did you mean 'mine\.yaml'"):
            load_config(tmp_path / "mien.yaml")

    def test_a_file_that_is_no_text_is_refused(self, tmp_path: Path) -> None:
        file = tmp_path / "mine.yaml"
        file.write_bytes(b"\xff\xfe\x00")
        with pytest.raises(ConfigError, match=r"mine\.yaml is no text, but a YAML file"):
            load_config(file)

    def test_yaml_can_not_run_code(self, tmp_path: Path) -> None:
        file = write(tmp_path, "data: !!python/object/apply:os.system ['touch owned']\n")
        with pytest.raises(ConfigError, match="not valid YAML"):
            load_config(file)


def test_presets_are_found_by_name() -> None:
    assert PRESETS == ("full", "head", "head-original", "head-then-block4", "head-then-full")


class TestMomentum:
    @pytest.mark.parametrize("optimizer", ["adam", "adamw"])
    def test_given_with_adam_it_is_refused_with_the_reason(self, optimizer: str) -> None:
        message = problem_with(f"training.optimizer={optimizer}", "training.momentum=0.9")
        assert f"training: momentum is 0.9, but {optimizer} has averages of its own" in message

    def test_sgd_takes_it(self) -> None:
        settings = ["data.folder=x", "training.optimizer=sgd", "training.momentum=0.5"]
        assert load_config(overrides=settings).training.momentum == 0.5


class TestAugmentation:
    def test_stored_views_of_pictures_that_never_change_are_refused(self) -> None:
        assert "data: stored_views" in problem_with("data.stored_views=3")
        kept = load_config(overrides=["data.folder=x", "data.stored_views=3", "data.augmentation.flip=true"])
        assert kept.data.stored_views == 3

    def test_none_is_the_default(self) -> None:
        assert not load_config(overrides=["data.folder=x"]).data.augmentation.changes_anything

    def test_a_misspelt_key_below_it_names_the_nearest(self) -> None:
        message = problem_with("data.augmentation.filp=true")
        assert "data.augmentation.filp: no such setting; did you mean 'data.augmentation.flip'?" in message


class TestPhases:
    def test_without_any_the_plan_is_one(self) -> None:
        config = load_config(overrides=["data.folder=x", "model.train_from=all", "training.epochs=3"])
        (phase,) = config.plan
        assert (phase.train_from, phase.training) == ("all", config.training)

    def test_each_takes_over_what_it_does_not_name(self, tmp_path: Path) -> None:
        text = """
            data: {folder: x}
            training: {epochs: 7, batch_size: 4}
            phases:
              - train_from: classifier
              - {train_from: denseblock3, training: {epochs: 2, optimizer: sgd}}
        """
        config = load_config(write(tmp_path, text))
        first, second = config.plan
        assert first.training == config.training
        assert (second.training.epochs, second.training.batch_size) == (2, 4)
        assert load_config(write(tmp_path, config.to_yaml())) == config

    @pytest.mark.parametrize(
        ("training", "phases"),
        [
            ({"epochs": 3}, [{"train_from": "classifier"}, {"train_from": "all", "training": {"seed": 7}}]),
            (
                TrainingConfig(epochs=3),
                [
                    PhaseConfig(train_from="classifier"),
                    {"train_from": "all", "training": TrainingConfig(seed=7)},
                ],
            ),
        ],
    )
    def test_made_without_a_file_each_takes_over_what_it_does_not_name(
        self, training: object, phases: object
    ) -> None:
        config = RunConfig.model_validate({"data": {"folder": "x"}, "training": training, "phases": phases})
        assert [(one.training.epochs, one.training.seed) for one in config.plan] == [(3, 0), (3, 7)]

    def test_one_that_names_everything_takes_over_nothing(self) -> None:
        whole = load_config(preset="head-then-full", overrides=["data.folder=x"]).with_overrides({})
        assert RunConfig.model_validate(whole.model_dump()) == whole
        others = RunConfig(data=whole.data, training=TrainingConfig(epochs=3), phases=whole.phases)
        assert others.phases == whole.phases

    def test_a_whole_configuration_whose_phases_say_how_long_they_take_is_asked_in_vain_for_epochs(
        self,
    ) -> None:
        config = load_config(preset="head-then-full", overrides=["data.folder=x"])
        with pytest.raises(ConfigError, match=r"each of the phases says itself how many"):
            resolve(config, epochs=3)
        alike = load_config(
            preset="head-then-full", overrides=["data.folder=x", "phases.1.training.epochs=10"]
        )
        assert [one.training.epochs for one in resolve(alike, epochs=3).plan] == [3, 3]

    def test_a_mistake_in_one_is_told_with_its_number(self) -> None:
        phases = {"phases": [{"train_from": "all", "training": {"epohcs": 3}}, {"train_from": "al"}]}
        with pytest.raises(ConfigError) as caught:
            load_config(overrides={"data.folder": "x", **phases})
        assert "phases.0.training.epohcs: no such setting; did you mean 'phases.0.training.epochs'?" in str(
            caught.value
        )
        assert "phases.1.train_from is 'al': no such cut; did you mean 'all'?" in str(caught.value)


@pytest.mark.parametrize("name", ["pic\0tures", "\0"])
def test_a_zero_byte_in_the_folder_is_told(name: str) -> None:
    with pytest.raises(ConfigError, match=r"data\.folder .*no folder's name can hold a zero byte"):
        load_config(overrides={"data.folder": name})


def test_half_a_character_in_the_folder_is_told() -> None:
    with pytest.raises(ConfigError, match=r"data\.folder is '\\ud800': .*no folder's name can hold"):
        load_config(overrides={"data.folder": "\ud800"})
    with_a_byte_that_is_no_utf_8 = load_config(overrides={"data.folder": "\udcff"})
    assert with_a_byte_that_is_no_utf_8.data.folder.name == "\udcff"


class TestOneOfTwoThings:
    """What is said twice, or in a way that can mean two things, is refused."""

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("training: {epochs: 3}\ntraining: {batch_size: 4}\n", "'training' stands in line 1 already"),
            ("training:\n  epochs: 3\n  epochs: 4\n", "'epochs' stands in line 2 already"),
            ("training: {epochs: 3, epochs: 4}\n", "'epochs' stands in line 1 already"),
            ("preset: full\npreset: head\n", "'preset' stands in line 1 already"),
            ("'training': {epochs: 3}\ntraining: {epochs: 3}\n", "'training' stands in line 1 already"),
        ],
    )
    def test_a_key_that_stands_twice(self, tmp_path: Path, text: str, told: str) -> None:
        with pytest.raises(ConfigError, match=told):
            load_config(write(tmp_path, text), overrides=["data.folder=x"])

    def test_a_key_may_stand_in_two_sections(self, tmp_path: Path) -> None:
        file = write(
            tmp_path,
            "phases: [{train_from: classifier, training: {epochs: 1}}, {train_from: all, training: {epochs: 2}}]",
        )
        plan = load_config(file, overrides=["data.folder=x"]).plan
        assert [phase.training.epochs for phase in plan] == [1, 2]

    @pytest.mark.parametrize("text", ["{}", "''", "false", "0", "[head]"])
    def test_a_preset_that_is_none(self, tmp_path: Path, text: str) -> None:
        with pytest.raises(ConfigError, match="no preset '"):
            load_config(write(tmp_path, f"preset: {text}\n"), overrides=["data.folder=x"])

    def test_a_preset_that_is_left_empty_is_none_and_an_empty_one_is_refused(self, tmp_path: Path) -> None:
        overrides = ["data.folder=x"]
        assert load_config(write(tmp_path, "preset:\n"), None, overrides) == load_config(
            None, None, overrides
        )
        with pytest.raises(ConfigError, match="no preset ''"):
            load_config(preset="", overrides=overrides)

    @pytest.mark.parametrize(
        ("text", "value"),
        [("010", 10), ("3", 3), ("1e-3", 0.001), ("-1.5E+3", -1500.0), (".5", 0.5), ("1:30", "1:30")],
    )
    def test_a_number_is_what_it_looks_like(self, text: str, value: object) -> None:
        assert read_overrides([f"a.b={text}"]) == {"a.b": value}
        assert type(read_overrides([f"a.b={text}"])["a.b"]) is type(value)


class TestSectionsThatAreNone:
    @pytest.mark.parametrize("preset", ["head", "head-then-full"])
    @pytest.mark.parametrize("value", ["5", "abc", "[1, 2]", "false", "0"])
    def test_training_that_is_no_section(self, preset: str, value: str) -> None:
        with pytest.raises(ConfigError, match="training: expected a section with settings below it, found"):
            load_config(None, preset, ["data.folder=x", f"training={value}"])

    @pytest.mark.parametrize("value", ["5", "abc", "[1, 2]", "false", "0"])
    def test_the_training_of_a_phase_that_is_no_section(self, value: str) -> None:
        with pytest.raises(ConfigError, match=r"phases\.1\.training: expected a section with settings below"):
            load_config(None, "head-then-full", ["data.folder=x", f"phases.1.training={value}"])

    def test_phases_that_are_a_section(self) -> None:
        assert "phases: expected a list, found {0:" in problem_with("phases={0: {train_from: all}}")

    def test_a_section_where_a_value_is_expected(self) -> None:
        assert "model.weights is {}: expected a text" in problem_with("model.weights={}")
        with pytest.raises(ConfigError, match="'data' is 'x', so it can't be a section"):
            load_config(overrides=["data=x", "data.folder=y"])


class TestWholeSections:
    """A section given whole says what it changes, whatever it is given in."""

    def test_it_is_laid_over_the_preset(self, tmp_path: Path) -> None:
        file = write(tmp_path, "preset: full\ntraining: {epochs: 3}\n")
        wanted = load_config(file, overrides=["data.folder=x"])
        assert wanted.training.optimizer == "sgd"
        assert load_config(None, "full", ["data.folder=x", "training={epochs: 3}"]) == wanted
        assert load_config(None, "full", {"data.folder": "x", "training": {"epochs": 3}}) == wanted

    @pytest.mark.parametrize(
        ("settings", "told"),
        [
            ({"training": TrainingConfig(epochs=3)}, {"training": {"epochs": 3}}),
            ({"data.augmentation": AugmentationConfig(flip=True)}, {"data.augmentation": {"flip": True}}),
            (
                {"phases": (PhaseConfig(train_from="all", training=TrainingConfig(seed=1)),)},
                {"phases": [{"train_from": "all", "training": {"seed": 1}}]},
            ),
            (
                {"phases": [{"train_from": "all", "training": TrainingConfig(seed=1)}]},
                {"phases": [{"train_from": "all", "training": {"seed": 1}}]},
            ),
            ({"data": DataConfig(folder=Path("x"))}, {"data": {"folder": "x"}}),
        ],
    )
    def test_given_as_a_model_it_says_what_was_named(
        self, settings: dict[str, object], told: dict[str, object]
    ) -> None:
        assert read_overrides(settings) == told

    def test_it_is_laid_over_what_was_said_before(self) -> None:
        config = load_config(
            overrides=["data.folder=x", "data.augmentation.flip=true", "data.augmentation={colour: 0.2}"]
        )
        assert (config.data.augmentation.flip, config.data.augmentation.colour) == (True, 0.2)


class TestHints:
    @pytest.mark.parametrize(
        ("text", "hint"),
        [
            ("training.epochs: 3", "training.epochs: no such setting; write `training: {epochs: …}`"),
            ("presett: full", "presett: no such setting; did you mean 'preset'?"),
            (
                "phases: [{train_from: all, epochs: 3}]",
                r"phases.0.epochs: no such setting; did you mean 'phases.0.training.epochs'?",
            ),
            ("1: 2", "1: no such setting; a setting's name is a text"),
            ("null: 2", "None: no such setting; a setting's name is a text"),
        ],
    )
    def test_a_file(self, tmp_path: Path, text: str, hint: str) -> None:
        with pytest.raises(ConfigError, match=re.escape(hint)):
            load_config(write(tmp_path, text), overrides=["data.folder=x"])

    def test_one_setting_that_may_be_two_things_is_one_problem(self) -> None:
        told = problem_with("training.standardise=AUTO")
        assert told.endswith("training.standardise is 'AUTO': expected true, false or auto")

    @pytest.mark.parametrize("key", [".training.epochs", "training..epochs", "training.", "."])
    def test_a_name_with_a_gap(self, key: str) -> None:
        assert f"'{key}' is not the name of a setting" in problem_with(f"{key}=3")

    @pytest.mark.parametrize(
        "settings", [{1: 2}, [{"training.epochs": 3}], [3], None, "training.epochs=3", 5, b"x"]
    )
    def test_settings_in_no_form_that_there_is(self, settings: object) -> None:
        with pytest.raises(
            ConfigError, match=r"expected \{'training.epochs': 3\} or \['training.epochs=3'\]"
        ):
            read_overrides(settings)  # type: ignore[arg-type]

    def test_phases_may_be_a_tuple(self) -> None:
        config = load_config(
            overrides={
                "data.folder": "x",
                "phases": ({"train_from": "all"},),
                "phases.0.training.epochs": 3,
            }
        )
        assert config.plan[0].training.epochs == 3
