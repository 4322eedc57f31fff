"""The two ways to say "this code handles that record"."""

from typing import Any

from tracecheck_instrumentation import names
from tracecheck_instrumentation.adapters import adapter_of, delivery_of
from tracecheck_instrumentation.handling import Handling
from tracecheck_instrumentation.headers import context_fields, event_id, identifier, outgoing, read_fields
from tracecheck_instrumentation.health import harmless
from tracecheck_instrumentation.loop import AsyncHandledLoop, HandledLoop


def instrumented(consumer: Any, *, group: str | None = None) -> Any:
    """Return an iterator over a consumer's records; the loop body has a process span, the message's context current.

    For `for`, or for `async for` where the client is an asyncio one.

    The span of a record ends when the next one is asked for, so waiting is not part of it; leaving the loop by an
    exception gives it error status. `group` is for clients that do not know their consumer group.
    """
    if isinstance(consumer, HandledLoop | AsyncHandledLoop):
        return consumer
    if (loop := _handled(consumer, group)) is not None:
        return loop
    return HandledLoop(iter(consumer).__next__, delivery_of) if hasattr(consumer, "__iter__") else consumer


def process(record: Any, *, group: str | None = None, consumer: Any = None) -> Handling:
    """Return a context manager in which `record` is handled: `with process(record) as span: ...`.

    For records from `poll()`, callbacks and worker threads. A list of records is handled as one batch: one span that
    links to each message. Name the `consumer` (or the `group`) where one process polls a partition for several groups.
    An exception that leaves the block is recorded on the span and passed on.
    """
    records = list(record) if _is_batch(record) else [record]
    deliveries = [found for each in records if (found := delivery_of(each, consumer, group)) is not None]
    if not deliveries:
        return Handling(None, ())
    return Handling(deliveries[0][0], [message for _, message in deliveries])


@harmless
def _handled(consumer: Any, group: str | None) -> Any:
    adapter = adapter_of(consumer)
    return None if adapter is None else adapter.handled(consumer, group)


def _is_batch(record: object) -> bool:
    # Some clients' records are named tuples, so a sequence is a batch only if nobody knows it as a record.
    return isinstance(record, list | tuple) and adapter_of(record) is None


def retry_headers(record: Any) -> list[tuple[str, bytes]]:
    """Return headers for sending `record` again (to a retry topic): its own, and which event it is a retry of.

    What a send writes anew (context, event id) is left out. Of a record that is a retry already, the first event stays
    the one named. A record without an event id gives no `tracecheck-retry-of`.
    """
    return _retry_headers(record) or []


@harmless
def _retry_headers(record: Any) -> list[tuple[str, bytes]] | None:
    if (delivery := delivery_of(record)) is None:
        return None
    carrier = delivery[1].carrier
    fields = read_fields(carrier)
    kept = outgoing(carrier, context_fields() | {names.EVENT_ID_HEADER, names.RETRY_OF_HEADER})
    if first := identifier(fields.get(names.RETRY_OF_HEADER)) or event_id(fields):
        kept.append((names.RETRY_OF_HEADER, first.encode()))
    return kept
