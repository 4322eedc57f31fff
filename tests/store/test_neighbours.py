"""How a full batch is laid down: each trace's rows together, an event's id once where it is the message's too."""

from pathlib import Path

import pytest

from tests.support.spans import a_span, new_trace_id
from tracecheck.semconv import canonical
from tracecheck.store import open_store
from tracecheck.store.neighbours import WORTH_SORTING, by_trace
from tracecheck.store.rows import span_table
from tracecheck.store.spans import read_spans

TRACES = 100


def a_batch(rows: int):
    ids = [new_trace_id() for _ in range(TRACES)]
    return span_table([a_span(f"s{number}", trace_id=ids[number % TRACES]) for number in range(rows)])


def test_each_trace_s_rows_stand_together_in_the_order_in_which_they_came():
    batch = a_batch(WORTH_SORTING)
    names = by_trace(batch)["name"].to_pylist()
    assert names == [f"s{n}" for first in range(TRACES) for n in range(first, WORTH_SORTING, TRACES)]
    assert by_trace(batch).sort_by("name").equals(batch.combine_chunks().sort_by("name"))


def test_small_batches_and_such_as_have_the_order_are_left_as_they_are():
    small = a_batch(WORTH_SORTING - 1)
    assert by_trace(small) is small
    ordered = by_trace(a_batch(WORTH_SORTING))
    assert by_trace(ordered) is ordered


@pytest.mark.parametrize(
    ("attributes", "message_id", "event_id"),
    [
        ({"messaging.system": "kafka", "messaging.message.id": "m-1"}, "m-1", "m-1"),
        ({"messaging.system": "aws_sqs", "messaging.message.id": "m-1"}, "m-1", None),
        ({"messaging.system": "aws_sqs", "messaging.message.id": "m-1", "tracecheck.event.id": "e-1"}, "m-1", "e-1"),
        ({"messaging.system": "aws_sqs", "tracecheck.event.id": "e-1"}, "e-1", "e-1"),
        ({"messaging.system": "kafka"}, None, None),
    ],
)
def test_the_event_s_id_is_read_as_it_was_whether_it_is_the_message_s_or_its_own(
    tmp_path: Path, attributes: dict[str, str], message_id: str | None, event_id: str | None
):
    span = canonical(a_span(attributes={"messaging.destination.name": "orders", **attributes}))
    with open_store(str(tmp_path / "s.duckdb")) as store:
        store.append([span])
        (row,) = store.query("select message_id, event_id from spans").to_pylist()
        assert (row["message_id"], row["event_id"]) == (message_id, event_id)
        assert read_spans(store) == [span]
        stored = store.query("select own_event_id, event_is_message from span_rows").to_pylist()
    same = message_id is not None and message_id == event_id
    assert stored == [{"own_event_id": None if same else event_id, "event_is_message": same}]
