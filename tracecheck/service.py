"""The composition root: a store, a receiver and the read API as one running thing.

`serve`, `run`, the pytest fixture and the demo all hold one of these. It owns the database file: others read through
`endpoints.api` while it runs, and open the file once it has ended.
"""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from types import TracebackType

from tracecheck.api import api_app
from tracecheck.api.listener import HttpListener
from tracecheck.chains import refresh
from tracecheck.config import Endpoints, Listen, is_loopback
from tracecheck.errors import TracecheckError
from tracecheck.receiver import Counters, ReceiverOptions, start_receiver
from tracecheck.receiver.ports import url_host
from tracecheck.store import Retention, Store, open_store, vacuum

REFRESH_AFTER_QUIET_S = 1.0
"""Chains are rebuilt once spans have paused this long, so that analysts' tables follow intake without racing it."""

REFRESH_EVERY_S = 5.0
"""Under traffic that never pauses, the tables are at most this far behind, unless it is"""

FLOOD_SPANS_PER_S = 5_000
"""faster than that: chains cost as much as storing, so following a flood would halve what can be taken in. They are
rebuilt when it pauses, when a command or a page asks for chains, and at the latest"""

REFRESH_IN_FLOOD_EVERY_S = 60.0
"""after so long."""

RETAIN_EVERY_S = 60.0
"""Between two looks at what is too old or too much."""

_log = logging.getLogger(__name__)


class Service:
    """A running tracecheck; a context manager. Raises `StoreLocked`, `StoreForeign` or `PortInUse` before it runs."""

    def __init__(
        self,
        store_location: str,
        listen: Listen,
        options: ReceiverOptions | None = None,
        retention: Retention | None = None,
    ) -> None:
        with ExitStack() as undo:
            self.store: Store = open_store(store_location)
            undo.callback(self.store.close)
            options = options or ReceiverOptions()
            receiver = start_receiver(self.store, listen, options=options)
            undo.callback(receiver.close)
            # A page that rebinds its name threatens what only this machine reaches; elsewhere any name may be ours.
            names = () if is_loopback(listen.host) else ("*",)
            security = options.security
            read_api = api_app(
                self.store,
                lambda: refresh(self.store),
                allowed_hosts=names,
                security=security,
                counters=lambda: receiver.counters,
            )
            api = HttpListener(read_api, listen.host, listen.api_port, purpose="the read API", security=security)
            undo.callback(api.stop)
            self._receiver = receiver
            self.endpoints = Endpoints(
                grpc=receiver.grpc_endpoint,
                http=receiver.http_endpoint,
                api=f"{security.scheme}://{url_host(listen.host)}:{api.port}",
            )
            self._stopped = threading.Event()
            self._retention = retention or Retention()
            for work in (self._keep_chains_fresh, self._keep_small):
                thread = threading.Thread(target=work, name=f"tracecheck-{work.__name__}", daemon=True)
                thread.start()
                undo.callback(thread.join)
            undo.callback(self._stopped.set)
            self._close = undo.pop_all()

    @property
    def counters(self) -> Counters:
        """What the receiver took so far."""
        return self._receiver.counters

    def wait_until_stopped(self) -> None:
        """Blocks until `stop` is called (from a signal handler, say)."""
        self._stopped.wait()

    def stop(self) -> None:
        """Makes `wait_until_stopped` return. Safe in a signal handler."""
        self._stopped.set()

    def close(self) -> None:
        """Answers what is in flight, stops the listeners, stores what waits, closes the store.

        Chains that are not up to date then are brought so by the next reader.
        """
        self._close.close()

    def __enter__(self) -> "Service":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _keep_chains_fresh(self) -> None:
        """Rebuilds after each burst. The generation is read before, so that a span coming meanwhile is not missed."""
        fresh = 0
        while not self._stopped.is_set():
            if self.store.wait(fresh, REFRESH_AFTER_QUIET_S) == fresh:
                continue
            self._until_quiet()
            fresh = self.store.generation()
            if not self._stopped.is_set():
                _despite_faults("the chains are not brought up to date", partial(refresh, self.store))

    def _until_quiet(self) -> None:
        """Returns when spans pause, or came for too long to leave the tables behind."""
        began, received = time.monotonic(), self.counters.received
        seen = -1
        while (now := self.store.generation()) != seen and not self._stopped.wait(REFRESH_AFTER_QUIET_S):
            seen = now
            passed_s = time.monotonic() - began
            flooded = self.counters.received - received > FLOOD_SPANS_PER_S * passed_s
            if passed_s >= (REFRESH_IN_FLOOD_EVERY_S if flooded else REFRESH_EVERY_S):
                return

    def _keep_small(self) -> None:
        """Removes what is older or more than is to be kept, from time to time."""
        wanted = self._retention
        if wanted.keep_ns is None and wanted.keep_bytes is None:
            return
        remove = partial(vacuum, self.store, older_than_ns=wanted.keep_ns, larger_than_bytes=wanted.keep_bytes)
        while not self._stopped.is_set():
            _despite_faults("old spans are not removed", remove)
            self._stopped.wait(RETAIN_EVERY_S)


def _despite_faults(consequence: str, work: Callable[[], object]) -> None:
    """A store that cannot write for now (a full disk) must not end what is done again and again."""
    try:
        work()
    except TracecheckError as error:
        _log.warning("%s: %s", consequence, error)
