"""Which messages are meant: by destination, key, headers and fields of the value."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TypeAlias

from tracecheck.probe.brokers.protocol import Seen
from tracecheck.probe.carried import carried, texts
from tracecheck.probe.equality import same
from tracecheck.probe.json_path import MISSING, document_of, find

Wanted: TypeAlias = object | Callable[[object], bool]
"""A value that must be equal (the text "42" is not the number 42, and true is no number), or a function that says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A message that is looked for. What is left out is not asked about.

    `destination` may hold `*` and `?`. `headers` are compared as text by name in any case. `where` names fields of the
    JSON value by JSON path; a function is given `MISSING` where a path finds nothing. `run_id`, `correlation_id` and
    `event_id` are those that the headers carry.
    """

    destination: str | None = None
    key: str | bytes | None = None
    headers: Mapping[str, Wanted] = field(default_factory=dict)
    where: Mapping[str, Wanted] = field(default_factory=dict)
    run_id: str | None = None
    correlation_id: str | None = None
    event_id: str | None = None

    def difference(self, seen: Seen) -> str | None:
        """None where the message is one of those meant, else the first thing in which it is not."""
        if self.destination is not None and not fnmatchcase(seen.destination, self.destination):
            return f"destination is {seen.destination!r}, not {self.destination!r}"
        if self.key is not None and seen.key != (self.key.encode() if isinstance(self.key, str) else self.key):
            return f"key is {_shown(seen.key)}, not {_shown(self.key)}"
        return self._other_identity(seen) or self._other_header(seen) or self._other_field(seen)

    def describe(self) -> str:
        """The message meant, in words."""
        parts = [
            f"{name} {value!r}"
            for name in ("key", "run_id", "correlation_id", "event_id")
            if (value := getattr(self, name)) is not None
        ]
        parts += [f"header {name} {_wish(wanted)}" for name, wanted in self.headers.items()]
        parts += [f"{path} {_wish(wanted)}" for path, wanted in self.where.items()]
        where = f" with {', '.join(parts)}" if parts else ""
        return f"a message on {self.destination or 'any destination'}{where}"

    def _other_identity(self, seen: Seen) -> str | None:
        if self.run_id is self.correlation_id is self.event_id is None:
            return None
        said = carried(seen)
        for name in ("run_id", "correlation_id", "event_id"):
            wanted, got = getattr(self, name), getattr(said, name)
            if wanted is not None and got != wanted:
                return f"{name} is {got!r}, not {wanted!r}"
        return None

    def _other_header(self, seen: Seen) -> str | None:
        if not self.headers:
            return None
        given: Mapping[str, object] = texts(seen.headers)
        for name, wanted in self.headers.items():
            got = given.get(name.lower(), MISSING)
            if not _meets(got, wanted):
                return f"header {name} is {_shown(got)}, not {_wish(wanted)}"
        return None

    def _other_field(self, seen: Seen) -> str | None:
        if not self.where:
            return None
        document = document_of(seen.value)
        if document is MISSING:
            return "value is no JSON"
        for path, wanted in self.where.items():
            got = find(document, path)
            if not _meets(got, wanted):
                return f"{path} is {_shown(got)}, not {_wish(wanted)}"
        return None


def _meets(got: object, wanted: Wanted) -> bool:
    if callable(wanted):
        return bool(wanted(got))
    return same(got, wanted)


def _wish(wanted: Wanted) -> str:
    return (getattr(wanted, "__doc__", None) or "as asked").strip() if callable(wanted) else _shown(wanted)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
