"""Outputs become the same bytes every time: what differs by nature is renumbered or left out.

Kept are the cells' sources, ids, tags, execution counts and outputs, and of the notebook's own metadata the
kernel, the language, densekit's entry and, if an output shows one, the state of the widgets. Left out are times,
versions of the machine's Python, and outputs of cells tagged `volatile` or `result`: the result of a notebook is
for the table of a batch run, and a learner who has not guessed yet shall not read it.
"""

import json

import nbformat
from nbformat import NotebookNode

from densekit.course.sources import RESULT_TAG, VOLATILE_TAG

_KEPT = ("kernelspec", "language_info", "densekit", "widgets")
_WIDGETS = "application/vnd.jupyter.widget-state+json"
_WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


def tidy(notebook: NotebookNode) -> NotebookNode:
    """Return an executed notebook without what differs between two runs."""
    tidied = _renumber_widgets(notebook)
    for cell in tidied.cells:
        tags = cell.metadata.get("tags")
        cell.metadata = NotebookNode({"tags": tags} if tags else {})
        if cell.cell_type == "code" and {RESULT_TAG, VOLATILE_TAG}.intersection(tags or []):
            cell.outputs = []
    if not _shows_a_widget(tidied):
        tidied.metadata.pop("widgets", None)  # the pictures of explorers whose output is not stored
    tidied.metadata = NotebookNode({key: tidied.metadata[key] for key in _KEPT if key in tidied.metadata})
    tidied.metadata["language_info"] = NotebookNode({"name": "python"})
    return tidied


def to_text(notebook: NotebookNode) -> str:
    """Return the notebook as the text of its file."""
    nbformat.validate(notebook)
    return str(nbformat.writes(notebook, version=4)) + "\n"


def _shows_a_widget(notebook: NotebookNode) -> bool:
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return any(_WIDGET_VIEW in output.get("data", {}) for output in outputs)


def _renumber_widgets(notebook: NotebookNode) -> NotebookNode:
    """Replace the random ids of widget models by 0, 1, 2, ... in the order in which they were opened.

    A model's id stands in the state, in the outputs that show it, and in other models that refer to it. Ids
    keep their 32 hexadecimal digits, which front ends expect.
    """
    state = notebook.metadata.get("widgets", {}).get(_WIDGETS, {}).get("state", {})
    text = json.dumps(notebook)
    for number, model in enumerate(state):
        text = text.replace(model, f"{number:032x}")
    return nbformat.from_dict(json.loads(text))
