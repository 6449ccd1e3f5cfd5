"""The controls of the panel: what is moved arrives in the request, and what has no effect says why."""

import pytest

from densekit.config import PRESETS, TrainingConfig, load_config
from densekit.errors import ConfigError, DensekitError
from densekit.run.request import Request
from densekit.widgets.panel_controls import Controls
from densekit.widgets.panel_fields import FIELDS


class Listening(list):
    """Remembers what the controls told."""

    def __call__(self, error: DensekitError | None) -> None:
        self.append(error)


@pytest.fixture
def told():
    return Listening()


@pytest.fixture
def controls(told):
    return Controls(Request("pictures"), told)


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_fills_in_its_values_and_is_asked_for_unchanged(preset, controls, told):
    controls.preset.value = preset
    request = controls.request()
    assert (request.data, request.preset, request.changes()) == ("pictures", preset, {})
    assert request.config().plan == load_config(None, preset, {"data.folder": "pictures"}).plan
    assert set(told) <= {None}


@pytest.mark.parametrize(
    ("name", "moved", "setting", "value"),
    [
        ("train_from", "denseblock3", "model.train_from", "denseblock3"),
        ("epochs", 3, "training.epochs", 3),
        ("batch_size", 32, "training.batch_size", 32),
        ("seed", 7, "training.seed", 7),
        ("optimizer", "adamw", "training.optimizer", "adamw"),
        ("learning_rate", 0.0031622776601683795, "training.learning_rate", 0.00316),
        ("weight_decay", 0.05, "training.weight_decay", 0.05),
        ("schedule", "cosine", "training.schedule", "cosine"),
        ("warm_up", 0.30000000000000004, "training.warm_up", 0.3),
        ("reduce_lr_every", 0, "training.reduce_lr_every", None),
        ("reduce_lr_factor", 0.5, "training.reduce_lr_factor", 0.5),
        ("save_step", 100, "training.save_step", 100),
        ("min_epoch_to_save", 3, "training.min_epoch_to_save", 3),
        ("user_step", 10, "training.user_step", 10),
    ],
)
def test_what_is_moved_is_asked_for(name, moved, setting, value, controls, told):
    controls.fields[name].value = moved
    assert controls.request().changes() == {setting: value}
    assert told == [None]


def test_each_control_tells_the_name_of_its_setting(controls):
    for name, widget in controls.fields.items():
        tooltip = widget.tooltip if widget.has_trait("tooltip") else widget.description_tooltip
        assert tooltip == ("model.train_from" if name == "train_from" else f"training.{name}")


def test_every_setting_of_both_trainers_has_a_control():
    first = {"learning_rate", "epochs", "batch_size", "save_step", "min_epoch_to_save", "reduce_lr_every"}
    second = {"momentum", "reduce_lr_factor", "user_step", "accuracy_floor", "train_from", "optimizer"}
    assert first | second <= set(FIELDS)


@pytest.mark.parametrize(
    ("name", "start", "change", "reason"),
    [
        ("momentum", {}, {"optimizer": "sgd"}, "momentum: only sgd takes one"),
        ("layer_decay", {}, {"train_from": "denseblock4"}, "layer decay: a head is one layer"),
        ("accuracy_floor", {}, {"user_step": 5}, "accuracy floor: no checks are asked for"),
        (
            "reduce_lr_every",
            {"schedule": "cosine"},
            {"schedule": "steps"},
            "falls every (epochs): a cosine falls all the time",
        ),
        (
            "reduce_lr_factor",
            {"reduce_lr_every": None},
            {"reduce_lr_every": 2},
            "falls to: the rate never falls",
        ),
    ],
)
def test_what_has_no_effect_is_disabled_with_the_reason(name, start, change, reason, controls):
    controls.set(start)
    notes = lambda: "".join(note.value for note in controls._notes.values())  # noqa: E731
    assert controls.fields[name].disabled and reason in notes()
    for other, value in change.items():
        controls.fields[other].value = value
    assert not controls.fields[name].disabled and reason not in notes()


@pytest.mark.parametrize(
    ("before", "change", "left"),
    [
        ({"reduce_lr_every": 2, "reduce_lr_factor": 0.5}, {"schedule": "cosine"}, "schedule"),
        ({"user_step": 5, "accuracy_floor": 0.5}, {"user_step": None}, "user_step"),
        ({"optimizer": "sgd", "momentum": 0.5}, {"optimizer": "adam"}, "optimizer"),
    ],
)
def test_what_a_new_setting_makes_void_is_left_out(before, change, left, controls):
    controls.set(before)
    controls.set(change)
    told = controls.request().changes()
    assert set(told) <= {f"training.{left}"}
    with pytest.raises(ConfigError):
        controls.set({**before, **change, **({} if left != "user_step" else {"accuracy_floor": 0.4})})


