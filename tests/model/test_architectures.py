"""Which DenseNet: the JSON files and what is refused in them."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from densekit.errors import ConfigError
from densekit.model.architectures import ARCHITECTURES, DenseNetConfig, read_architecture
from densekit.model.zoo import build


def written(folder: Path, text: str) -> Path:
    path = folder / "mine.json"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_four_variants_of_the_paper_come_with_the_package() -> None:
    assert ARCHITECTURES == ("densenet121", "densenet161", "densenet169", "densenet201")


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_depth_is_the_number_in_the_name(architecture: str) -> None:
    assert f"densenet{read_architecture(architecture).depth}" == architecture


@pytest.mark.parametrize(
    ("architecture", "features"),
    [("densenet121", 1024), ("densenet161", 2208), ("densenet169", 1664), ("densenet201", 1920)],
)
def test_length_of_the_embedding(architecture: str, features: int) -> None:
    assert read_architecture(architecture).num_features == features


def test_a_file_of_your_own_is_a_network_of_your_own(tmp_path: Path) -> None:
    path = written(tmp_path, '{"growth_rate": 12, "block_config": [2, 2], "num_init_features": 24}')
    expected = DenseNetConfig(growth_rate=12, block_config=(2, 2), num_init_features=24)
    assert read_architecture(path) == read_architecture(str(path)) == expected


def test_what_a_file_leaves_out_is_densenet121s(tmp_path: Path) -> None:
    assert read_architecture(written(tmp_path, '{"growth_rate": 16}')).block_config == (6, 12, 24, 16)


@pytest.mark.parametrize(
    ("name", "hint"),
    [("densenet12", "did you mean 'densenet121'"), ("resnet", "known are"), ("x" * 5000, "known are")],
)
def test_an_unknown_name_is_refused_with_the_nearest(name: str, hint: str) -> None:
    with pytest.raises(ConfigError, match=rf"no architecture '{name}': .*{hint}"):
        read_architecture(name)


def test_a_file_that_is_not_there_is_no_misspelt_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no file .*mine\.json with the numbers .* put it back"):
        read_architecture(tmp_path / "mine.json")


def test_a_misspelt_key_is_refused_with_the_nearest(tmp_path: Path) -> None:
    path = written(tmp_path, '{"growth_rat": 32}')
    with pytest.raises(
        ConfigError, match=r"mine\.json: unknown key 'growth_rat': did you mean 'growth_rate'\?"
    ):
        read_architecture(path)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("growth_rate", 0),
        ("growth_rate", -4),
        ("growth_rate", 1.5),
        ("growth_rate", True),
        ("growth_rate", None),
        ("bn_size", "4"),
        ("num_init_features", [64]),
        ("block_config", []),
        ("block_config", [6, 0]),
        ("block_config", 6),
        ("block_config", "6, 12"),
    ],
)
def test_an_impossible_value_is_refused_and_named(tmp_path: Path, key: str, value: object) -> None:
    path = written(tmp_path, json.dumps({key: value}))
    with pytest.raises(ConfigError, match=rf"mine\.json: {key} is .*: expected"):
        read_architecture(path)


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", "3"])
def test_a_file_that_is_not_a_json_object_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match=r"mine\.json"):
        read_architecture(written(tmp_path, text))


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"mine\.json can't be read as JSON"):
        read_architecture(path)


# The largest number of each kind that a published DenseNet has: 161 and 264, on ImageNet; and 190, on CIFAR.
PUBLISHED = [
    DenseNetConfig(48, (6, 12, 36, 24), 96),
    DenseNetConfig(48, (6, 12, 64, 48), 96),
    DenseNetConfig(40, (31, 31, 31), 80),
]


@pytest.mark.parametrize("config", PUBLISHED)
@pytest.mark.parametrize("key", ["growth_rate", "block_config", "num_init_features", "bn_size"])
def test_ten_times_what_is_published_is_still_a_network(config: DenseNetConfig, key: str) -> None:
    value = getattr(config, key)
    larger = tuple(10 * one for one in value) if isinstance(value, tuple) else 10 * value
    assert getattr(replace(config, **{key: larger}), key) == larger


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("growth_rate", 10**9, "growth_rate is 1000000000: expected a whole number from 1 to 1,000"),
        ("num_init_features", 1001, "num_init_features is 1001: expected a whole number from 1 to 1,000"),
        ("bn_size", 101, "bn_size is 101: expected a whole number from 1 to 100"),
        ("block_config", [6, 10**6], "block_config is .*: expected a list of whole numbers from 1 to 1,000"),
        ("block_config", [1] * 51, "block_config has 51 blocks: expected 50 or fewer"),
    ],
)
def test_a_number_beyond_all_networks_is_refused_before_any_memory_is_asked_for(
    tmp_path: Path, key: str, value: object, told: str
) -> None:
    with pytest.raises(ConfigError, match=rf"mine\.json: {told}"):
        build(str(written(tmp_path, json.dumps({key: value}))), "none")


def test_numbers_that_are_too_large_together_are_refused_with_what_they_come_to(tmp_path: Path) -> None:
    path = written(tmp_path, '{"growth_rate": 1000, "bn_size": 100}')
    with pytest.raises(
        ConfigError, match=r"mine\.json: the network would have about [\d,]+ parameters: expected"
    ):
        build(str(path), "none")
