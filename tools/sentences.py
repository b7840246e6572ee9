"""Find the sentences that our rooms say in English, so that the page can say them in other languages.

Errors, reasons and notes are made far from the page, and kept as text in the databases. A sentence with
places is an f-string; here it becomes a shape such as ``"%(path)s cannot be written: %(strerror)s."``, and
`audiomuse.web.sentences` recognises the finished sentence by it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "src" / "audiomuse"

ROOMS = (
    "audio/decode.py", "audio/recording.py", "clustering/evaluator.py", "clustering/parameters.py",
    "clustering/search.py", "clustering/space.py", "playlists/build.py", "playlists/options.py",
    "playlists/reasons.py", "servers", "services/*.py", "settings.py", "similarity/index.py",
    "storage/engine.py", "storage/job_store", "storage/music_store", "web/addresses.py",
    "web/services_backend.py",
)  # fmt: skip
"""Where what is said can reach a page."""

_NOT_FOR_PEOPLE = frozenset({"SignalError", "AssertionError", "TypeError", "Field", "_parameter", "text"})
_LOGS = frozenset({"log", "_log"})
_PLACE = re.compile(r"%\(\w+\)s")
_FORMAT_PLACE = re.compile(r"\{(\w+)(:[^}]*)?\}")
_SPOKEN = re.compile(r"[a-z]{2,}[,;:.?)]* [a-z(]|· [a-z]{5,}: ·")
"""Two small words beside each other, or one between two places: neither names nor code look like that."""
_CODE = re.compile(r"\\|^#|^\S+ \S+$")
"""Patterns, marks of files, and pairs of words."""


def shapes() -> list[str]:
    """Return every shape of a sentence once, in the order of the files; a literal ``%`` is doubled."""
    found: dict[str, None] = {}
    for room in ROOMS:
        pattern = room if room.endswith(".py") else f"{room}/**/*.py"
        for file in sorted(PACKAGE.glob(pattern)):
            found |= dict.fromkeys(_spoken(ast.parse(file.read_text(encoding="utf-8"))))
    return list(found)


def _spoken(node: ast.AST) -> Iterator[str]:
    """Yield the shapes of the sentences below a node."""
    if isinstance(node, ast.Call) and _is_for_programs(node.func):
        return
    shape = shape_of(node)
    if shape is not None:
        if _SPOKEN.search(_PLACE.sub("·", shape)) and not _CODE.search(shape):
            yield shape
        for below in ast.walk(node):
            if isinstance(below, ast.FormattedValue):
                yield from _spoken(below.value)
        return
    docstring = _docstring(node)
    for below in ast.iter_child_nodes(node):
        if below is not docstring:
            yield from _spoken(below)


def shape_of(node: ast.AST) -> str | None:
    """Return the shape of a string (which may be meant for `str.format`) or an f-string; else None."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return _FORMAT_PLACE.sub(r"%(\1)s", node.value.replace("%", "%%"))
    if isinstance(node, ast.JoinedStr):
        taken: set[str] = set()
        return "".join(
            f"%({_name(part.value, taken)})s"
            if isinstance(part, ast.FormattedValue)
            else shape_of(part) or ""
            for part in node.values
        )
    return None


def _name(value: ast.expr, taken: set[str]) -> str:
    """Name a place after the last word of what fills it, or the key it is looked up by."""
    keys = re.findall(r"(?:\[|get\()'(\w+)'", ast.unparse(value))
    plain = re.sub(r"\[.*?\]|'[^']*'|\"[^\"]*\"", "", ast.unparse(value))
    words = keys or [word for word in re.findall(r"[A-Za-z]\w*", plain) if word not in ("or", "else", "if")]
    name = words[-1].lower() if words else "value"
    while name in taken:
        name += "_"
    taken.add(name)
    return name


def _is_for_programs(function: ast.expr) -> bool:
    if isinstance(function, ast.Attribute):
        return isinstance(function.value, ast.Name) and function.value.id in _LOGS
    return isinstance(function, ast.Name) and function.id in _NOT_FOR_PEOPLE


def _docstring(node: ast.AST) -> ast.AST | None:
    """Return the docstring of a module, class or function; attribute docstrings stand alone as well."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return node.value
    return None


if __name__ == "__main__":
    print("\n".join(shapes()))
