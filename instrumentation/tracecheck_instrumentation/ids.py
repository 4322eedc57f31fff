"""New ids. One place, so that `testing.counting_ids` can make them predictable."""

import os
from collections.abc import Callable
from random import Random

# Not the module's own generator, which a service may seed; and no system call per message, as `uuid.uuid4` makes.
_generator = Random()  # noqa: S311 - an id need not be secret
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_generator.seed)


def _random() -> str:
    digits = f"{_generator.getrandbits(128):032x}"
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


source: Callable[[], str] = _random


def new_id() -> str:
    """Return an id nobody else has: a random UUID (version 4) as text."""
    return source()
