"""The decoder's modules as one text: what is compiled, in one piece, so that calls between modules cost nothing.

`setup.py` runs this file by itself, so it imports nothing of tracecheck.
"""

import ast
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

DIRECTIVES = "# cython: language_level=3, boundscheck=True, wraparound=False, cdivision=True, initializedcheck=False"
LAST = "decoder"
PACKAGE = "tracecheck.receiver.columns."
STAND_IN = "tracecheck.receiver"
"""Where the modules find what stands in for `cython`."""

FAILS_BY_MINUS_ONE = re.compile(r"^( *)@cython\.nogil\n(?! *@cython\.exceptval)", re.MULTILINE)
"""Every function that needs no lock returns -1 if it raised, and never otherwise, so that its caller need not ask."""


def source_hash(folder: Path) -> str:
    """A hash of all modules, by which a compiled library knows its source."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def one_text(folder: Path) -> str:
    """All modules one behind the other, without their imports of each other, and with the real `cython`."""
    imports = dict.fromkeys(["from __future__ import annotations", "import cython"])
    bodies: list[str] = []
    known: set[str] = set()
    for text, module in _in_order(folder, LAST, set()):
        lines = text.splitlines()
        for node in module.body:
            written = "\n".join(lines[_first_line(node) - 1 : node.end_lineno])
            if isinstance(node, ast.Import | ast.ImportFrom):
                source = getattr(node, "module", None) or ""
                if source not in (STAND_IN, "__future__") and not source.startswith(PACKAGE):
                    imports[written] = None
                continue
            names = _names(node)
            if known.intersection(names):
                raise ValueError(f"two modules of the decoder define {names}; compiled in one piece, one would win")
            known.update(names)
            bodies.append(FAILS_BY_MINUS_ONE.sub(r"\g<0>\1@cython.exceptval(-1, check=False)\n", written))
    text = "\n\n".join([DIRECTIVES, "\n".join(imports), *bodies]) + "\n"
    return text.replace("@source-hash@", source_hash(folder))


def _in_order(folder: Path, name: str, seen: set[str]) -> Iterator[tuple[str, ast.Module]]:
    """Text and tree of a module, after those of all modules that it imports."""
    if name in seen:
        return
    seen.add(name)
    text = (folder / f"{name}.py").read_text(encoding="utf-8")
    module = ast.parse(text)
    for node in module.body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(PACKAGE):
            yield from _in_order(folder, str(node.module).removeprefix(PACKAGE), seen)
    yield text, module


def _first_line(node: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(each.lineno for each in decorators)])


def _names(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.ClassDef | ast.FunctionDef):
        return [node.name]
    if isinstance(node, ast.Assign):
        return [target.id for target in node.targets if isinstance(target, ast.Name)]
    return []
