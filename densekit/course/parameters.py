"""Parameters of a notebook, checked before it starts.

A misspelt parameter only makes papermill warn, and the notebook runs to its end on its own values; a number
that arrives as text fails many cells later. Here both are refused at once.
"""

import ast
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import papermill
import yaml

from densekit.config.yaml_text import parse_yaml
from densekit.errors import CourseError, nearest

_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text", list: "a list"}


def parameters_of(notebook: Path) -> dict[str, Any]:
    """Return the parameters of a notebook with their own values; None where one is not a literal."""
    inspected = papermill.inspect_notebook(str(notebook))
    return {name: _literal(entry["default"]) for name, entry in inspected.items()}


def assign_parameters(notebooks: Sequence[Path], wanted: Mapping[str, Any]) -> dict[Path, dict[str, Any]]:
    """Return, for each notebook, those of the wanted parameters that it has, in the type of its own values.

    Args:
        notebooks: the notebooks of a run.
        wanted: parameter names and values; a text is read as YAML would, so "3" fits a number and "[1, 2]" a
            list.

    Raises:
        CourseError: no notebook of the run has a parameter of that name, or a value is of the wrong type.
    """
    known = {notebook: parameters_of(notebook) for notebook in notebooks}
    everywhere = sorted({name for parameters in known.values() for name in parameters})
    for name in wanted:
        if name not in everywhere:
            hint = nearest(name, everywhere) if everywhere else "the notebooks of this run have no parameters"
            raise CourseError(f"no notebook has a parameter '{name}': {hint}")
    return {
        notebook: {
            name: _fitted(value, parameters[name], f"{notebook.stem}: parameter '{name}'")
            for name, value in wanted.items()
            if name in parameters
        }
        for notebook, parameters in known.items()
    }


def _fitted(value: Any, own: Any, where: str) -> Any:
    """Return the value in the type of the notebook's own."""
    kind = list if isinstance(own, list | tuple) else type(own)
    if kind is str and isinstance(value, str):
        return value
    read = _read(value)
    if kind is float and type(read) is int:
        return float(read)
    if kind is int and isinstance(read, float) and read.is_integer():
        return int(read)
    if kind in _WORDS and type(read) is not kind:
        raise CourseError(f"{where} is {value!r}: expected {_WORDS[kind]}, as in {own!r}")
    return read


def _read(value: Any) -> Any:
    if not isinstance(value, str):
        return list(value) if isinstance(value, tuple) else value
    try:
        return parse_yaml(value)
    except (yaml.YAMLError, ValueError):
        return value


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return None
