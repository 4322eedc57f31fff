"""Secrets taken out before a report leaves the machine.

Error texts and span names may quote a password, a token or a URL with credentials. `redacted` returns the same report
with such parts replaced by `[redacted]`; the command line does this unless told `--no-redact`. It is a net with known
meshes, not a proof: what does not look like a secret passes.
"""

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from functools import lru_cache
from typing import Any, TypeVar, cast

from tracecheck.report.sanitise import clip

PLACEHOLDER = "[redacted]"

_WORDS = (
    r"(?:passw(?:or)?d|passphrase|pwd|secret|token|api[_-]?key|authorization|credential|private[_-]?key)[\w.-]{0,40}"
)
_RULES = (
    (re.compile(r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----.*", re.DOTALL), PLACEHOLDER),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}"), rf"\1 {PLACEHOLDER}"),
    (re.compile(r"://[^/\s:@]{1,200}:[^/\s@]{1,200}@"), f"://{PLACEHOLDER}@"),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"), PLACEHOLDER),
    (re.compile(r"\bAKIA[0-9A-Z]{16}\b"), PLACEHOLDER),
)
_SECRET_NAME = re.compile(rf"(?i){_WORDS}")
_ASSIGNMENT = re.compile(
    rf"(?i)({_WORDS}[\"']?\s{{0,3}}[=:]\s{{0,3}})(\"[^\"]{{0,4096}}\"|'[^']{{0,4096}}'|[^\s,;&\"'}}]{{1,4096}})"
)
_MAX_READ = 8192
_LOOKUP_NAMES = {"chain_id", "trace_id", "span_id"}

T = TypeVar("T")


def redacted(value: T) -> T:
    """The same value (a report, finding, chain, hop or a list of them) with secrets in its texts replaced.

    Chain, trace and span ids stay, so that every look-up still works. Total: any value in, an equal one out where there
    is nothing to take out.
    """
    return cast(T, _redacted(value))


@lru_cache(maxsize=4096)
def redact_text(text: str) -> str:
    """The text with what looks like a secret replaced: assignments to telling names, bearer tokens, URL credentials.

    Reports show no more than the first few thousand characters of a text, so the rest is cut here, unread.
    """
    text = clip(text, _MAX_READ)
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return _ASSIGNMENT.sub(rf"\1{PLACEHOLDER}", text)


def _redacted(value: Any) -> Any:
    if isinstance(value, Enum) or value is None or isinstance(value, bool | int | float | bytes):
        return value
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, tuple | list):
        return type(value)(_redacted(entry) for entry in value)
    if isinstance(value, Mapping):
        return {
            name: PLACEHOLDER if isinstance(entry, str) and _SECRET_NAME.search(str(name)) else _redacted(entry)
            for name, entry in value.items()
        }
    if is_dataclass(value) and not isinstance(value, type):
        held = {field.name: getattr(value, field.name) for field in fields(value)}
        changed = {
            name: new for name, old in held.items() if name not in _LOOKUP_NAMES and (new := _redacted(old)) != old
        }
        return replace(value, **changed) if changed else value
    return value
