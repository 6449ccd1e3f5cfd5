"""Who imports whom in a package, read from the code with `ast`: every import counts, wherever it stands.

Imports for type checkers alone (`if TYPE_CHECKING:`) don't: nothing of them is left when the program runs.
"""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

Graph = Mapping[str, frozenset[str]]


def modules(package: Path) -> dict[str, ast.Module]:
    """Return the modules of a package by their full names."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = ast.parse(path.read_text(encoding="utf-8"))
    return found


def import_graph(trees: Mapping[str, ast.Module], served: Mapping[str, str] = {}) -> Graph:
    """Return which of these modules imports which others.

    Args:
        trees: modules by their full names.
        served: names that the package itself hands out, `from package import name`, and whose they are.
    """
    return {name: frozenset(_imported(name, tree, trees, served)) for name, tree in trees.items()}


def _imported(
    name: str, tree: ast.Module, known: Mapping[str, ast.Module], served: Mapping[str, str]
) -> Iterator[str]:
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        for statement in node.body
        for inner in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            candidates = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = _base(name, node, known)
            candidates = [_target(base, alias.name, known, served) for alias in node.names]
        else:
            continue
        yield from (one for one in candidates if one in known and one != name)


def _base(name: str, node: ast.ImportFrom, known: Mapping[str, ast.Module]) -> str:
    """Return the module that is imported from, also where dots say which."""
    if not node.level:
        return node.module or ""
    is_package = any(other.startswith(f"{name}.") for other in known)
    parts = name.split(".")[: len(name.split(".")) - node.level + is_package]
    return ".".join([*parts, *([node.module] if node.module else [])])


def _target(base: str, imported: str, known: Mapping[str, ast.Module], served: Mapping[str, str]) -> str:
    whole = f"{base}.{imported}"
    if whole in known:
        return whole
    return served.get(imported, base) if "." not in base else base


def between_rooms(graph: Graph, room_of: Mapping[str, str] | None = None) -> dict[str, set[str]]:
    """Return which room imports from which others; a room is a module or package right below the package.

    Args:
        graph: of modules.
        room_of: prefixes of modules that are rooms of their own, deeper down.
    """
    rooms: dict[str, set[str]] = {}
    for name, imported in graph.items():
        mine = room(name, room_of or {})
        for other in (room(one, room_of or {}) for one in imported):
            if other != mine:
                rooms.setdefault(mine, set()).add(other)
    return rooms


def room(name: str, room_of: Mapping[str, str]) -> str:
    """Return the room of a module."""
    for prefix, title in room_of.items():
        if name == prefix or name.startswith(f"{prefix}."):
            return title
    return name.split(".")[1] if "." in name else name


def circles(graph: Mapping[str, frozenset[str] | set[str]]) -> list[list[str]]:
    """Return groups of names that import each other, directly or by way of others."""
    reached = {name: _reachable(name, graph) for name in graph}
    groups = {
        frozenset(other for other in graph if other in reached[name] and name in reached[other])
        for name in graph
    }
    return sorted(sorted(group) for group in groups if group)


def _reachable(name: str, graph: Mapping[str, frozenset[str] | set[str]]) -> set[str]:
    found: set[str] = set()
    waiting = list(graph.get(name, ()))
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting += graph.get(one, ())
    return found
