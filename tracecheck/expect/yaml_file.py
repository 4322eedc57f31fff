"""Expectations from YAML files: every problem of a file at once, each as `file:line:column: message`."""

import re
from pathlib import Path

from tracecheck.errors import InvalidFile, UsageError
from tracecheck.expect.model import Expectation
from tracecheck.expect.problems import build
from tracecheck.expect.yaml_nodes import MAX_BYTES, Document, Position, read_documents

_BYTE_ORDER_MARK = re.compile("^\ufeff", re.MULTILINE)
"""Each file that was joined to others may have brought its own, and nobody sees it."""


def load_expectations(path: Path) -> list[Expectation]:
    """The expectations of a file: one per YAML document, in order.

    Raises `InvalidFile` with every problem in it, and `UsageError` if it cannot be read.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file; expected an expectation in YAML") from None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}); expected an expectation in YAML") from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InvalidFile([f"{path}:{line}:1: this is no UTF-8 text; save it as UTF-8"]) from None
    return parse_expectations(text, name=str(path))


def parse_expectations(text: str, *, name: str = "<text>") -> list[Expectation]:
    """As `load_expectations`, from text; `name` stands for the file in messages."""
    documents = read_documents(_BYTE_ORDER_MARK.sub("", text))
    problems: list[tuple[Position, str]] = []
    expectations: list[Expectation] = []
    first_of: dict[str, int] = {}
    if not documents:
        problems.append(((1, 1), "the file is empty; expected `chain:` and `steps:`"))
    for document in documents:
        problems += document.problems
        if not document.values:
            continue
        expectation, found = build(document.value)
        problems += [_placed(document, path, message) for path, message in found]
        if expectation is None:
            continue
        line = document.position(("chain",))[0]
        if expectation.name in first_of:
            message = f"a second chain named {expectation.name!r}; the first is on line {first_of[expectation.name]}"
            problems.append((document.position(("chain",)), message))
        first_of.setdefault(expectation.name, line)
        expectations.append(expectation)
    if problems:
        raise InvalidFile([f"{name}:{line}:{column}: {message}" for (line, column), message in sorted(set(problems))])
    return expectations


def _placed(document: Document, path: tuple[str | int, ...], message: str) -> tuple[Position, str]:
    at_key = message.startswith(("unknown key", "two anchors", "has no value")) or message.endswith("is missing")
    return document.position(path, of_key=at_key), f"{_dotted(path)}{message}"


def _dotted(path: tuple[str | int, ...]) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return f"{text}: " if text else ""
