"""The key result of a notebook: one line that the notebook shows and the batch run reads.

# %% tags=["result"]
record_result(val_accuracy=0.94, classes=8)
"""

import json
from typing import TYPE_CHECKING, Any

from IPython.display import display

from densekit.errors import CourseError

if TYPE_CHECKING:
    from nbformat import NotebookNode

MIME = "application/vnd.densekit.result+json"
CHECK_MIME = "application/vnd.densekit.check+json"
"""Under this name the output of an exercise's check says how it went: {"exercise": 1, "state": "passed"}."""
GUESS_MIME = "application/vnd.densekit.guess+json"
"""Under this name a prediction says whether there is a guess: {"question": "channels", "made": false}."""


def record_result(**values: Any) -> None:
    """Show the key result of this notebook, and hand it to the table of `densekit course run`.

    Args:
        values: numbers, texts or booleans under the names they shall have in the table; 0-d arrays and
            tensors are taken as numbers.

    Raises:
        CourseError: no value at all, or one of another type.
    """
    if not values:
        raise CourseError(
            "record_result() needs at least one value, such as record_result(val_accuracy=0.94)"
        )
    plain = {name: _plain(name, value) for name, value in values.items()}
    display({"text/plain": f"result: {result_line(plain)}", MIME: plain}, raw=True)


def result_line(values: dict[str, Any]) -> str:
    """Return a result as one line of text: 'val_accuracy 0.94 · classes 8'."""
    return " · ".join(f"{name} {_short(value)}" for name, value in values.items())


def read_result(notebook: "NotebookNode") -> dict[str, Any] | None:
    """Return the result that an executed notebook recorded last, or None."""
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    recorded = [output.data[MIME] for output in outputs if MIME in output.get("data", {})]
    return dict(recorded[-1]) if recorded else None


def _plain(name: str, value: Any) -> Any:
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        value = value.item()
    if not isinstance(value, bool | int | float | str):
        raise CourseError(
            f"record_result({name}=...) is a {type(value).__name__}: expected a number, text or bool"
        )
    try:
        json.dumps(value, allow_nan=False)
    except ValueError as error:
        raise CourseError(f"record_result({name}={value}): a result must be a finite number") from error
    return value


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
