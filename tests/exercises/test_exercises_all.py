"""Every checker of the course has a table of right and wrong answers, so none can come without one."""

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import densekit.exercises
from densekit.exercises.framework import exercise

HERE = Path(__file__).parent
ROOM = Path(densekit.exercises.__file__).parent


def checkers() -> set[tuple[str, str]]:
    """Return module and name of every function that is made into an exercise."""
    return {
        (path.stem, node.name)
        for path in ROOM.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
        for decorator in node.decorator_list
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == exercise.__name__
    }


def tables() -> Iterator[tuple[str, str, int, int]]:
    """Yield, for each table in the tests, module and name of the checker, and how many answers it has."""
    for path in HERE.glob("test_exercises_*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        imported = {
            alias.asname: alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
            if alias.asname
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "assert_checker":
                module, _, name = ast.unparse(node.args[0]).partition(".")
                given = {keyword.arg: keyword.value for keyword in node.keywords}
                yield imported.get(module, module), name, _length(given["right"]), _length(given["wrong"])


def _length(answers: ast.expr) -> int:
    return len(answers.elts) if isinstance(answers, ast.List) else 1


def test_every_checker_has_two_right_ways_and_four_wrong_ones_in_its_tests():
    right: Counter[tuple[str, str]] = Counter()
    wrong: Counter[tuple[str, str]] = Counter()
    for module, name, ways, mistakes in tables():
        right[module, name] += ways
        wrong[module, name] += mistakes

    assert len(checkers()) >= 40
    assert [each for each in sorted(checkers()) if right[each] < 2 or wrong[each] < 4] == []
