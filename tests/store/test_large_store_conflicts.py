"""In a large store an append compares with what starts near it; before chains are built, everything is compared."""

from dataclasses import replace

import pytest

from tests.support.spans import START, a_span
from tracecheck.store import Appended, conflicts, open_store
from tracecheck.store.spans import read_spans

FAR_NS = 10 * conflicts.LOOK_AROUND_NS


@pytest.fixture(params=[0, conflicts.FEW_TRACES], ids=["of many traces", "of few traces"])
def store(request, monkeypatch):
    monkeypatch.setattr(conflicts, "COMPARE_ALL_ROWS", 3)
    monkeypatch.setattr(conflicts, "FEW_TRACES", request.param)
    with open_store(":memory:") as opened:
        opened.append([a_span(start_unix_nano=START + n) for n in range(3)])
        yield opened


def conflicting(store) -> list[bool]:
    return [span.conflicting for span in read_spans(store, "name = 'twin'")]


def test_a_repeat_is_dropped_however_long_ago_it_was_stored(store):
    old = a_span("twin", start_unix_nano=START - FAR_NS)
    store.append([old])
    store.append([a_span(start_unix_nano=START + FAR_NS)])
    assert store.append([old, a_span(start_unix_nano=START + FAR_NS)]) == Appended(stored=1, duplicates=1)


def test_a_conflict_nearby_is_marked_at_once(store):
    span = a_span("twin")
    store.append([span])
    assert store.append([replace(span, start_unix_nano=START + 1)]) == Appended(stored=1, conflicting=1)
    assert conflicting(store) == [True, True]


def test_a_conflict_far_away_is_marked_before_chains_are_built(store):
    span = a_span("twin")
    store.append([span])
    store.append([replace(span, start_unix_nano=START - FAR_NS)])
    seen_by_pipeline: list[bool] = []

    def pipeline(writer) -> None:
        rows = writer.execute("select conflicting from span_rows where name = 'twin'")
        seen_by_pipeline.extend(rows["conflicting"].to_pylist())

    store.refresh(pipeline)
    assert seen_by_pipeline == [True, True]
    assert conflicting(store) == [True, True]


def test_later_refreshes_mark_what_came_since_and_nothing_else(store):
    spans = [a_span("twin") for _ in range(2)]
    store.append(spans)
    store.refresh(lambda _: None)
    store.append([replace(spans[0], start_unix_nano=START - FAR_NS)])
    store.refresh(lambda _: None)
    marked = {span.span_id for span in read_spans(store, "conflicting")}
    assert marked == {spans[0].span_id}
