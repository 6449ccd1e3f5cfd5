"""Settings laid over each other, and held against the schema; every problem is told at once."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from densekit.config.explaining import explain
from densekit.config.yaml_text import parse_yaml
from densekit.errors import ConfigError, one_line

Schema = TypeVar("Schema", bound=BaseModel)

_FORMS = "expected {'training.epochs': 3} or ['training.epochs=3']"


def read_overrides(overrides: Mapping[str, Any] | Iterable[str]) -> dict[str, Any]:
    """Return overrides by their key paths; values in texts (`"training.epochs=3"`) are read as YAML.

    A section, or phases in their list, may be given as a model, too. It stands for what was named when it was
    made, and for no default: `{"training": TrainingConfig(epochs=3)}` is `{"training": {"epochs": 3}}`.

    Raises:
        ConfigError: a text is not of the form key.path=value, or a name is no text.
    """
    if isinstance(overrides, Mapping):
        pairs = [(key, plain(value)) for key, value in overrides.items()]
    elif isinstance(overrides, Iterable) and not isinstance(overrides, str | bytes):
        pairs = [_read_pair(text) for text in overrides]
    else:
        raise ConfigError(f"settings are {overrides!r}: {_FORMS}")
    for key, _ in pairs:
        if not isinstance(key, str) or not all(key.split(".")):
            raise ConfigError(f"{key!r} is not the name of a setting: {_FORMS}")
    return dict(pairs)


def overridden(
    schema: type[Schema],
    values: dict[str, Any],
    overrides: Mapping[str, Any] | Iterable[str],
    where: str = "",
    besides: Iterable[str] = (),
) -> Schema:
    """Return values with some of them changed, as the schema has them.

    Args:
        schema: of all settings.
        values: by section and key.
        overrides: what is changed, as for `read_overrides`.
        where: stands before the problems, such as 'mine.yaml: '.
        besides: what could be meant besides the settings, when one is misspelt.

    Raises:
        ConfigError: with every problem that was found, each with its key path.
    """
    for key, value in read_overrides(overrides).items():
        _set(values, key, value)
    try:
        return schema.model_validate(values)
    except ValidationError as error:
        problems = [explain(problem, schema, besides) for problem in _each_once(error.errors())]
    heading = "the configuration has a problem" if len(problems) == 1 else f"{len(problems)} problems"
    raise ConfigError("\n  ".join([f"{where}{heading}:", *problems]))


def _each_once(problems: Sequence[Any]) -> list[Any]:
    """Leave out what is wrong with a phase because it is wrong with `training`, which phases take over."""
    own = [(problem["loc"], problem["input"]) for problem in problems if problem["loc"][:1] == ("training",)]
    return [
        problem
        for problem in problems
        if problem["loc"][:1] != ("phases",) or (problem["loc"][2:], problem["input"]) not in own
    ]


def merge(base: dict[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Lay one tree of settings over another; a section left empty (`training:`) changes nothing."""
    merged = dict(base)
    for key, value in over.items():
        if isinstance(value, Mapping) and isinstance(merged.get(key), Mapping):
            merged[key] = merge(dict(merged[key]), value)
        elif value is not None or not isinstance(merged.get(key), Mapping):
            merged[key] = value
    return merged


def with_whole_phases(values: dict[str, Any]) -> dict[str, Any]:
    """Complete what a phase says of its training by what `training` says."""
    phases, base = plain(values.get("phases")), plain(values.get("training"))
    if not isinstance(phases, list) or not all(isinstance(phase, dict) for phase in phases):
        return values
    if base is not None and not isinstance(base, Mapping):
        return values  # which the schema refuses
    return {**values, "phases": [_with_whole_training(phase, base or {}) for phase in phases]}


def _with_whole_training(phase: dict[str, Any], base: Mapping[str, Any]) -> dict[str, Any]:
    own = phase.get("training")
    if own is not None and not isinstance(own, Mapping):
        return phase
    return {**phase, "training": merge(dict(base), own or {})}


def plain(value: Any) -> Any:
    """Return settings without models: in the place of each, what was named when it was made."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_unset=True)
    if isinstance(value, Mapping):
        return {key: plain(own) for key, own in value.items()}
    return [plain(own) for own in value] if isinstance(value, list | tuple) else value


def _read_pair(text: Any) -> tuple[str, Any]:
    if not isinstance(text, str):
        raise ConfigError(f"{text!r} is not a setting: {_FORMS}")
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise ConfigError(f"'{text}' is not a setting: expected key.path=value, as in training.epochs=3")
    try:
        return key.strip(), parse_yaml(value)
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"{key}: the value '{value}' can't be read: {one_line(error)}") from error


def _set(values: dict[str, Any], path: str, value: Any) -> None:
    *sections, key = path.split(".")
    place: Any = values
    for name in sections:
        place = _below(place, name, path)
    if not isinstance(place, dict):
        raise ConfigError(
            f"{path}: the phases have numbers, from 0: expected phases.0.train_from, for example"
        )
    if isinstance(value, Mapping) and isinstance(place.get(key), Mapping):
        place[key] = merge(place[key], value)  # a section given whole says what it changes, as in a file
    else:
        place[key] = list(value) if isinstance(value, tuple) else value


def _below(place: Any, name: str, path: str) -> Any:
    """Return what stands below a name: a section, made if need be, or one of the phases, by its number."""
    if isinstance(place, list):
        found = place[int(name)] if name.isdecimal() and int(name) < len(place) else None
        if not isinstance(found, dict):
            last = f"the last one is phases.{len(place) - 1}" if place else "the configuration lists none"
            raise ConfigError(f"{path}: there is no phase '{name}'; {last}")
        return found
    found = place.setdefault(name, {})
    if not isinstance(found, dict | list):
        raise ConfigError(f"{path}: '{name}' is {found!r}, so it can't be a section with settings below it")
    return found
