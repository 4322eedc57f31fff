"""A read API on a free port, for the length of a `with`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tracecheck.api import api_app
from tracecheck.api.listener import HttpListener
from tracecheck.store import Store


@contextmanager
def served(store: Store, refresh: Callable[[], None] = lambda: None) -> Iterator[str]:
    """Yields its address."""
    listener = HttpListener(api_app(store, refresh), "127.0.0.1", 0, purpose="the read API")
    try:
        yield f"http://127.0.0.1:{listener.port}"
    finally:
        listener.stop()
