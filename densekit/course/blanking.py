"""Solutions become placeholders: one source serves the learner's notebook and the solved one.

In a source, the lines between the two markers are the solution:

    ### BEGIN SOLUTION
    channels = 64 + 6 * 32
    ### END SOLUTION

The solved notebook has the lines without the markers. The learner's notebook has, in their place,

- at the left margin: `name = ...` for every name that the solution assigns, so that the call which checks it
  can run, or a single `...` where it assigns none;
- indented, so inside a function or a class: a single `...`, which is a valid body;
- what stands as comments after a line `### STARTER`, if there is one, without the comment signs: code for the
  learner to complete or to repair.
"""

import ast
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

from densekit.errors import CourseError

_BEGIN = re.compile(r"^\s*### BEGIN SOLUTION\s*$")
_STARTER = re.compile(r"^\s*### STARTER\s*$")
_END = re.compile(r"^\s*### END SOLUTION\s*$")
_ANY_MARKER = re.compile(r"#+\s*(BEGIN|END) SOLUTION|#+\s*STARTER\b")

_ASSIGNMENTS = (ast.Assign, ast.AnnAssign, ast.AugAssign)


@dataclass(frozen=True)
class Block:
    """One solution in a cell: the solved lines, and the starter for the learner, or None."""

    solution: tuple[str, ...]
    starter: tuple[str, ...] | None


def solved(cell: str, where: str) -> str:
    """Return the text of a cell with its solutions, without markers and starters.

    Raises:
        CourseError: markers don't pair up.
    """
    parts = (part.solution if isinstance(part, Block) else (part,) for part in _split(cell, where))
    return "\n".join(line for lines in parts for line in lines)


def blanked(cell: str, where: str) -> str:
    """Return the text of a cell with placeholders in the place of its solutions.

    Raises:
        CourseError: markers don't pair up, or a solution can't be blanked so that the cell still runs.
    """
    parts = (_placeholder(part, where) if isinstance(part, Block) else [part] for part in _split(cell, where))
    return "\n".join(line for lines in parts for line in lines)


def solutions(cell: str, where: str) -> list[str]:
    """Return the solutions of a cell, one text for each block."""
    return ["\n".join(part.solution) for part in _split(cell, where) if isinstance(part, Block)]


def _split(cell: str, where: str) -> Iterator[str | Block]:
    """Cut a cell into plain lines and blocks."""
    lines = iter(cell.split("\n"))
    for line in lines:
        if _BEGIN.match(line):
            yield _read_block(lines, where)
        elif _ANY_MARKER.search(line):
            raise CourseError(
                f"{where}: '{line.strip()}' stands alone: a solution goes from a line "
                "'### BEGIN SOLUTION' to a line '### END SOLUTION'"
            )
        else:
            yield line


def _read_block(lines: Iterator[str], where: str) -> Block:
    solution: list[str] = []
    starter: list[str] | None = None
    for line in lines:
        if _END.match(line):
            if not any(line.strip() for line in solution):
                raise CourseError(f"{where}: nothing between '### BEGIN SOLUTION' and '### END SOLUTION'")
            return Block(tuple(solution), None if starter is None else tuple(starter))
        if _STARTER.match(line):
            starter = []
        elif _ANY_MARKER.search(line):
            raise CourseError(f"{where}: '{line.strip()}' inside a solution: '### END SOLUTION' is missing")
        elif starter is None:
            solution.append(line)
        else:
            starter.append(_uncommented(line, where))
    raise CourseError(f"{where}: '### BEGIN SOLUTION' without '### END SOLUTION'")


def _uncommented(line: str, where: str) -> str:
    match = re.match(r"^(\s*)#( ?)(.*)$", line)
    if match is None:
        raise CourseError(
            f"{where}: '{line.strip()}' after '### STARTER' must be a comment, such as '# x = 1'"
        )
    return match[1] + match[3]


def _placeholder(block: Block, where: str) -> list[str]:
    if block.starter is not None:
        return list(block.starter)
    first = next(line for line in block.solution if line.strip())
    indent = first[: len(first) - len(first.lstrip())]
    if indent:
        return [f"{indent}..."]
    names = _assigned_names("\n".join(block.solution), where)
    return [f"{name} = ..." for name in names] or ["..."]


def _assigned_names(code: str, where: str) -> list[str]:
    """Name what a solution at the left margin assigns, each name once, in order."""
    try:
        statements = ast.parse(textwrap.dedent(code)).body
    except SyntaxError as error:
        raise CourseError(f"{where}: the solution is not Python on its own: {error}") from error
    names: list[str] = []
    for statement in statements:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            raise CourseError(
                f"{where}: the solution defines '{statement.name}' as a whole, which the check then misses: "
                "put the markers inside its body, or give a '### STARTER'"
            )
        for assigned in (one for one in ast.walk(statement) if isinstance(one, _ASSIGNMENTS)):
            targets = assigned.targets if isinstance(assigned, ast.Assign) else [assigned.target]
            for target in targets:
                names += [
                    node.id for node in ast.walk(target) if isinstance(node, ast.Name) and _stored(node)
                ]
    return list(dict.fromkeys(names))


def _stored(node: ast.Name) -> bool:
    return isinstance(node.ctx, ast.Store)
