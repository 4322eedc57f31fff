"""JSON path (RFC 9535) into message bodies and HTTP answers. `order.id` is short for `$.order.id`."""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import jsonpath

from tracecheck.errors import UsageError


class _Missing:
    def __repr__(self) -> str:
        return "(nothing there)"


MISSING: Final = _Missing()
"""Stands for what a path does not find; a null that is there is None."""


def find(document: object, path: str) -> object:
    """The value at a path: `MISSING` where there is none, a list where a path with wildcards finds several.

    Raises `UsageError` for what is no path.
    """
    if path == "$":
        return document
    if not isinstance(document, Mapping | list):
        _compiled(path)
        return MISSING
    found = _compiled(path).findall(document)
    if _singular(path):
        return found[0] if found else MISSING
    return found or MISSING


def path_of(text: str) -> str:
    """The text, if it is a path. Raises `UsageError` otherwise."""
    _compiled(text)
    return text


def document_of(body: bytes | None) -> object:
    """The JSON value of a body; `MISSING` where it is none."""
    if body is None:
        return MISSING
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return MISSING


@lru_cache(maxsize=1024)
def _compiled(path: str) -> Any:
    try:
        return jsonpath.compile(path if path.startswith("$") else f"${path}" if path.startswith("[") else f"$.{path}")
    except (jsonpath.JSONPathError, RecursionError) as error:
        msg = f"{path!r} is no JSON path ({error}); expected one such as order.id or $.items[0].sku"
        raise UsageError(msg) from error


@lru_cache(maxsize=1024)
def _singular(path: str) -> bool:
    query = _compiled(path)
    return bool(getattr(query, "singular_query", lambda: False)())
