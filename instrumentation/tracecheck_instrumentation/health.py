"""What was ignored instead of raised: the library never fails a service, so it counts."""

import logging
import os
from collections import Counter
from collections.abc import Callable
from functools import wraps
from threading import Lock
from typing import ParamSpec, TypeVar

_logger = logging.getLogger("tracecheck_instrumentation")
_counts: Counter[str] = Counter()
_lock = Lock()

P = ParamSpec("P")
R = TypeVar("R")


def health() -> dict[str, int]:
    """Return how often something was ignored in this process, by reason; empty when all went well.

    Reasons: `header_malformed`, `header_oversized`, `header_repeated`, and `error:<where>` for a fault of our own.
    """
    with _lock:
        return dict(_counts)


def ignored(reason: str, error: BaseException | None = None) -> None:
    """Count `reason`; the first time, a fault of our own is also logged with its traceback."""
    with _lock:
        _counts[reason] += 1
        first = _counts[reason] == 1
    if error is not None and first:
        _logger.warning("ignored (%s); the service goes on, its spans may lack detail", reason, exc_info=error)


def _renew_lock() -> None:
    global _lock
    _lock = Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)  # another thread of the parent may have held it


def harmless(function: Callable[P, R]) -> Callable[P, R | None]:
    """Decorate a function that must not raise into a service: a fault is counted, and it returns None."""
    where = f"error:{function.__qualname__}"

    @wraps(function)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R | None:
        try:
            return function(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - the promise of this library
            ignored(where, error)
            return None

    return guarded
