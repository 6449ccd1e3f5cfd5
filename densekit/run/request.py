"""What a training is asked for, told in four ways that train the same: settings, YAML, a command, Python.

Each tells no more than what the preset does not say already.
"""

import copy
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from densekit.config import PRESETS, RunConfig, load_config
from densekit.config.explaining import short_names
from densekit.config.yaml_text import write_yaml
from densekit.errors import ConfigError, nearest
from densekit.run.trainer import resolve
from densekit.words import shown

_OPTIONS = {
    "training.epochs": "epochs",
    "model.train_from": "train_from",
    "model.weights": "weights",
}
"""Settings that `train` takes by a name of their own."""

Settings = dict[str, Any]


def full_name(name: str) -> str:
    """Return the key path of a setting that may be named without its section: 'epochs' is 'training.epochs'.

    Raises:
        ConfigError: there is no such setting.
    """
    if "." in name or name in RunConfig.model_fields:
        return name
    known = short_names(RunConfig)
    if name not in known:
        raise ConfigError(f"{name}: no such setting; {nearest(name, known)}")
    return known[name]


_OF_A_PHASE = re.compile(r"phases\.\d+\.training")


def full_names(settings: Mapping[str, Any]) -> Settings:
    """Return settings by their key paths, those of a section that is given whole, `training={…}`, one by one.

    Raises:
        ConfigError: there is no such setting.
    """
    found: Settings = {}
    for name, value in settings.items():
        key = full_name(name)
        if isinstance(value, Mapping) and (key in RunConfig.model_fields or _OF_A_PHASE.fullmatch(key)):
            found |= {f"{key}.{own}": copy.deepcopy(each) for own, each in value.items()}
        else:
            found[key] = copy.deepcopy(value)
    return found


def folder_text(data: Any) -> str:
    """Return the path of a folder as text.

    Raises:
        ConfigError: it is no path.
    """
    if not isinstance(data, str | Path):
        raise ConfigError(f"the data is a {type(data).__name__}: expected the path of a folder of images")
    return str(data)


@dataclass(frozen=True)
class Request:
    """A training that is asked for; nothing is checked before somebody wants to know.

    Args:
        data: the folder of images.
        preset: the configuration to start from.
        settings: what is changed of it, by key paths.
        out: the run folder; a new one below runs/ if not given.
    """

    data: str
    preset: str = "head"
    settings: Mapping[str, Any] = field(default_factory=dict)
    out: str | None = None

    def with_settings(self, settings: Mapping[str, Any]) -> "Request":
        """Return a request with some settings changed; names may go without their section.

        Raises:
            ConfigError: there is no such setting, or the folder is none.
        """
        named = full_names(settings)
        data = folder_text(named.pop("data.folder", self.data))
        return replace(self, data=data, settings={**self.settings, **named})

    def config(self) -> RunConfig:
        """Return the whole configuration, checked.

        Raises:
            ConfigError: with every problem that was found.
        """
        if self.preset not in PRESETS:
            raise ConfigError(f"no preset '{self.preset}': {nearest(str(self.preset), PRESETS)}")
        return resolve(None, self.data, self.preset, settings=copy.deepcopy(dict(self.settings)))

    def changes(self) -> Settings:
        """Return the settings that differ from the preset's, by key paths.

        Raises:
            ConfigError: the request can't be carried out.
        """
        mine = self.config()
        asked = mine.model_dump(mode="json")
        preset = load_config(None, self.preset, {"data.folder": self.data}).model_dump(mode="json")
        if "phases" in self.settings:  # a list of one's own has all that is set in it
            others = [key for key in self.settings if not key.startswith("phases")]
            return {**_changed(others, asked, preset), "phases": mine.phases_as_told()}
        return _changed(list(self.settings), asked, preset)

    def as_yaml(self) -> str:
        """Return the text of a file for `densekit train FILE`.

        Raises:
            ConfigError: the request can't be carried out.
        """
        tree: dict[str, Any] = {"preset": self.preset, "data": {"folder": self.data}}
        changes = self.changes()
        if any(key.startswith("phases.") for key in changes):  # in a file, a list is told as a whole
            changes = {key: value for key, value in changes.items() if not key.startswith("phases.")}
            changes["phases"] = self.config().phases_as_told()
        for key, value in changes.items():
            _put(tree, key.split("."), value)
        out = f" --out {shlex.quote(self.out)}" if self.out else ""
        return f"# train with: densekit train settings.yaml{shown(out)}\n{write_yaml(tree)}"

    def as_command(self) -> str:
        """Return the command line, for the shells of Linux and macOS.

        Raises:
            ConfigError: the request can't be carried out.
        """
        words = ["densekit", "train", "--data", self.data, "--preset", self.preset]
        for key, value in self.changes().items():
            if key in _OPTIONS:
                words += [f"--{_OPTIONS[key].replace('_', '-')}", str(value)]
            else:
                words += ["--set", f"{key}={write_yaml(value, on_one_line=True)}"]
        return shlex.join([*words, *(["--out", self.out] if self.out else [])])

    def as_python(self) -> str:
        """Return the lines of Python.

        Raises:
            ConfigError: the request can't be carried out.
        """
        changes = self.changes()
        arguments = {"data": self.data, "preset": self.preset}
        arguments |= {name: changes.pop(key) for key, name in _OPTIONS.items() if key in changes}
        lines = [f"    {name}={value!r}," for name, value in arguments.items()]
        if changes:
            inner = [f"        {key!r}: {value!r}," for key, value in changes.items()]
            lines += ["    settings={", *inner, "    },"]
        if self.out:
            lines.append(f"    out={self.out!r},")
        return "\n".join(["from densekit import train", "", "run = train(", *lines, ")"])


def _changed(keys: list[str], asked: Settings, preset: Settings) -> Settings:
    pairs = ((key, _at(asked, key), _at(preset, key)) for key in keys)
    return {key: mine for key, mine, theirs in pairs if mine != theirs}


def _at(tree: Any, key: str) -> Any:
    """Return what stands at a key path; None where the preset has no such phase."""
    for name in key.split("."):
        try:
            tree = tree[int(name)] if isinstance(tree, list) else tree[name]
        except (KeyError, IndexError, TypeError):
            return None
    return tree


def _put(tree: dict[str, Any], names: list[str], value: Any) -> None:
    for name in names[:-1]:
        tree = tree.setdefault(name, {})
    tree[names[-1]] = value
