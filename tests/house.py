"""What the house tests read of the code: files, imports, circles, lengths, strings."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CORE = sorted((ROOT / "core").rglob("*.py"))
FILES = [*CORE, *sorted((ROOT / "pages").glob("*.py")), ROOT / "app.py"]


def name_of(path: Path) -> str:
    """The dotted name of a module."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in FILES}


@cache
def tree_of(path: Path) -> ast.Module:
    """The syntax tree of a file; do not write to it."""
    return ast.parse(path.read_text(encoding="utf-8"))


def _is_for_checkers(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)


def imports_of(path: Path) -> Iterator[tuple[int, str]]:
    """(line, module) of every import, also inside functions; those for type checkers only are left out."""
    todo: list[ast.AST] = [tree_of(path)]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield node.lineno, whole if whole in MODULES else node.module
        todo += node.orelse if _is_for_checkers(node) else list(ast.iter_child_nodes(node))


@cache
def import_graph() -> Mapping[str, frozenset[str]]:
    """Module → the modules of this repository that it imports anywhere."""
    return {
        name: frozenset(module for _, module in imports_of(path) if module in MODULES and module != name)
        for name, path in MODULES.items()
    }


def circles(graph: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """Every group of names that reach each other (strongly connected components of two or more), sorted."""
    order: list[str] = []
    seen: set[str] = set()

    def visit(name: str, edges: Mapping[str, Iterable[str]], out: list[str]) -> None:
        todo = [(name, iter(sorted(edges[name])))]
        seen.add(name)
        while todo:
            here, rest = todo[-1]
            following = next((other for other in rest if other not in seen), None)
            if following is None:
                out.append(here)
                todo.pop()
            else:
                seen.add(following)
                todo.append((following, iter(sorted(edges[following]))))

    for name in graph:
        if name not in seen:
            visit(name, graph, order)
    back: dict[str, list[str]] = {name: [] for name in graph}
    for name, others in graph.items():
        for other in others:
            back[other].append(name)
    seen, found = set(), []
    for name in reversed(order):
        if name not in seen:
            group: list[str] = []
            visit(name, back, group)
            found.append(sorted(group))
    return sorted(group for group in found if len(group) > 1)


def functions_of(path: Path) -> Iterator[tuple[str, int]]:
    """(name, lines) of every function and method."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1


def strings_of(path: Path) -> Iterator[tuple[int, str]]:
    """(line, text) of every string that is no docstring; what an f-string fills in stands as "{}"."""
    skipped: set[int] = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            skipped.add(id(node.value))
        elif isinstance(node, ast.JoinedStr):
            skipped |= {id(part) for part in node.values}
            texts = [str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values]
            yield node.lineno, "".join(texts)
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in skipped:
            yield node.lineno, node.value
