"""A training told as settings, YAML, a command and Python: each trains the same."""

import shlex
import shutil
import sys
from pathlib import Path

import pytest

from densekit import cli
from densekit.errors import ConfigError
from densekit.run.classifier import Run, load_run
from densekit.run.request import Request, full_name
from densekit.run.trainer import resolve


@pytest.fixture
def request_of_tiny(tiny: dict[str, object]) -> Request:
    """A request whose training takes milliseconds, on a folder with a name that shells stumble over."""
    folder = Path(str(tiny.pop("data.folder")))
    odd = folder.with_name("it's 사진 $HOME\\n")
    folder.rename(odd)
    return Request(str(odd)).with_settings(tiny)


SETTINGS = [
    ("head", {"epochs": 1, "learning_rate": 1e-5, "seed": 3}),
    ("head", {"train_from": "denseblock4", "epochs": 1, "data.augmentation.flip": True}),
    ("full", {"optimizer": "adam", "momentum": None, "epochs": 1, "warm_up": 0.2}),
    ("head-then-full", {"phases.0.training.epochs": 1, "phases.1.training.epochs": 1}),
    ("head-then-block4", {"phases.0.training.epochs": 1, "phases.1.training.epochs": 1}),
    ("head", {"phases": [{"train_from": "classifier", "training": {"epochs": 1}}]}),
]


@pytest.mark.parametrize(("preset", "settings"), SETTINGS)
@pytest.mark.slow
def test_each_form_trains_with_the_same_configuration(
    preset, settings, request_of_tiny, tmp_path, monkeypatch
):
    out = str(tmp_path / "a run")
    request = Request(request_of_tiny.data, preset, request_of_tiny.settings, out).with_settings(settings)
    wanted = request.config()

    file = tmp_path / "settings.yaml"
    file.write_text(request.as_yaml(), encoding="utf-8")
    assert resolve(file) == wanted

    lines: dict[str, Run] = {}
    exec(request.as_python(), lines)
    assert lines["run"].config == wanted
    assert lines["run"].folder == Path(out)

    shutil.rmtree(out)
    monkeypatch.setattr(sys, "argv", shlex.split(request.as_command()))
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert not ended.value.code
    assert load_run(out).config == wanted


def test_only_what_the_preset_does_not_say_is_told():
    request = Request("pictures").with_settings({"epochs": 10, "learning_rate": 0.01, "optimizer": "adam"})
    assert request.changes() == {"training.learning_rate": 0.01}
    assert (
        request.as_command()
        == "densekit train --data pictures --preset head --set training.learning_rate=0.01"
    )
    assert request.as_yaml().splitlines()[1:] == [
        "preset: head",
        "data:",
        "  folder: pictures",
        "training:",
        "  learning_rate: 0.01",
    ]


def test_a_setting_is_found_without_its_section():
    assert full_name("epochs") == "training.epochs"
    assert full_name("image_size") == "data.image_size"
    assert full_name("weights") == "model.weights"
    assert full_name("phases") == "phases"
    assert full_name("data.augmentation.flip") == "data.augmentation.flip"


def test_one_that_is_not_there_is_refused_with_the_nearest():
    with pytest.raises(ConfigError, match="epoch: no such setting; did you mean 'epochs'"):
        Request("pictures").with_settings({"epoch": 3})


@pytest.mark.parametrize(
    ("preset", "settings", "told"),
    [
        ("heda", {}, "no preset 'heda': did you mean 'head'"),
        ("head", {"epochs": 0}, "training.epochs is 0"),
        ("head", {"momentum": 0.9}, "adam has averages of its own"),
        ("head-then-full", {"epochs": 3}, "each of the phases says itself how many it takes"),
        ("head", {"data.image_sise": 64}, "image_size"),
    ],
)
def test_what_can_not_be_trained_is_told_by_every_form(preset, settings, told):
    request = Request("pictures", preset).with_settings(settings)
    for form in (request.config, request.as_yaml, request.as_command, request.as_python):
        with pytest.raises(ConfigError, match=told):
            form()


def test_a_section_given_whole_is_its_settings_one_by_one():
    request = Request("pictures").with_settings({"training": {"epochs": 7}, "data": {"folder": "others"}})
    assert request == Request("others").with_settings({"epochs": 7})


@pytest.mark.parametrize(
    "settings", [{"training.epochs": None}, {"model.weights": [3]}, {"model.weights": None}]
)
def test_it_refuses_what_a_training_refuses(settings):
    with pytest.raises(ConfigError, match=r"training\.epochs is None|model\.weights is"):
        Request("pictures").with_settings(settings).config()


def test_an_empty_folder_name_is_refused():
    with pytest.raises(ConfigError, match="name a folder"):
        Request(" ").as_command()


def test_a_name_with_a_line_break_stays_in_its_comment(tmp_path):
    request = Request("pictures", out="run\ndata: {folder: /elsewhere}")
    (tmp_path / "settings.yaml").write_text(request.as_yaml(), encoding="utf-8")
    assert resolve(tmp_path / "settings.yaml").data.folder.name == "pictures"


ODD_NAMES = [
    *("0809", "08", "-0809", "010", "0x1F", "0b1", "1_000", "1:30", "1:30.5", "-1", "+1", "12", "1.5", "1."),
    *(".5", "1\u0663.", "1e5", "1e-3", "1.e5", "1.5e+3", "-1E5", "+.5e1", ".inf", "-.INF", ".NaN", "2024"),
    *("2020-01-01", "yes", "No", "on", "true", "null", "~", "=", "<<", "-", "- a", "? a", "a: b", "a #b"),
    *("#a", "&a", "*a", "!a", "!!int 3", "%a", "@a", "`a", "[a", "a]", "{a", "'a", '"a', "a'b", "a,b", ","),
    *(
        "|",
        ">",
        "---",
        "...",
        "a  b",
        "a\\nb",
        "a\nb",
        "a\tb",
        "a\x85b",
        "a\u2028b",
        "\ufeffa",
        "사진 2",
        "a\xa0",
        "\xa0]",
    ),
    "a\udcffb",  # with a byte that is no UTF-8
    "a rather long name of a folder that would be folded if it were a part of a text in several lines, 0809",
]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_name_stays_a_name_whatever_it_looks_like(name, tmp_path):
    request = Request(name).with_settings({"model.architecture": name, "data.image_size": 64})
    (tmp_path / "settings.yaml").write_text(request.as_yaml(), encoding="utf-8")
    assert resolve(tmp_path / "settings.yaml") == request.config()
    words = shlex.split(request.as_command())
    settings = [words[place + 1] for place, word in enumerate(words) if word == "--set"]
    assert resolve(None, words[words.index("--data") + 1], "head", settings=settings) == request.config()


def test_values_that_are_given_are_not_changed_by_what_is_made_of_them():
    phases = [{"train_from": "classifier"}]
    request = Request("pictures").with_settings({"phases": phases, "phases.0.training.epochs": 2})
    assert request.config().plan[0].training.epochs == 2
    assert phases == [{"train_from": "classifier"}]
    assert request.changes() == {"phases": [{"train_from": "classifier", "training": {"epochs": 2}}]}
