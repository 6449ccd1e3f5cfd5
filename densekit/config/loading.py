"""A configuration put together: the preset, then a file, then what is set one by one."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from densekit.config.checking import merge, overridden
from densekit.config.sections import RunConfig
from densekit.config.yaml_text import read_yaml
from densekit.errors import ConfigError, nearest
from densekit.files import named

_PRESETS = Path(__file__).parents[1] / "presets"

_SECTIONS = RunConfig.model_fields.keys() - {"phases"}

PRESETS: tuple[str, ...] = tuple(sorted(path.stem for path in _PRESETS.glob("*.yaml")))
"""Names of the ready-made configurations."""


def load_config(
    file: Path | str | None = None,
    preset: str | None = None,
    overrides: Mapping[str, Any] | Iterable[str] = (),
) -> RunConfig:
    """Put a configuration together: the preset, then the file, then the overrides.

    Args:
        file: a YAML file. A top-level key `preset` names the preset it builds on.
        preset: name of a preset; 'head' if neither this nor the file names one.
        overrides: `{"training.epochs": 3}` or `["training.epochs=3"]`; values in texts are read as YAML.

    Raises:
        ConfigError: with every problem that was found, each with its key path.
        DataError: the name of the file is empty.
    """
    values = read_settings(file)
    of_file = values.pop("preset", None)
    chosen = preset if preset is not None else of_file if of_file is not None else "head"
    merged = merge(_read_preset(chosen), values)
    where, besides = (f"{file}: ", ["preset"]) if file is not None else ("", [])
    return overridden(RunConfig, merged, overrides, where, besides)


def read_settings(file: Path | str | None) -> dict[str, Any]:
    """Return the settings in a YAML file, without sections that are left empty; none where no file is given.

    Raises:
        ConfigError: there is no such file, or it holds something else.
        DataError: the name is empty.
    """
    values = {} if file is None else read_yaml(named(file))
    return {key: value for key, value in values.items() if value is not None or key not in _SECTIONS}


def _read_preset(name: Any) -> dict[str, Any]:
    if not isinstance(name, str) or name not in PRESETS:
        raise ConfigError(f"no preset '{name}': {nearest(str(name), PRESETS)}")
    return read_yaml(_PRESETS / f"{name}.yaml")
