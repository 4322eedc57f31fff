"""The chains somebody waits for, kept in memory as their spans come in: an answer without asking the database.

A watch takes what concerns it out of each append, and whatever that touches in turn: a span concerns the watch if it is
of the run or bears the id asked for, or shares a trace, a link, a message's position or id, or a correlation id with
one that does. What came before the watch is read from the store once, when it begins: all that concerns it, and by what
the other spans of the last minute could be touched, since one of them may turn out to concern it. (A span that lay
unrelated for longer before the watch began, and becomes related by a later one, is seen by the next refresh instead.)
"""

import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import pyarrow as pa

from tracecheck.chains.arrivals import Arrivals
from tracecheck.chains.assembly import assemble
from tracecheck.chains.refresh import CORRELATION_TRACE_CAP
from tracecheck.chains.touching import (
    NAME,
    Token,
    recent_tokens,
    stored_touching,
    tokens_asked_for,
    tokens_of,
)
from tracecheck.errors import TracecheckError
from tracecheck.model import Chain, Span
from tracecheck.semconv import FLUSH_SPAN
from tracecheck.store import Reader
from tracecheck.store.spans import read_spans

LOOK_BACK_NS = 60_000_000_000
"""Of what came before the watch, spans ingested this long before the last one may still turn out to concern it."""

MOST_ROWS_HEARD = 50_000
"""Rows that wait to be looked through, some 50 MB. With more, the watch gives up: the verdict comes from the store."""

MOST_SPANS = 20_000
"""Spans in one watch, some 60 MB. With more, it gives up too."""

CONSTANTS = "select correlation_id from correlation_rows group by correlation_id having count(*) > $cap"


@runtime_checkable
class Listenable(Protocol):
    """A store that hands over rows as they become durable."""

    def listen(self, listener: Callable[[pa.Table], None]) -> Callable[[], None]:
        """See `DuckDBStore.listen`."""
        ...


@contextmanager
def watching(store: Reader, *, run_id: str | None = None, name: str | None = None) -> Iterator["Watch | None"]:
    """A watch over the chains of a run, or over those that bear an id (of a trace, chain, correlation or message).

    None where there is nothing to listen to: a remote store, or neither (or both) of the two.
    """
    if (run_id is None) == (name is None) or not isinstance(store, Listenable):
        yield None
        return
    watch = Watch(run_id=run_id, name=name)
    end = store.listen(watch.hear)
    try:
        watch.begin(store)
        yield watch
    finally:
        end()


@dataclass(slots=True)
class _Group:
    """Spans that share something with each other and with no other group; `chains` None: not put together yet."""

    spans: list[Span] = field(default_factory=list)
    tokens: set[Token] = field(default_factory=set)
    chains: tuple[Chain, ...] | None = None