def test_phases_may_be_set_where_none_were(controls):
    controls.set({"epochs": 7})
    controls.set({"phases": [{"train_from": "classifier"}, {"train_from": "all"}]})
    assert [phase.train_from for phase in controls.request().config().plan] == ["classifier", "all"]


def test_a_section_may_be_set_as_a_whole(controls):
    controls.set({"training": {"epochs": 7}, "model": {"train_from": "all"}})
    assert controls.fields["epochs"].value == 7
    assert controls.fields["train_from"].value == "all"


def test_a_section_may_be_set_as_a_model_of_what_changes(controls):
    controls.set({"training": TrainingConfig(epochs=7, patience=2)})
    assert controls.fields["epochs"].value == 7
    assert controls.request().changes() == {"training.epochs": 7, "training.patience": 2}
    controls.set({"preset": "head-then-full", "data": "others"})
    with pytest.raises(ConfigError, match="each of the phases says it itself"):
        controls.set({"training": TrainingConfig(epochs=7)})


def test_a_value_that_would_be_refused_without_effect_is_not_sent(controls):
    controls.preset.value = "full"
    controls.fields["momentum"].value = 0.5
    controls.fields["layer_decay"].value = 0.5
    assert controls.request().config().training.momentum == 0.5
    controls.fields["optimizer"].value = "adam"
    controls.fields["train_from"].value = "classifier"
    training = controls.request().config().training
    assert (training.momentum, training.layer_decay) == (None, 1.0)
    controls.fields["optimizer"].value = "sgd"
    assert controls.request().config().training.momentum == 0.5


class TestPhases:
    def test_each_phase_shows_its_own_settings(self, controls):
        assert controls.phase.layout.display == "none"
        controls.preset.value = "head-then-full"
        assert controls.phase.layout.display is None
        assert controls.fields["train_from"].value == "classifier"
        controls.phase.value = 1
        assert controls.fields["train_from"].value == "all"
        assert controls.fields["learning_rate"].value == 0.0005

    def test_what_is_moved_changes_the_phase_that_is_shown(self, controls):
        controls.preset.value = "head-then-full"
        controls.phase.value = 1
        controls.fields["epochs"].value = 2
        controls.phase.value = 0
        assert controls.fields["epochs"].value == 10
        assert controls.request().changes() == {"phases.1.training.epochs": 2}

    def test_a_whole_section_of_a_phase_is_told_as_what_differs(self, controls):
        controls.set({"preset": "head-then-full"})
        controls.set({"phases.1.training": {"epochs": 2}})
        assert controls.request().changes() == {"phases.1.training.epochs": 2}

    def test_back_to_a_preset_of_one_phase(self, controls):
        controls.preset.value = "head-then-full"
        controls.phase.value = 1
        controls.preset.value = "head"
        assert controls.request().changes() == {}
        assert controls.fields["epochs"].value == 10

    def test_phases_of_ones_own_are_shown_and_can_be_moved(self, told):
        phases = [{"train_from": "classifier"}, {"train_from": "all", "training": {"batch_size": 4}}]
        controls = Controls(Request("pictures", "head", {"phases": phases}), told)
        controls.phase.value = 1
        assert controls.fields["batch_size"].value == 4
        controls.fields["epochs"].value = 2
        assert controls.request().config().plan[1].training.epochs == 2
        controls.preset.value = "full"
        assert controls.request().changes() == {}

    def test_a_setting_that_each_phase_says_itself_is_refused_without_its_number(self, controls):
        controls.preset.value = "head-then-full"
        with pytest.raises(ConfigError, match=r"name the phase, such as phases\.0\.training\.epochs"):
            controls.set({"epochs": 3})
        controls.set({"phases.0.training.epochs": 3})
        assert controls.fields["epochs"].value == 3


