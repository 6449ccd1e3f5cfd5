"""What was measured once and takes too long for a notebook: tables that come with the course.

Each is a JSON file in `notebooks/measured/`, written by one command, which stands in it beside the machine. A
notebook draws it and says so, and whoever doubts it runs the command.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from densekit.errors import CourseError, nearest
from densekit.files import bundled, read_json, write_json

if TYPE_CHECKING:
    import pandas as pd

_FOLDER = "measured"
_KEYS = ("command", "machine", "rows")


def read_measured(name: str, folder: Path | None = None) -> "pd.DataFrame":
    """Return a table that was measured, a row for each measurement; `attrs` holds its command and machine.

    Args:
        name: of the table, such as 'whole_network'.
        folder: of the course; the one that comes with densekit if not given.

    Raises:
        CourseError: there is no such table, or it is damaged.
    """
    import pandas as pd

    tables = (folder or bundled("notebooks")) / _FOLDER
    path = tables / f"{name}.json"
    if not path.is_file():
        known = sorted(one.stem for one in tables.glob("*.json"))
        told = nearest(name, known) if known else f"{tables} holds no tables"
        raise CourseError(f"nothing was measured under the name '{name}': {told}")
    try:
        found: Any = read_json(path)
    except (OSError, ValueError) as error:
        raise CourseError(f"the table {path} is damaged ({error}): put an intact copy back") from error
    if not isinstance(found, dict) or not all(key in found for key in _KEYS):
        raise CourseError(f"the table {path} is damaged: expected an object with {', '.join(_KEYS)}")
    rows = found["rows"]
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise CourseError(f"the table {path} is damaged: expected rows, each an object")
    table = pd.DataFrame(rows)
    table.attrs.update({key: found[key] for key in _KEYS[:2]})
    return table


def write_measured(path: Path, command: str, machine: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write a table for `read_measured`; what is no number is refused.

    Args:
        path: the JSON file.
        command: what measures it again.
        machine: what it was measured on.
        rows: what was measured.
    """
    write_json(path, {"command": command, "machine": machine, "rows": [dict(row) for row in rows]})
