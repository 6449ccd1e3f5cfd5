"""YAML, read so that whatever is wrong with it is told in a sentence, and nothing in it is ever run."""

from pathlib import Path
from typing import Any

import yaml

from densekit.errors import ConfigError, nearest, one_line
from densekit.files import read_text


def read_yaml(file: Path) -> dict[str, Any]:
    """Return the settings in a file.

    Raises:
        ConfigError: there is no such file, or it holds something else.
    """
    try:
        values = parse_yaml(read_text(file, at_most=1024**2))
    except FileNotFoundError as error:
        siblings = [path.name for path in file.parent.glob("*.y*ml")]
        hint = f": {nearest(file.name, siblings)}" if siblings else ""
        raise ConfigError(
            f"no configuration file {file}{hint or '. Settings are given one by one: --set key=value'}"
        ) from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{file} is not valid YAML: {one_line(error)}") from error
    except (OSError, ValueError) as error:
        raise ConfigError(f"{file} can't be read: {one_line(error)}") from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(f"{file}: expected sections such as `training:` with settings below them")
    return values


class _Loader(yaml.SafeLoader):
    """YAML without references: a few lines of references to references stand for more than memory holds."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            event: Any = self.peek_event()  # type: ignore[no-untyped-call]
            problem = f"a reference (*{event.anchor}), which settings don't need: write the value out"
            raise yaml.constructor.ConstructorError(None, None, problem, event.start_mark)
        return super().compose_node(parent, index)


def parse_yaml(text: str) -> Any:
    """Read YAML; a YAMLError or a ValueError says whatever is wrong with it."""
    try:
        return yaml.load(text, Loader=_Loader)
    except RecursionError:
        raise ValueError("its brackets are nested too deeply") from None
    except (TypeError, AttributeError, KeyError) as error:  # what a tag such as !!int meets that is none
        raise ValueError(f"a value is not what its tag says ({one_line(error)})") from error