class TestWhatHasNoControl:
    @pytest.mark.parametrize(("name", "value"), [("patience", 2), ("mixup", 0.2)])
    def test_it_reaches_the_phase_that_it_was_set_for(self, told, name, value):
        key = f"phases.1.training.{name}"
        assert name not in FIELDS
        for controls in (Controls(Request("pictures", "head-then-full", {key: value}), told), None):
            if controls is None:
                controls = Controls(Request("pictures", "head-then-full"), told)
                controls.set({key: value})
            assert controls.request().changes() == {key: value}
            controls.fields["epochs"].value = 3
            assert getattr(controls.request().config().plan[1].training, name) == value
            controls.preset.value = "head"
            assert set(controls.request().changes()) <= {"training.epochs"}

    def test_it_stays_when_another_preset_is_chosen(self, told):
        controls = Controls(Request("pictures", "head", {"data.image_size": 64, "training.epochs": 3}), told)
        assert controls.fields["epochs"].value == 3
        controls.preset.value = "full"
        assert controls.request().changes() == {"data.image_size": 64}

    def test_a_preset_that_does_not_go_with_it_is_told_and_not_chosen(self, told):
        settings = {"model.drop_rate": 0.2, "model.train_from": "denseblock4"}
        controls = Controls(Request("pictures", "head", settings), told)
        controls.preset.value = "head-original"
        assert "model.drop_rate has no effect" in str(told[-1])
        assert controls.preset.value == "head"
        assert controls.request().settings["model.train_from"] == "denseblock4"


class TestSetting:
    def test_values_beyond_the_ends_of_a_slider_make_it_longer(self, controls):
        controls.set({"learning_rate": 30.0, "reduce_lr_factor": 0.01, "warm_up": 0.95})
        assert controls.fields["learning_rate"].value == 30.0
        training = controls.request().config().training
        assert (training.learning_rate, training.reduce_lr_factor, training.warm_up) == (30.0, 0.01, 0.95)

    def test_a_value_is_not_rounded_by_being_shown(self, controls):
        controls.set({"learning_rate": 0.00123456, "accuracy_floor": 0.123456, "user_step": 5})
        assert controls.request().config().training.learning_rate == 0.00123456

    def test_a_cut_of_another_network_is_shown(self, controls):
        controls.set({"train_from": "denseblock7"})
        assert controls.fields["train_from"].value == "denseblock7"

    @pytest.mark.parametrize(
        ("values", "told"),
        [
            ({"epochs": 0}, "training.epochs is 0"),
            ({"epochs": "many"}, "training.epochs is 'many'"),
            ({"nothing": 1}, "nothing: no such setting"),
            ({"preset": "none"}, "no preset 'none'"),
            ({"preset": 3}, "no preset '3'"),
            ({"data": 3}, "the data is a int: expected the path of a folder"),
            ({"preset": None}, "no preset 'None'"),
            ({"folder": None}, "the data is a NoneType"),
            ({"data.folder": "x", "optimizer": "lion"}, "optimizer"),
        ],
    )
    def test_what_is_refused_changes_nothing(self, values, told, controls):
        before = controls.request()
        with pytest.raises(DensekitError, match=told):
            controls.set(values)
        assert controls.request() == before

    def test_the_folder_has_three_names(self, controls):
        for name in ("data", "folder", "data.folder"):
            controls.set({name: f"by {name}"})
            assert controls.folder.value == controls.request().data == f"by {name}"

    def test_a_folder_may_be_named_later(self, told):
        controls = Controls(Request(""), told)
        with pytest.raises(ConfigError, match="name a folder"):
            controls.request().config()
        controls.folder.value = "pictures"
        assert controls.request().config().data.folder.name == "pictures"
        assert told == [None]


@pytest.mark.parametrize("name", [name for name, field in FIELDS.items() if hasattr(field.make(), "min")])
def test_what_is_no_number_is_shown_in_each_phase_and_refused(name, controls):
    controls.preset.value = "head-then-full"
    controls.phase.value = 1
    controls.fields["optimizer"].value = "sgd"  # which alone has a momentum
    controls.fields["schedule"].value = "steps"  # which alone have a factor
    controls.fields["user_step"].value = 5  # of checks, which alone have a floor
    controls.fields[name].value = float("nan")
    controls.phase.value = 0
    controls.phase.value = 1
    with pytest.raises(ConfigError, match=f"phases.1.training.{name}"):
        controls.request().config()


def test_the_section_of_the_data_may_be_set_whole(controls):
    controls.set({"data": {"folder": "others", "image_size": 64}})
    assert controls.request().config().data.folder.name == "others"
    assert controls.request().config().data.image_size == 64
