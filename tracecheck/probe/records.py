"""Writes what was seen on the bus into the table `records`, beside the spans."""

from collections.abc import Sequence

import pyarrow as pa

from tracecheck.probe.brokers.protocol import Seen
from tracecheck.probe.carried import carried
from tracecheck.store.protocol import Store, Writer

COLUMNS = pa.schema(
    [
        ("run_id", pa.string()),
        ("observer", pa.string()),
        ("system", pa.string()),
        ("destination", pa.string()),
        ("partition_id", pa.string()),
        ("message_offset", pa.int64()),
        ("message_id", pa.string()),
        ("event_id", pa.string()),
        ("correlation_id", pa.string()),
        ("message_key", pa.binary()),
        ("headers", pa.map_(pa.string(), pa.string())),
        ("value", pa.binary()),
        ("value_text", pa.string()),
        ("record_time_unix_nano", pa.int64()),
        ("seen_unix_nano", pa.int64()),
        ("trace_id", pa.string()),
        ("span_id", pa.string()),
    ]
)


def store_records(
    store: Store, seen: Sequence[Seen], *, observer: str | None = None, run_id: str | None = None
) -> None:
    """Appends one row per message, in one transaction.

    `run_id` is of the run that watched; a message that carries a run id of its own keeps it, so that a foreign run's
    messages are told apart.
    """
    if not seen:
        return
    rows = pa.Table.from_pylist([_row(one, observer, run_id) for one in seen], schema=COLUMNS)

    def insert(writer: Writer) -> None:
        writer.insert("records", rows)

    store.write(insert)


def _row(seen: Seen, observer: str | None, run_id: str | None) -> dict[str, object]:
    said = carried(seen)
    return {
        "run_id": said.run_id or run_id,
        "observer": observer,
        "system": seen.system,
        "destination": seen.destination,
        "partition_id": seen.partition,
        "message_offset": seen.offset,
        "message_id": seen.message_id,
        "event_id": said.event_id,
        "correlation_id": said.correlation_id,
        "message_key": seen.key,
        "headers": list({name: _text(value) or value.hex() for name, value in seen.headers}.items()),
        "value": seen.value,
        "value_text": _text(seen.value),
        "record_time_unix_nano": seen.record_time_unix_nano,
        "seen_unix_nano": seen.seen_unix_nano,
        "trace_id": said.trace_id,
        "span_id": said.span_id,
    }


def _text(value: bytes | None) -> str | None:
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return None
