"""Waiting in tests: until something holds, with a deadline, never for a fixed time."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(condition: Callable[[], T], timeout_s: float = 30.0) -> T:
    """Return the first true value of `condition`; fail the test if there is none before the deadline."""
    deadline = time.monotonic() + timeout_s
    while not (value := condition()):
        assert time.monotonic() < deadline, f"did not come true within {timeout_s} s"
        time.sleep(0.01)
    return value
