"""Fills `{run}`, `{n}`, `{now}`, `{uuid}` and the columns of a case into keys, values, headers and parameters."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar, cast
from uuid import uuid4

from tracecheck.errors import UsageError

V = TypeVar("V")

_NAME = r"[A-Za-z_][\w.-]*"
_PLACE = re.compile(rf"\{{(\{{{_NAME}\}})\}}|\{{({_NAME})\}}")


def variables(
    *, run_id: str | None = None, n: int = 0, case: Mapping[str, object] | None = None, now: datetime | None = None
) -> dict[str, object]:
    """What a template may name. A column of the case goes before ours of the same name.

    `run` the run's id, `n` the number of this event (from 0), `now` the instant in ISO 8601 (UTC), `now_ms` and
    `now_ns` the same since the epoch, `uuid` a new one for each event.
    """
    instant = now or datetime.now(UTC)
    since_epoch_ns = int(instant.timestamp() * 1_000_000) * 1_000
    return {
        **({"run": run_id} if run_id is not None else {}),
        "n": n,
        "now": instant.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "now_ms": since_epoch_ns // 1_000_000,
        "now_ns": since_epoch_ns,
        "uuid": str(uuid4()),
        **(case or {}),
    }


def fill(value: V, known: Mapping[str, object]) -> V:
    """The value with every `{name}` in its texts (keys of mappings too) replaced; `{{name}}` stands for `{name}`.

    A text that is nothing but one `{name}` becomes what it names, type and all: `"{total}"` becomes the number 42.
    Braces that hold no name, as in JSON, are left alone. Raises `UsageError` for a name that is not known.
    """
    return cast(V, _fill(value, known))


def _fill(value: object, known: Mapping[str, object]) -> object:
    if isinstance(value, str):
        return _text(value, known)
    if isinstance(value, bytes):
        return _in_bytes(value, known)
    if isinstance(value, Mapping):
        return {_replaced(key, known) if isinstance(key, str) else key: _fill(one, known) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return type(value)([_fill(one, known) for one in value])
    return value


def _in_bytes(value: bytes, known: Mapping[str, object]) -> bytes:
    try:
        return _replaced(value.decode(), known).encode() if b"{" in value else value
    except UnicodeDecodeError:
        return value


def _text(text: str, known: Mapping[str, object]) -> object:
    whole = _PLACE.fullmatch(text)
    return _named(whole[2], known) if whole and whole[2] else _replaced(text, known)


def _replaced(text: str, known: Mapping[str, object]) -> str:
    return _PLACE.sub(partial(_one, known=known), text)


def _one(found: "re.Match[str]", known: Mapping[str, object]) -> str:
    return str(_named(found[2], known)) if found[2] else found[1]


def _named(name: str, known: Mapping[str, object]) -> object:
    if name not in known:
        names = ", ".join(sorted(known))
        msg = f"{{{name}}} is not known; expected one of {names}, or {{{{{name}}}}} for the text itself"
        raise UsageError(msg)
    return known[name]
