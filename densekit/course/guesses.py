"""Predictions in a notebook are real: each has a cell of its own, and what reveals its answer comes later."""

import ast
from collections.abc import Iterator

from nbformat import NotebookNode

from densekit.course.outputs import code_cells
from densekit.course.places import Version
from densekit.course.results import GUESS_MIME


def problems_of_guesses(notebook: NotebookNode, version: Version) -> Iterator[str]:
    """Say what is wrong with the predictions of a built and executed notebook.

    Args:
        notebook: its cells call `guess("question", …)` and `reveal("question", …)`.
        version: in the solved one every guess is made, in the learner's one none is.
    """
    asked: dict[str, int] = {}
    revealed: set[str] = set()
    for number, cell in code_cells(notebook):
        guesses, reveals = _questions(cell.source, "guess"), _questions(cell.source, "reveal")
        if guesses and reveals:
            yield f"cell {number} asks for a guess and reveals: the guess needs a cell of its own"
        for question in reveals:
            revealed.add(question)
            if question in _literal_answers(cell.source):
                yield f"cell {number} holds the answer to '{question}' for all to read: compute it there"
            if question not in asked:
                yield f"cell {number} reveals '{question}', and no cell before it asks for a guess of it"
        asked |= dict.fromkeys(guesses, number)
        yield from _wrongly_made(cell, number, version)
    for question, number in asked.items():
        if question not in revealed:
            yield f"cell {number} asks for a guess of '{question}', and no cell reveals it"


def _wrongly_made(cell: NotebookNode, number: int, version: Version) -> Iterator[str]:
    expected = version == "solutions"
    for fact in facts_of_guesses(cell):
        if fact["made"] != expected:
            how = "was made" if fact["made"] else "is missing"
            yield f"cell {number}: the guess of '{fact['question']}' {how} in the {version} version"


def facts_of_guesses(cell: NotebookNode) -> list[dict[str, object]]:
    """Return what the stored outputs of a cell say of predictions."""
    data = [output.get("data", {}) for output in cell.get("outputs", [])]
    return [dict(bundle[GUESS_MIME]) for bundle in data if GUESS_MIME in bundle]


def _questions(code: str, function: str) -> list[str]:
    """Return the questions with which a cell calls a function, as they stand there."""
    return [_question(call) for call in _calls(code, function)]


def _literal_answers(code: str) -> list[str]:
    """Return the questions whose answers a cell has as a literal."""
    return [_question(call) for call in _calls(code, "reveal") if _has_literal_answer(call)]


def _has_literal_answer(call: ast.Call) -> bool:
    answers = [*call.args[1:2], *(one.value for one in call.keywords if one.arg == "answer")]
    try:
        return bool([ast.literal_eval(answer) for answer in answers])
    except ValueError:  # it is computed
        return False


def _question(call: ast.Call) -> str:
    asked = call.args[0]
    return str(asked.value) if isinstance(asked, ast.Constant) else ast.unparse(asked)


def _calls(code: str, function: str) -> list[ast.Call]:
    try:
        calls = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)]
    except SyntaxError:  # a cell with a magic command, which asks nothing
        return []
    return [
        call for call in calls if isinstance(call.func, ast.Name) and call.func.id == function and call.args
    ]
