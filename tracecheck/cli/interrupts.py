"""Ctrl-C during a long query: a thread inside the database does not run Python's handlers, so another one hears it."""

import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tracecheck.store import Store

AGAIN_EVERY_S = 0.05
"""An interrupt that comes before a query has begun to run is lost, and the next query knows nothing of it."""


@contextmanager
def hearing_interrupts(store: "Store") -> Iterator[None]:
    """Ends what a local store is at when SIGINT comes, and everything after it: the block raises `KeyboardInterrupt`.

    Not for commands that have something to do with the store after an interrupt. Does nothing outside the main thread,
    where the signal is ignored, or for a store over the network, whose answers are waited for in Python.
    """
    from tracecheck.store.duckdb_store import DuckDBStore

    main = threading.current_thread() is threading.main_thread()
    if not main or not isinstance(store, DuckDBStore) or not callable(signal.getsignal(signal.SIGINT)):
        yield
        return
    heard, over = threading.Event(), threading.Event()
    read_from, write_to = socket.socketpair()
    with closing(read_from), closing(write_to):
        write_to.setblocking(False)

        def interrupt() -> None:
            while signal.SIGINT not in (numbers := read_from.recv(100)):
                if not numbers:
                    return
            heard.set()
            while not over.wait(AGAIN_EVERY_S):
                store.interrupt()

        listener = threading.Thread(target=interrupt, name="tracecheck-interrupts", daemon=True)
        listener.start()
        before = signal.set_wakeup_fd(write_to.fileno(), warn_on_full_buffer=False)
        try:
            yield
        except BaseException:
            if not heard.is_set():
                raise
        finally:
            signal.set_wakeup_fd(before)
            over.set()
            write_to.shutdown(socket.SHUT_WR)
            listener.join()
        if heard.is_set():
            raise KeyboardInterrupt
