"""The decoder of `columns.py`, compiled if it was compiled from the source that lies beside it."""

import hashlib
import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from tracecheck.receiver import columns as _installed


def decoder_form() -> Literal["compiled", "python"]:
    """How requests are decoded: compiled, or about sixty times slower as plain Python, with equal results."""
    return "compiled" if _columns.FORM == "compiled" else "python"


def is_stale() -> bool:
    """Whether a compiled library is there but older than its source, which is then run in its place."""
    return bool(_installed.FORM == "compiled") and _columns is not _installed


def load_source(name: str) -> ModuleType:
    """The source as a module of another name, never compiled."""
    spec = importlib.util.spec_from_file_location(name, _SOURCE)
    if spec is None or spec.loader is None:
        raise ImportError(f"{_SOURCE} cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_SOURCE = Path(__file__).with_name("columns.py")


def _current() -> Any:
    if _installed.FORM == "compiled" and _SOURCE.exists():
        text = _SOURCE.read_text(encoding="utf-8")
        if hashlib.sha256(text.encode()).hexdigest() != _installed.SOURCE_HASH:
            return load_source("tracecheck.receiver._columns_source")
    return _installed


_columns: Any = _current()
Decoder: Any = _columns.Decoder
Irregular: Any = _columns.Irregular
OPERATION_NAMES: tuple[str, ...] = _columns.OPERATION_NAMES