class Watch:
    """Groups of spans that concern it, each put together anew when a span joins it. Only one thread may ask."""

    def __init__(self, *, run_id: str | None = None, name: str | None = None) -> None:
        self.flushed = False
        """Whether a process instance sent its flush mark since this was last set to False."""
        self._run_id = run_id
        self._name = name
        self._lock = threading.Lock()
        self._heard: deque[pa.Table] = deque()
        self._rows_heard = 0
        self._asked_for = tokens_asked_for(run_id, name)
        self._arrivals = Arrivals(set())
        self._store: Reader | None = None
        self._constants: frozenset[str] = frozenset()
        self._spans: dict[tuple[str, str], Span] = {}
        self._traces_of: dict[str, set[str]] = defaultdict(set)
        self._group_of: dict[Token, _Group] = {}
        self._groups: dict[int, _Group] = {}
        self._lost = False

    @property
    def seen(self) -> int:
        """How many spans concern it; grows with each."""
        return len(self._spans)

    def hear(self, rows: pa.Table) -> None:
        """Takes the rows of an append, which are its own to keep, to be looked through when somebody asks."""
        with self._lock:
            self._heard.append(rows)
            self._rows_heard += rows.num_rows
            if len(self._heard) > 1 and self._rows_heard > MOST_ROWS_HEARD:
                self._heard.clear()
                self._lost = True

    def begin(self, store: Reader) -> None:
        """Reads what is stored already."""
        try:
            constants = store.query(CONSTANTS, {"cap": CORRELATION_TRACE_CAP})
            self._constants = frozenset(constants.column(0).to_pylist())
            self._store = store
            self._arrivals = Arrivals(recent_tokens(store, LOOK_BACK_NS))
            where = "run_id = $value" if self._name is None else NAME
            found = read_spans(store, where, {"value": self._name or self._run_id})
            while found and not self._lost:
                tokens = self._take(found)
                found = stored_touching(store, tokens) if tokens else []
        except TracecheckError:
            self._lost = True

    def chains(self) -> list[Chain] | None:
        """The chains as they stand, by start; None where only the store can tell."""
        while not self._lost:
            with self._lock:
                if not self._heard:
                    break
                rows = self._heard.popleft()
                self._rows_heard -= rows.num_rows
            self._look_through(rows)
        if self._lost:
            return None
        for group in self._groups.values():
            if group.chains is None:
                group.chains = assemble(group.spans, self._constants).chains
        found = [chain for group in self._groups.values() for chain in group.chains or ()]
        return sorted(found, key=lambda chain: (chain.summary.start_unix_nano, chain.chain_id))

    def concerns(self, chain: Chain) -> bool:
        """Whether a chain is of the run, or bears the id; the others are here because they touch one that does."""
        if self._name is None:
            return self._run_id in chain.run_ids
        if self._name in (chain.chain_id, *chain.summary.trace_ids, *chain.correlation_ids, *chain.run_ids):
            return True
        said = (span.messaging for span in chain.spans if span.messaging is not None)
        return any(self._name in (one.identity.message_id, one.event_id) for one in said)

    def _look_through(self, rows: pa.Table) -> None:
        """Takes the spans that concern it, and those kept, or stored before it began, that now turn out to."""
        tokens = self._take(self._arrivals.add(rows, self._group_of, self._asked_for))
        while tokens and not self._lost:
            found, stored = self._arrivals.bearing(tokens)
            if stored and self._store is not None:
                found += stored_touching(self._store, stored)
            tokens = self._take(found)

    def _take(self, spans: Iterable[Span]) -> set[Token]:
        """Adds spans to their groups; returns what they share that no span did before."""
        fresh: set[Token] = set()
        for span in spans:
            known = self._spans.get(span.key)
            if known is not None:
                self._lost = self._lost or span != known  # of two under one id the store chooses
                continue
            self._spans[span.key] = span
            self.flushed = self.flushed or span.name == FLUSH_SPAN
            if span.correlation_id is not None:
                self._traces_of[span.correlation_id].add(span.trace_id)
                self._lost = self._lost or (
                    span.correlation_id not in self._constants
                    and len(self._traces_of[span.correlation_id]) > CORRELATION_TRACE_CAP
                )
            tokens = tokens_of(span, self._constants)
            fresh |= {token for token in tokens if token not in self._group_of}
            self._join(span, tokens)
        self._lost = self._lost or len(self._spans) > MOST_SPANS
        return fresh

    def _join(self, span: Span, tokens: set[Token]) -> None:
        touched = {id(group): group for token in tokens if (group := self._group_of.get(token)) is not None}
        largest = max(touched.values(), key=lambda group: len(group.spans), default=None) or _Group()
        for group in touched.values():
            if group is not largest:
                largest.spans += group.spans
                largest.tokens |= group.tokens
                self._group_of.update(dict.fromkeys(group.tokens, largest))
                del self._groups[id(group)]
        self._groups[id(largest)] = largest
        largest.spans.append(span)
        largest.tokens |= tokens
        largest.chains = None
        self._group_of.update(dict.fromkeys(tokens, largest))
