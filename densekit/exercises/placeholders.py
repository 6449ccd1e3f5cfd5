"""Whether an answer is still the placeholder `...`, or a function or class that holds one."""

import ast
import inspect
import textwrap
from collections.abc import Iterable
from typing import Any


def still_to_do(answers: Iterable[Any]) -> str:
    """Return what is still to do in the answers, as a sentence without its end; empty if nothing is."""
    for answer in answers:
        if _is_placeholder(answer):
            return "put your answer in the place of ... and run the cell again"
        if holder := _holder(answer):
            return f"write the code in the place of ... in {holder}, and run the cell again"
    return ""


def _is_placeholder(answer: Any) -> bool:
    if type(answer) in (list, tuple, set):
        return any(item is ... for item in answer)
    if type(answer) is dict:
        return any(item is ... for item in answer.values())
    return answer is ...


def _holder(answer: Any) -> str:
    """Name the function or method in which a placeholder stands."""
    if inspect.isclass(answer):
        return next((name for member in vars(answer).values() if (name := _holder(member))), "")
    if inspect.isfunction(answer) and _holds_placeholder(answer):
        return f"{answer.__qualname__}()"
    return ""


def _holds_placeholder(function: Any) -> bool:
    """Say whether a statement of the function is `...`, or assigns it (`x[..., 0]` is something else).

    Behind `except` it is a way to do nothing.
    """
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return False
    nothing = {id(one) for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler) for one in node.body}
    statements = (node for node in ast.walk(tree) if isinstance(node, ast.Expr | ast.Assign | ast.Return))
    return any(
        isinstance(node.value, ast.Constant) and node.value.value is ... and id(node) not in nothing
        for node in statements
    )
