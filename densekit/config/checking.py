"""Settings laid over each other, and held against the schema; every problem is told at once."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from densekit.config.explaining import explain
from densekit.config.yaml_text import parse_yaml
from densekit.errors import ConfigError, one_line

Schema = TypeVar("Schema", bound=BaseModel)


def read_overrides(overrides: Mapping[str, Any] | Iterable[str]) -> dict[str, Any]:
    """Return overrides by their key paths; values in texts (`"training.epochs=3"`) are read as YAML.

    Raises:
        ConfigError: a text is not of the form key.path=value.
    """
    return dict(overrides) if isinstance(overrides, Mapping) else dict(map(_read_pair, overrides))


def overridden(
    schema: type[Schema],
    values: dict[str, Any],
    overrides: Mapping[str, Any] | Iterable[str],
    where: str = "",
) -> Schema:
    """Return values with some of them changed, as the schema has them.

    Args:
        schema: of all settings.
        values: by section and key.
        overrides: what is changed, as for `read_overrides`.
        where: stands before the problems, such as 'mine.yaml: '.

    Raises:
        ConfigError: with every problem that was found, each with its key path.
    """
    for key, value in read_overrides(overrides).items():
        _set(values, key, value)
    values = _with_whole_phases(values)
    try:
        return schema.model_validate(values)
    except ValidationError as error:
        problems = [explain(problem, schema) for problem in error.errors()]
    heading = "the configuration has a problem" if len(problems) == 1 else f"{len(problems)} problems"
    raise ConfigError("\n  ".join([f"{where}{heading}:", *problems]))


def merge(base: dict[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Lay one tree of settings over another; a section left empty (`training:`) changes nothing."""
    merged = dict(base)
    for key, value in over.items():
        if isinstance(value, Mapping) and isinstance(merged.get(key), Mapping):
            merged[key] = merge(dict(merged[key]), value)
        elif value is not None or not isinstance(merged.get(key), Mapping):
            merged[key] = value
    return merged


def _with_whole_phases(values: dict[str, Any]) -> dict[str, Any]:
    """Complete what a phase says of its training by what `training` says."""
    phases = values.get("phases")
    if not isinstance(phases, list | tuple) or not all(isinstance(phase, dict) for phase in phases):
        return values
    base = values.get("training") or {}
    whole = [{**phase, "training": merge(base, phase.get("training") or {})} for phase in phases]
    return {**values, "phases": whole}


def _read_pair(text: str) -> tuple[str, Any]:
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
    place[key] = value


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
        raise ConfigError(f"{path}: no such setting; '{name}' is a setting itself, not a section")
    return found
