"""Acknowledgement by a journal: one `fdatasync` for all requests that came while the one before it ran."""

import logging
import threading
import time
from collections.abc import Callable, Sequence

from tracecheck.errors import StoreUnavailable
from tracecheck.receiver.group import Group, Waiting
from tracecheck.receiver.journal import Journal
from tracecheck.receiver.metrics import Metrics

Written = tuple[Group, Waiting]
_log = logging.getLogger(__name__)


class Syncing:
    """Makes written requests durable in a thread of its own, then answers them.

    `on_durable` is called before the answers with what became durable: from then on everyone may see it.
    """

    def __init__(self, journal: Journal, metrics: Metrics, on_durable: Callable[[Sequence[Written]], None]) -> None:
        self._journal = journal
        self._metrics = metrics
        self._on_durable = on_durable
        self._changed = threading.Condition()
        self._written: list[Written] = []
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="tracecheck-journal", daemon=True)
        self._thread.start()

    @property
    def thread(self) -> threading.Thread:
        """The thread in which `on_durable` is called."""
        return self._thread

    def add(self, group: Group, waiting: Waiting) -> None:
        """Takes a request whose record was written."""
        with self._changed:
            group.unsynced += 1
            self._written.append((group, waiting))
            self._changed.notify_all()

    def wait_for(self, group: Group) -> None:
        """Returns when every request of the group is durable or refused. No further one may be added."""
        with self._changed:
            self._changed.wait_for(lambda: group.unsynced == 0)

    def close(self) -> None:
        """Syncs and answers what was added, then ends the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._written or self._closed)
                written, self._written = self._written, []
            if not written:
                return
            self._sync(written)

    def _sync(self, written: Sequence[Written]) -> None:
        began = time.monotonic()
        fault: StoreUnavailable | None = None
        try:
            self._journal.sync()
        except StoreUnavailable as error:
            _log.error("%s", error)
            fault = error
        self._metrics.add(journal_syncs=1, journal_sync_seconds=time.monotonic() - began)
        durable = [] if fault else [each for each in written if not self._is_lost(each)]
        if durable:
            self._announce(durable)
        answered = {id(waiting) for _, waiting in durable}
        with self._changed:
            for group, waiting in written:
                waiting.refused = id(waiting) not in answered
                group.unsynced -= 1
            self._changed.notify_all()
        for _, waiting in written:
            if waiting.refused:
                waiting.done.set_exception(fault or StoreUnavailable("the journal failed meanwhile; send again"))
            else:
                waiting.done.set_result(None)

    def _announce(self, durable: Sequence[Written]) -> None:
        try:
            self._on_durable(durable)
        except Exception:  # noqa: BLE001 - the requests are durable, and every later one waits for this thread
            _log.exception("telling of durable spans failed; they are acknowledged all the same")

    def _is_lost(self, written: Written) -> bool:
        """Written while a sync ran that then failed: it was cut off with the rest."""
        until = written[1].until
        return until is not None and self._journal.has_lost(until)
