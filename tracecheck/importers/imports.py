"""The story of an import: find the inputs, read them piece by piece, store what is good, say what is not."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from tracecheck.errors import InvalidFile
from tracecheck.importers.late_sides import separate_late_sides
from tracecheck.importers.piece import Piece, Unrecognised
from tracecheck.importers.read import read_source
from tracecheck.importers.sources import Source, find_sources
from tracecheck.model import Span
from tracecheck.semconv import canonical
from tracecheck.store.protocol import Store

BATCH_SPANS = 20_000
"""Spans per append: enough for the store to work in bulk, few enough to hold as objects."""

MAX_PROBLEMS = 1000
"""Problems listed one by one; the rest is a count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportSummary:
    """What an import did. `spans_read` counts every span met, `rejected` the spans, lines and files left out,
    `repaired` the repairs inside kept spans, `skipped` the parts that hold no spans by design (logs, metrics, and
    files of other kinds met in a folder). `problems` are `file:line: reason`."""

    files: int = 0
    spans_read: int = 0
    spans_stored: int = 0
    duplicates: int = 0
    rejected: int = 0
    repaired: int = 0
    skipped: int = 0
    problems: tuple[str, ...] = ()


def import_files(
    store: Store,
    paths: Sequence[Path | str],
    strict: bool = False,
    progress: Callable[[ImportSummary], None] | None = None,
) -> ImportSummary:
    """Reads trace files of any known format into the store: OTLP JSON, JSON lines and protobuf, Jaeger JSON, Zipkin v2
    JSON; plain, gzip or zstd; segments of a receiver's journal; files, folders, and `-` for standard input.

    Good parts of a bad file are kept. With `strict` everything is read first, and `InvalidFile` with all problems is
    raised before anything is stored if a part would be rejected or repaired. `progress` is called with the summary so
    far after each append and each file. Raises `InvalidFile` for paths that do not exist.
    """
    sources = find_sources(paths)
    if strict:
        _refuse_problems(sources)
    tally = _Tally()
    batch: list[Span] = []
    sharing: set[str] = set()

    def store_batch() -> None:
        if batch:
            appended = store.append(batch)
            tally.stored(appended.stored, appended.duplicates)
            batch.clear()
        if progress is not None:
            progress(tally.summary())

    for source in sources:
        for piece in tally.pieces(source):
            if piece.shares_ids:
                sharing.update(span.trace_id for span in piece.spans)
            batch.extend(canonical(span) for span in piece.spans)
            if len(batch) >= BATCH_SPANS:
                store_batch()
    store_batch()
    if sharing:
        known = separate_late_sides(store, sharing)
        tally.stored(-known, known)
    return tally.summary()


def _refuse_problems(sources: Sequence[Source]) -> None:
    tally = _Tally()
    for source in sources:
        for _ in tally.pieces(source):
            pass
    if problems := tally.summary().problems:
        raise InvalidFile(list(problems))


@dataclass(slots=True)
class _Tally:
    """Counts while pieces pass."""

    counted: ImportSummary = field(default_factory=ImportSummary)
    problems: list[str] = field(default_factory=list)
    unlisted: int = 0

    def pieces(self, source: Source) -> Iterator[Piece]:
        """The pieces of one source, each counted as it passes."""
        repairs: Counter[str] = Counter()
        self._add(files=1)
        try:
            for piece in read_source(source):
                self._count(source, piece)
                repairs.update(piece.notes.repairs)
                yield piece
        except Unrecognised as error:
            if source.chosen:
                self._add(rejected=1)
                self._problem(f"{source.name}: no trace format is recognised: {error}")
            else:
                self._add(skipped=1)
        for reason, count in repairs.items():
            self._problem(f"{source.name}: {count} repaired: {reason}")

    def stored(self, stored: int, duplicates: int) -> None:
        """Counts what became of an append."""
        self._add(spans_stored=stored, duplicates=duplicates)

    def summary(self) -> ImportSummary:
        """The counts so far."""
        more = (f"and {self.unlisted} more problems",) if self.unlisted else ()
        return replace(self.counted, problems=(*self.problems, *more))

    def _count(self, source: Source, piece: Piece) -> None:
        place = source.name if piece.line is None else f"{source.name}:{piece.line}"
        rejected = piece.notes.rejections.total()
        self._add(
            spans_read=len(piece.spans) + rejected,
            rejected=rejected + (piece.unreadable is not None),
            repaired=piece.notes.repairs.total(),
            skipped=int(piece.skipped),
        )
        if piece.unreadable is not None:
            self._problem(f"{place}: {piece.unreadable}")
        for reason, count in piece.notes.rejections.items():
            self._problem(f"{place}: {reason}" if count == 1 else f"{place}: {count} spans: {reason}")

    def _problem(self, text: str) -> None:
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(text)
        else:
            self.unlisted += 1

    def _add(self, **more: int) -> None:
        self.counted = replace(
            self.counted, **{name: getattr(self.counted, name) + count for name, count in more.items()}
        )
