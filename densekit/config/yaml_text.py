"""YAML, read so that whatever is wrong with it is told in a sentence, and nothing in it is ever run."""

import re
from pathlib import Path
from typing import Any, ClassVar

import yaml

from densekit.errors import ConfigError, nearest, one_line
from densekit.files import is_folder, read_text

_MOST_DIGITS = 400  # no float is larger, and Python refuses to read ten times as many
_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
_TEXT = "tag:yaml.org,2002:str"


def read_yaml(file: Path) -> dict[str, Any]:
    """Return the settings in a file.

    Raises:
        ConfigError: there is no such file, or it holds something else.
    """
    if is_folder(file):
        raise ConfigError(
            f"{file} is a folder, but a YAML file of settings is expected here. Pictures are named with --data: "
            f"--data {file}"
        )
    try:
        values = parse_yaml(read_text(file, at_most=1024**2))
    except FileNotFoundError as error:
        if "=" in file.name:
            raise ConfigError(
                f"'{file}' is a setting, but a YAML file of settings is expected here: write --set before each, "
                f"--set {file}"
            ) from error
        siblings = [path.name for path in file.parent.glob("*.y*ml")]
        hint = f": {nearest(file.name, siblings)}" if siblings else ""
        raise ConfigError(
            f"no configuration file {file}{hint or '. Settings are given one by one: --set key=value'}"
        ) from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{file} is not valid YAML: {_told(error)}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file} is no text, but a YAML file of settings is expected here") from error
    except (OSError, ValueError) as error:
        raise ConfigError(f"{file} can't be read: {one_line(error)}") from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(f"{file}: expected sections such as `training:` with settings below them")
    return values


def _told(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    if mark is not None and "character '\\t'" in str(getattr(error, "problem", "")):
        return f"line {mark.line + 1} begins with a tab: YAML takes spaces alone"
    return one_line(error)


class _Loader(yaml.SafeLoader):
    """YAML without references: a few lines of references to references stand for more than memory holds.

    A key that stands twice is refused, where YAML would keep the last one and lose the first. And a number is
    what it looks like: YAML 1.1 reads 010 as eight, 1:30 as ninety, and 1e-3 as a text.
    """

    yaml_implicit_resolvers: ClassVar[Any] = {  # type: ignore[misc]
        first: [pair for pair in pairs if pair[0] not in _NUMBERS]
        for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """Return a section, each key of which stands once."""
        first: dict[str, int] = {}
        for key_node, _ in node.value:
            key = key_node.value
            if isinstance(key, str) and key in first:
                problem = f"'{key}' stands in line {first[key]} already, and one of the two would be lost"
                raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
            if isinstance(key, str):
                first[key] = key_node.start_mark.line + 1
        return super().construct_mapping(node, deep)

    def construct_yaml_int(self, node: Any) -> int:
        """Return a whole number, read with base ten."""
        digits = self.construct_scalar(node)
        if len(digits) > _MOST_DIGITS:
            raise ValueError(f"a whole number has {len(digits)} digits")
        return int(digits)

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            event: Any = self.peek_event()  # type: ignore[no-untyped-call]
            problem = f"a reference (*{event.anchor}), which settings don't need: write the value out"
            raise yaml.constructor.ConstructorError(None, None, problem, event.start_mark)
        return super().compose_node(parent, index)


class _Dumper(yaml.SafeDumper):
    """YAML in which a text stays a text: what the loader, or YAML 1.1, takes for something else is in quotes."""

    def represent_str(self, data: str) -> Any:
        """Return a text; within single quotes, NEL, a break of a line, would come back as another one."""
        return self.represent_scalar(_TEXT, data, style='"' if "\x85" in data else None)


_WHOLE = re.compile(r"[-+]?[0-9]+\Z")
_FLOAT = re.compile(
    r"(?:[-+]?(?:\d+\.\d*|\.\d+|\d+(?=[eE]))(?:[eE][-+]?\d+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z"
)
_Loader.add_constructor(_NUMBERS[0], _Loader.construct_yaml_int)
_Dumper.add_representer(str, _Dumper.represent_str)
for _kind in (_Loader, _Dumper):  # what reads and what writes agree on what a number is
    _kind.add_implicit_resolver(_NUMBERS[0], _WHOLE, list("-+0123456789"))
    _kind.add_implicit_resolver(_NUMBERS[1], _FLOAT, list("-+0123456789."))


def write_yaml(value: Any, on_one_line: bool = False) -> str:
    """Return settings as YAML, which `parse_yaml` reads back as they are; or one value, for `--set`."""
    if not on_one_line:
        return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True)
    text = yaml.dump(value, Dumper=_Dumper, default_flow_style=True, width=float("inf"), allow_unicode=True)
    return text.removesuffix("...\n").rstrip("\n")


def parse_yaml(text: str) -> Any:
    """Read YAML; a YAMLError or a ValueError says whatever is wrong with it."""
    try:
        return yaml.load(text, Loader=_Loader)
    except RecursionError:
        raise ValueError("its brackets are nested too deeply") from None
    except (TypeError, AttributeError, LookupError, OverflowError) as error:  # of a tag on what is none
        raise ValueError(f"a value is not what its tag says ({one_line(error)})") from error
