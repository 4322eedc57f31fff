"""What came in while somebody waits, to be found again by what it shares with spans that come later.

Each row is looked at once, when it came; from then on finding it costs a look into a dictionary, however many others
there are. Rows become spans when they are asked for.
"""

from array import array
from bisect import bisect_right
from collections.abc import Container, Iterable, Iterator
from itertools import groupby

import pyarrow as pa

from tracecheck.chains.touching import Token, tokens_in
from tracecheck.model import Span
from tracecheck.store.spans import spans_of

MOST_ROWS = 25_000
"""Rows on one of two shelves, some 40 MB. When one is full, the rows of the other go: they are in the store."""

MOST_GONE = 1_000_000
"""Tokens known of rows that are in the store only, some 150 MB."""


class Arrivals:
    """The last rows that came, and what those before them bore. Every row is given out once."""

    def __init__(self, stored: set[Token]) -> None:
        """`stored` is what rows bear that only the store has; it is kept, and grows."""
        self._stored = stored
        self._young, self._old = _Shelf(), _Shelf()

    def add(self, rows: pa.Table, *wanted: Container[Token]) -> list[Span]:
        """Keeps rows, and returns those that bear what is wanted."""
        found: list[Span] = []
        for batch in rows.to_batches():
            if self._young.size >= MOST_ROWS:
                self._let_go()
            found += self._young.give(self._young.add(batch, wanted))
        return found

    def bearing(self, tokens: Iterable[Token]) -> tuple[list[Span], list[Token]]:
        """Spans kept that bear any of the tokens and were not given out before; tokens that stored ones bear."""
        tokens = list(tokens)
        spans = [span for shelf in (self._old, self._young) for span in shelf.give(shelf.bearing(tokens))]
        return spans, [token for token in tokens if token in self._stored]

    def _let_go(self) -> None:
        if len(self._stored) > MOST_GONE:
            self._stored.clear()
        self._stored.update(self._old.last)
        self._young, self._old = _Shelf(), self._young


class _Shelf:
    """Rows in the order they came. Each token of a row is an entry, which names the one before it with that token."""

    def __init__(self) -> None:
        self.size = 0
        self.last: dict[Token, int] = {}
        self._row = array("q")
        self._before = array("q")
        self._batches: list[pa.RecordBatch] = []
        self._starts: list[int] = []
        self._given: set[int] = set()

    def add(self, batch: pa.RecordBatch, wanted: tuple[Container[Token], ...]) -> set[int]:
        start, found, last = self.size, set(), self.last
        for token, place in tokens_in(batch):
            self._before.append(last.get(token, -1))
            last[token] = len(self._row)
            self._row.append(start + place)
            for tokens in wanted:
                if token in tokens:
                    found.add(start + place)
        self._batches.append(batch)
        self._starts.append(start)
        self.size += batch.num_rows
        return found

    def bearing(self, tokens: Iterable[Token]) -> set[int]:
        found: set[int] = set()
        for token in tokens:
            entry = self.last.get(token, -1)
            while entry >= 0:
                found.add(self._row[entry])
                entry = self._before[entry]
        return found

    def give(self, rows: set[int]) -> list[Span]:
        """Spans of those rows that were not given before. By slices: what is asked for came together mostly."""
        found: list[Span] = []
        fresh = sorted(rows - self._given)
        self._given.update(fresh)
        for first, length in _runs(fresh):
            number = bisect_right(self._starts, first) - 1
            while length > 0:
                batch, start = self._batches[number], first - self._starts[number]
                part = batch.slice(start, length)
                found += spans_of(part)
                first, length, number = first + part.num_rows, length - part.num_rows, number + 1
        return found


def _runs(numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Ascending numbers as (first, how many without a gap)."""
    for _, run in groupby(enumerate(numbers), lambda pair: pair[1] - pair[0]):
        together = [number for _, number in run]
        yield together[0], len(together)
