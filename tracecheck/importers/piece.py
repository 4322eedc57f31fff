"""What the readers of files yield, and the shape of a format."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tracecheck.model import Span
from tracecheck.receiver.decoded import Notes


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A part of one file: its spans and what was noted, or why the part cannot be read, or that it is of another
    signal and skipped. `line` counts from 1; None means the whole file. `shares_ids`: see `JsonFormat`."""

    line: int | None = None
    spans: Sequence[Span] = ()
    notes: Notes = field(default_factory=Notes)
    unreadable: str | None = None
    skipped: bool = False
    shares_ids: bool = False


class Unrecognised(Exception):
    """A file holds nothing that any format claims. Never leaves the importers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonFormat:
    """One kind of JSON document. `read` raises `DecodeError` when a document of its kind is beyond repair.

    `whole_file`: the documents of one file belong together and are read at once; else each is read as it comes.
    `shares_ids`: both sides of a call may have one id, and may be in different files.
    """

    name: str
    recognises: Callable[[Any], bool]
    read: Callable[[Sequence[Any], Notes], list[Span]]
    whole_file: bool
    shares_ids: bool = False
