"""How often this process has begun a message for a group: Kafka does not say. Bounded, the oldest are forgotten."""

import os
from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock

MAX_REMEMBERED = 10_000
"""Messages remembered; redelivery follows soon after the failure, so the newest matter."""

_begun: OrderedDict[Hashable, int] = OrderedDict()
_lock = Lock()


def begin(key: Hashable) -> int:
    """Return which attempt this is, from 1."""
    with _lock:
        attempt = _begun.pop(key, 0) + 1
        _begun[key] = attempt
        if len(_begun) > MAX_REMEMBERED:
            _begun.popitem(last=False)
        return attempt


def forget_all() -> None:
    """Start over (in tests, and in a forked child, where the lock may be left held)."""
    global _lock
    _lock = Lock()
    _begun.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=forget_all)
