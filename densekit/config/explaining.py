"""What pydantic finds wrong with settings, in words that say where, what, and what was expected."""

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel

from densekit.errors import nearest

Schema = type[BaseModel]


def explain(problem: Any, schema: Schema, besides: Iterable[str] = ()) -> str:
    """Put one of pydantic's findings about settings into a line.

    Args:
        problem: one of `ValidationError.errors()`.
        schema: what they were held against.
        besides: what could be meant besides the settings, when one is misspelt.
    """
    path = ".".join(str(part) for part in problem["loc"])
    if not problem["loc"]:
        return str(problem["msg"]).removeprefix("Value error, ")
    if problem["type"] == "invalid_key":
        return f"{problem['input']!r}: no such setting; a setting's name is a text"
    if problem["type"] == "extra_forbidden":
        return f"{path}: no such setting; {_nearest_setting(problem['loc'], schema, besides)}"
    if path == "data.folder" and problem["type"] == "missing":
        return "data.folder: which images? Name a folder with --data DIR or `data: {folder: DIR}`"
    if problem["type"] == "missing":
        return f"{path}: is missing"
    if problem["type"] == "value_error" and isinstance(problem["input"], Mapping):
        return f"{path}: {problem['msg'].removeprefix('Value error, ')}"
    if problem["type"] == "model_type":
        return f"{path}: expected a section with settings below it, found {problem['input']!r}"
    if problem["type"] == "tuple_type":
        return f"{path}: expected a list, found {problem['input']!r}"
    return f"{path} is {problem['input']!r}: {_expected(problem)}"


_EXPECTED = {
    "int_parsing": "expected a whole number, such as 10",
    "int_type": "expected a whole number, such as 10",
    "int_from_float": "expected a whole number, such as 10",
    "float_parsing": "expected a number, such as 1.5",
    "float_type": "expected a number, such as 1.5",
    "bool_parsing": "expected true or false",
    "bool_type": "expected true or false",
    "string_type": "expected a text",
    "path_type": "expected a text; put a name such as 2024, 2020-01-01 or yes in quotes",
}
"""What is expected, by pydantic's name of the problem; its own sentences speak of inputs and parsing."""


def _expected(problem: Any) -> str:
    if problem["type"] in _EXPECTED:
        return _EXPECTED[problem["type"]]
    if problem["type"] == "literal_error":
        choices = problem["ctx"]["expected"]
        close = get_close_matches(str(problem["input"]), re.findall("'(.*?)'", choices), n=1, cutoff=0.6)
        return f"expected {choices}" + (f"; did you mean '{close[0]}'?" if close else "")
    told = problem["msg"].removeprefix("Value error, ")
    return f"{told[0].lower()}{told[1:]}"


def _nearest_setting(location: tuple[Any, ...], schema: Schema, besides: Iterable[str]) -> str:
    """Return a hint that names the nearest setting: of the same section, or else of any other."""
    name, siblings = str(location[-1]), _known_keys(location[:-1], schema)
    elsewhere = short_names(schema)
    if name in elsewhere.values():  # a key path, as overrides have them, in a file
        section, _, key = name.partition(".")
        return f"write `{section}: {{{key}: …}}`"
    if location[0] == "phases" and f"training.{name}" in elsewhere.values():
        return f"did you mean '{'.'.join(map(str, location[:-1]))}.training.{name}'?"
    if len(location) == 1:
        siblings = [*siblings, *besides]
    close = get_close_matches(name, siblings, n=1, cutoff=0.6)
    other = get_close_matches(name, elsewhere, n=1, cutoff=0.6)
    if not close and other:
        return f"did you mean '{elsewhere[other[0]]}'?"
    section = ".".join(map(str, location[:-1]))
    if close and section:
        return f"did you mean '{section}.{close[0]}'?"
    return nearest(name, siblings)


def short_names(schema: Schema) -> dict[str, str]:
    """Return the key paths of all settings by their names without a section: 'epochs' is 'training.epochs'."""
    return {
        key: f"{section}.{key}"
        for section in schema.model_fields
        if section != "phases"
        for key in _known_keys([section], schema)
    }


def _known_keys(section: Iterable[Any], schema: Schema) -> list[str]:
    model = schema
    for name in section:
        if isinstance(name, str):  # else the number of a phase
            annotation = model.model_fields[name].annotation
            (model,) = (one for one in (annotation, *get_args(annotation)) if _is_section(one))
    return list(model.model_fields)


def _is_section(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
