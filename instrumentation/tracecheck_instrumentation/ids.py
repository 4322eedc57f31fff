"""New ids. One place, so that `testing.counting_ids` can make them predictable."""

import os
from collections.abc import Callable
from random import Random

# Not the module's own generator, which a service may seed; and no system call per message, as `uuid.uuid4` makes.
_generator = Random()  # noqa: S311 - an id need not be secret
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_generator.seed)


def _random() -> str:
    return _generator.getrandbits(128).to_bytes(16).hex()


source: Callable[[], str] = _random


def new_id() -> str:
    """Return an id nobody else has: 128 random bits as 32 hex digits, the form of a trace id."""
    return source()
