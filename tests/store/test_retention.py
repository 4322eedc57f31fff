"""What is old goes, whole chains at a time; what is left is untouched; the file shrinks."""

import os
from pathlib import Path

import pytest

from tests.api.serving import served
from tests.support.spans import a_span
from tracecheck.chains import refresh
from tracecheck.errors import StoreLocked, StoreUnavailable, UsageError
from tracecheck.model import SpanKind
from tracecheck.semconv import canonical
from tracecheck.store import compact, open_store, vacuum
from tracecheck.store.retention import live_bytes
from tracecheck.store.spans import read_spans


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "spans.duckdb"


@pytest.fixture
def store(path):
    with open_store(str(path)) as opened:
        yield opened


def heavy(count: int):
    return [a_span(attributes={"x": os.urandom(200).hex()}) for _ in range(count)]


def stored_after(store, span) -> int:
    """The instant just after the span was stored."""
    rows = store.query("select ingested_unix_nano from spans where span_id = ?", [span.span_id])
    return rows["ingested_unix_nano"][0].as_py() + 1


def test_age_counts_from_when_a_span_was_stored(store):
    old, young = a_span(), a_span(start_unix_nano=1)
    store.append([old])
    now = stored_after(store, old) + 1000
    store.append([young])
    vacuumed = vacuum(store, older_than_ns=1000, now_unix_nano=now)
    assert vacuumed.spans_removed == 1
    assert [span.key for span in read_spans(store)] == [young.key]


def test_a_chain_stays_whole_while_its_youngest_span_is_young(store):
    placed = canonical(a_span("orders send", kind=SpanKind.PRODUCER))
    charged = canonical(
        a_span("orders process", kind=SpanKind.CONSUMER, trace_id=placed.trace_id, parent_span_id=placed.span_id)
    )
    other = a_span()
    store.append([placed, other])
    now = stored_after(store, other)
    store.append([charged])
    refresh(store)
    vacuum(store, older_than_ns=0, now_unix_nano=now)
    assert {span.key for span in read_spans(store)} == {placed.key, charged.key}
    assert store.query("select count(*) as n from chains")["n"].to_pylist() == [1]


def test_an_expired_chain_leaves_nothing_in_any_table(store):
    placed = canonical(a_span("orders send", kind=SpanKind.PRODUCER, attributes={"correlation.id": "c"}))
    store.append([placed])
    refresh(store)
    vacuum(store, older_than_ns=0, now_unix_nano=stored_after(store, placed))
    tables = store.query("select table_name from information_schema.tables where table_name like '%_rows'")
    for table in tables["table_name"].to_pylist():
        assert store.query(f"select count(*) as n from {table}")["n"].to_pylist() == [0], table


def test_what_is_stored_after_a_vacuum_is_seen_by_the_next_refresh(path):
    with open_store(str(path)) as store:
        first = canonical(a_span("orders send", kind=SpanKind.PRODUCER))
        store.append([first])
        refresh(store)
        vacuum(store, older_than_ns=0, now_unix_nano=stored_after(store, first))
    with open_store(str(path)) as store:
        store.append([canonical(a_span("orders send", kind=SpanKind.PRODUCER))])
        refresh(store)
        assert store.query("select count(*) as n from chains")["n"].to_pylist() == [1]


def test_the_oldest_go_until_the_size_holds(store):
    batches = [heavy(3000) for _ in range(4)]
    for batch in batches:
        store.append(batch)
    store.checkpoint()
    limit = live_bytes(store) // 2
    vacuumed = vacuum(store, larger_than_bytes=limit)
    assert vacuumed.bytes_after <= limit < vacuumed.bytes_before
    kept = {span.key for span in read_spans(store)}
    assert {span.key for span in batches[-1]} <= kept
    assert not kept & {span.key for span in batches[0]}
    assert vacuumed.spans_removed == 12_000 - len(kept)


def test_compacting_gives_the_space_back_and_changes_nothing_else(path):
    keep = a_span()
    with open_store(str(path)) as store:
        bulk = heavy(10_000)
        store.append(bulk)
        now = stored_after(store, bulk[0])
        store.append([keep])
        vacuum(store, older_than_ns=0, now_unix_nano=now)
    before = path.stat().st_size
    compact(str(path))
    assert path.stat().st_size < before - 1_000_000
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    with open_store(str(path)) as store:
        assert read_spans(store) == [keep]
        assert store.append([keep]).duplicates == 1


def test_a_held_or_missing_file_is_not_compacted(path, store):
    with pytest.raises(StoreLocked):
        compact(str(path))
    with pytest.raises(StoreUnavailable):
        compact(str(path.with_name("missing.duckdb")))


def test_a_remote_store_is_not_vacuumed(store):
    with served(store) as url, pytest.raises(UsageError, match="where its file is"):
        vacuum(open_store(url), older_than_ns=0)


def test_a_store_from_which_everything_was_removed_can_be_refreshed_and_filled_again(tmp_path):
    with open_store(str(tmp_path / "t.duckdb")) as store:
        for spans in (2, 3):
            store.append([a_span(f"span {number}") for number in range(spans)])
            refresh(store)
            assert store.query("select count(*) as n from chains")["n"][0].as_py() == spans
            vacuum(store, older_than_ns=-(10**15))
            refresh(store)
            assert store.query("select count(*) as n from chain_rows")["n"][0].as_py() == 0
