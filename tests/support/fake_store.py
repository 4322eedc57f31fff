"""A store of a few lines for tests of what comes before the store: it keeps spans, can be held up and can fail."""

import threading
from collections.abc import Mapping, Sequence

import pyarrow as pa

from tracecheck.model import Span
from tracecheck.store.protocol import Appended, Work
from tracecheck.store.spans import spans_of


class FakeStore:
    """Keeps spans in a list, drops identical repeats. `failures` are raised by the next appends, one each;
    None lets one pass."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.appends = 0
        self.failures: list[Exception | None] = []
        self.open = threading.Event()
        self.open.set()
        self.entered = threading.Event()
        self._lock = threading.Lock()

    def append(self, spans: Sequence[Span]) -> Appended:
        """Keeps the spans, once `open` is set."""
        self.entered.set()
        self.open.wait()
        with self._lock:
            self.appends += 1
            failure = self.failures.pop(0) if self.failures else None
            if failure is not None:
                raise failure
            known = {span.key: span for span in self.spans}
            stored = duplicates = conflicting = 0
            for span in spans:
                if known.get(span.key) == span:
                    duplicates += 1
                    continue
                conflicting += span.key in known
                stored += 1
                known[span.key] = span
                self.spans.append(span)
        return Appended(stored=stored, duplicates=duplicates, conflicting=conflicting)

    def append_arrow(self, batch: pa.Table) -> Appended:
        """Keeps the spans of the rows."""
        return self.append(spans_of(batch))

    def query(self, _sql: str, _parameters: Mapping[str, object] | Sequence[object] | None = None) -> pa.Table:
        """Finds no trace: there are no tables."""
        return pa.table({"trace_id": pa.array([], pa.string())})

    def generation(self) -> int:
        return self.appends

    def wait(self, after: int, timeout_s: float) -> int:
        raise NotImplementedError

    def write(self, work: Work) -> None:
        raise NotImplementedError

    def refresh(self, pipeline: Work) -> None:
        raise NotImplementedError

    def close(self) -> None:
        self.open.set()
