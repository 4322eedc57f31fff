"""New ids. One place, so that `testing.counting_ids` can make them predictable."""

from collections.abc import Callable
from uuid import uuid4


def _random() -> str:
    return str(uuid4())


source: Callable[[], str] = _random


def new_id() -> str:
    """Return an id nobody else has: a random UUID as text."""
    return source()
