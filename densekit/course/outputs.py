"""What a stored output must not hold: traces of the machine that made it, and pictures without words."""

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from nbformat import NotebookNode

_ELSEWHERE = re.compile(
    r"(?<![\w.])(/(?:home|Users|root|tmp|private|var/folders|content)/[\w.\-/]+|[A-Za-z]:\\\\?Users\\)"
)
_ADDRESS = re.compile(r"\b0x[0-9a-f]{6,}\b")
_IMAGES = ("image/png", "image/jpeg", "image/svg+xml")
_IMG_WITHOUT_ALT = re.compile(r"<img\b(?![^>]*\balt=\"[^\"]+\")[^>]*>", re.IGNORECASE)
_DATA_URI = re.compile(r"data:image/[\w+]+;base64,[A-Za-z0-9+/=]+")


def code_cells(notebook: NotebookNode) -> list[tuple[int, NotebookNode]]:
    """Return the code cells with their numbers among all cells, from 1."""
    return [(number, cell) for number, cell in enumerate(notebook.cells, 1) if cell.cell_type == "code"]


def problems_of_outputs(notebook: NotebookNode) -> Iterator[str]:
    """Say what is wrong with the stored outputs of a notebook."""
    for number, cell in enumerate(notebook.cells, 1):
        for output in cell.get("outputs", []):
            text = "\n".join(_texts(output))
            if trace := _trace_of_machine(text):
                yield f"cell {number} shows '{trace}', which is true on one machine only"
            if address := _ADDRESS.search(text):
                yield f"cell {number} shows the address {address[0]}, which differs in each run"
            yield from (f"cell {number} {message}" for message in _without_words(output))


def shows_false(output: NotebookNode) -> bool:
    """Say whether an output holds the word False, as a band does that was missed."""
    return any(re.search(r"\bFalse\b", text) for text in _texts(output))


def _trace_of_machine(text: str) -> str | None:
    known = (str(Path.home()), tempfile.gettempdir(), str(Path.cwd()))
    for place in known:
        if len(place) > 1 and re.search(re.escape(place) + r"(?![\w-])", text):
            return place
    match = _ELSEWHERE.search(text)
    return match[0] if match else None


def _without_words(output: NotebookNode) -> Iterator[str]:
    """Every picture says in words what it shows, where a page shows them: in the `<img>`, not in metadata."""
    data = output.get("data", {})
    if _IMG_WITHOUT_ALT.search(_joined(data.get("text/html", ""))):
        yield "shows an <img> without alt text"
    if "text/html" not in data and any(mime in data for mime in _IMAGES):
        yield "shows a picture whose alt text no page shows: show it through densekit.plots"


def _texts(output: NotebookNode) -> Iterator[str]:
    if output.output_type == "stream":
        yield _joined(output.text)
    for mime, content in output.get("data", {}).items():
        if mime not in _IMAGES:
            yield _DATA_URI.sub("", _joined(content))


def _joined(content: object) -> str:
    return "".join(content) if isinstance(content, list) else str(content)
