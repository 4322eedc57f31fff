"""New ids. One place, so that `testing.counting_ids` can make them predictable."""

from collections.abc import Callable
from os import urandom


def _random() -> str:
    # A version 4 UUID, as `uuid.uuid4` writes it, for a third of its time: two are made for each first send.
    number = int.from_bytes(urandom(16)) & ~(0xF << 76) & ~(0x3 << 62) | 0x4 << 76 | 0x2 << 62
    digits = f"{number:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


source: Callable[[], str] = _random


def new_id() -> str:
    """Return an id nobody else has: a random UUID as text."""
    return source()
