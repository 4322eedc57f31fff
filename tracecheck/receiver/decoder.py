"""The decoder of `columns`: compiled, if it was compiled from the sources that lie beside it."""

import importlib
from pathlib import Path
from typing import Any, Literal

from tracecheck.receiver.columns import decoder as plain
from tracecheck.receiver.columns import faults, unit, vocabulary

SOURCES = Path(unit.__file__).parent
LIBRARY = "tracecheck.receiver.compiled_columns"


def decoder_form() -> Literal["compiled", "python"]:
    """How requests are decoded: compiled, or about sixty times slower as plain Python, with equal results."""
    return "compiled" if Decoder is not plain.Decoder else "python"


def is_stale() -> bool:
    """Whether a compiled library is there but older than its sources, which are then run in its place."""
    return _library is not None and Decoder is plain.Decoder


def _installed() -> Any:
    try:
        return importlib.import_module(LIBRARY)
    except ImportError:
        return None


_library = _installed()
_current = _library is not None and unit.source_hash(SOURCES) == _library.SOURCE_HASH
Decoder: Any = _library.Decoder if _current else plain.Decoder
Irregular: Any = _library.Irregular if _current else faults.Irregular
OPERATION_NAMES: tuple[str, ...] = vocabulary.OPERATION_NAMES
