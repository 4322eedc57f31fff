"""YAML text to plain values with the line and column of each, by the YAML 1.2 core schema.

Only what a specification needs: no anchors, aliases or tags, bounded depth and size, duplicate keys refused. Scalars
follow YAML 1.2 whatever the library's default: `no` is text, `010` is ten, a date is text.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent, Event, NodeEvent
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

Path = tuple[str | int, ...]
Position = tuple[int, int]

MAX_BYTES = 1_000_000
MAX_DEPTH = 32
"""Deeper than any specification, and far below Python's recursion limit."""

_NULL = re.compile(r"|~|null|Null|NULL")
_TRUE = re.compile(r"true|True|TRUE")
_FALSE = re.compile(r"false|False|FALSE")
_INT = re.compile(r"[-+]?[0-9]{1,400}")
_OCTAL = re.compile(r"0o[0-7]{1,400}")
_HEX = re.compile(r"0x[0-9a-fA-F]{1,400}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")


@dataclass(slots=True)
class Document:
    """One document: its plain value, where each key and value stands (1-based), and what was refused in it."""

    value: object = None
    keys: dict[Path, Position] = field(default_factory=dict)
    values: dict[Path, Position] = field(default_factory=dict)
    problems: list[tuple[Position, str]] = field(default_factory=list)

    def position(self, path: Path, *, of_key: bool = False) -> Position:
        """Where a path stands; where it does not exist, its nearest existing parent."""
        first = self.keys if of_key else self.values
        while path:
            if found := first.get(path) or self.keys.get(path) or self.values.get(path):
                return found
            path = path[:-1]
            first = self.keys
        return self.values.get((), (1, 1))


def read_documents(text: str) -> list[Document]:
    """The documents of a text. Refusals are in `Document.problems`; broken syntax makes one document holding it."""
    if refused := _refused(text):
        return [Document(problems=refused)]
    documents = []
    for node in YAML(typ="rt", pure=True).compose_all(text):
        if node is not None:
            document = Document()
            document.value = _plain(node, (), document)
            documents.append(document)
    return documents


def _refused(text: str) -> list[tuple[Position, str]]:
    """What makes a text unfit to be composed, found from its events, which need no recursion."""
    if len(text.encode(errors="replace")) > MAX_BYTES:
        return [((1, 1), f"the file is larger than {MAX_BYTES:,} bytes; split it")]
    problems: list[tuple[Position, str]] = []
    depth = 0
    try:
        for event in _events(text):
            position = (event.start_mark.line + 1, event.start_mark.column + 1)
            if isinstance(event, AliasEvent):
                problems.append((position, "aliases are not supported; write the value out"))
            elif isinstance(event, NodeEvent) and event.anchor is not None:
                problems.append((position, "anchors are not supported; write the value out where it is needed"))
            tag = getattr(event, "tag", None)
            if tag not in (None, "!"):
                problems.append((position, f"tags are not supported, got {str(tag)[:60]!r}; remove it"))
            depth += _NESTING.get(type(event).__name__, 0)
            if depth > MAX_DEPTH:
                return [*problems, (position, f"nested deeper than {MAX_DEPTH} levels; flatten it")]
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        position = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        problems.append((position, f"this is no valid YAML: {error.problem or error.context or 'syntax error'}"))
    except YAMLError as error:
        first = str(error).strip().splitlines()
        problems.append(((1, 1), f"this is no valid YAML: {first[0] if first else 'syntax error'}"))
    return problems


_NESTING = {"MappingStartEvent": 1, "SequenceStartEvent": 1, "MappingEndEvent": -1, "SequenceEndEvent": -1}


def _events(text: str) -> Iterator[Event]:
    yield from YAML(typ="rt", pure=True).parse(text)


def _plain(node: Node, path: Path, document: Document) -> object:
    position = (node.start_mark.line + 1, node.start_mark.column + 1)
    document.values[path] = position
    if isinstance(node, ScalarNode):
        return node.value if node.style in ("'", '"', "|", ">") else _scalar(node.value)
    if isinstance(node, SequenceNode):
        return [_plain(child, (*path, index), document) for index, child in enumerate(node.value)]
    assert isinstance(node, MappingNode)
    mapping: dict[str, object] = {}
    for key_node, value_node in node.value:
        key_position = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
        if not isinstance(key_node, ScalarNode):
            document.problems.append((key_position, "a key must be plain text"))
            continue
        key = str(key_node.value)
        if key == "<<":
            document.problems.append((key_position, "merge keys are not supported; write the fields out"))
            continue
        if key in mapping:
            first = document.keys[(*path, key)]
            document.problems.append((key_position, f"duplicate key {key!r}; first on line {first[0]}"))
            continue
        document.keys[(*path, key)] = key_position
        mapping[key] = _plain(value_node, (*path, key), document)
    return mapping


def _scalar(text: str) -> object:
    if _NULL.fullmatch(text):
        return None
    if _TRUE.fullmatch(text):
        return True
    if _FALSE.fullmatch(text):
        return False
    if _INT.fullmatch(text):
        return int(text)
    if _OCTAL.fullmatch(text):
        return int(text, 8)
    if _HEX.fullmatch(text):
        return int(text, 16)
    return float(text) if _FLOAT.fullmatch(text) and text != "." else text
