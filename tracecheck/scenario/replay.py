"""Publishes the last good message of a broken chain again, where it was lost, and sees whether the chain heals."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tracecheck import semconv
from tracecheck.chains import hops, load, refresh
from tracecheck.check import check_store, diagnose
from tracecheck.check.causes.attempts import is_dead_letter_name
from tracecheck.errors import UsageError
from tracecheck.expect import Expectation
from tracecheck.model import Cause, CheckReport, Finding, Hop, Link, Outcome, Span, SpanBrief, Verdict
from tracecheck.probe.brokers.kafka_read import read_record
from tracecheck.probe.carried import texts
from tracecheck.probe.inject import Injected, Injection, inject
from tracecheck.scenario.ground import Ground
from tracecheck.store import Store

RETRY_OF_HEADER = "tracecheck-retry-of"
RETRY_OF = "tracecheck.retry_of"
LATER = {Cause.LATE}
"""A replayed message is late by nature; that it came is what heals."""

_RECORD = """
    select message_key, value, headers, event_id from records
    where system = $system and value is not null and (
        destination = $destination and partition_id = $partition and message_offset = $offset
        or $partition is null and message_id = $message_id)
    limit 1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What would be published: a message as it was, where, and why. `source` says where its value was read.

    `event_id` is the idempotency key it carried; None means that a consumer cannot tell it from a new event.
    """

    chain_id: str
    system: str
    place: str
    destination: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    event_id: str | None
    correlation_id: str | None
    run_id: str | None
    sent: SpanBrief
    broke: Finding | None
    source: str


def plan_replay(
    ground: Ground, chain_id: str, expectations: Sequence[Expectation] = (), *, to: str | None = None
) -> Replay:
    """Finds the last good message of a chain and reads it: from the records seen on the bus, else from the broker.

    Where it broke is what the expectations say, else what the spans prove by themselves. A message that nobody can
    read any more is taken from the dead letter it became. Raises `UsageError` where nothing is broken, or nothing of
    it can be read.
    """
    broke = _broke(ground.store, chain_id, expectations)
    hop = _hop_of(hops(ground.store, chain_id), broke)
    if hop is None or hop.producer is None:
        raise UsageError(
            f"chain {chain_id} has no message that was lost; give --spec with what should have happened, "
            "or see `tracecheck diagnose`"
        )
    chain = load(ground.store, chain_id)
    for each, source in _copies(hop, broke, hops(ground.store, chain_id)):
        found = _read(ground, each)
        if found is not None:
            key, value, headers, event_id, where = found
            span = next((span for span in chain.spans if span.key == _key(hop.producer)), None)
            return Replay(
                chain_id=chain_id,
                system=hop.system or "kafka",
                place=_place(hop),
                destination=to or hop.destination or "",
                key=key,
                value=value,
                headers=headers,
                event_id=event_id or _event_id(span),
                correlation_id=(span.correlation_id if span else None) or chain.summary.correlation_id,
                run_id=(span.run_id if span else None) or chain.summary.run_id,
                sent=hop.producer,
                broke=broke,
                source=f"{source}, read from {where}",
            )
    raise UsageError(
        f"{_place(hop)} is not among the records seen, and no broker still has it; "
        "name its broker with --bootstrap-servers"
    )


def replay(planned: Replay, ground: Ground) -> Injected:
    """Publishes it: same key, value, headers, correlation and event id; a new span, linked to the one that was lost.

    Raises what publishing raises.
    """
    retry_of = planned.event_id or planned.place
    link = Link(trace_id=planned.sent.trace_id, span_id=planned.sent.span_id)

    def linked(span: Span) -> None:
        attributes = {**span.attributes, RETRY_OF: retry_of}
        ground.sink(semconv.canonical(replace(span, attributes=attributes, links=(*span.links, link))))

    headers = tuple((name, value) for name, value in planned.headers if name.lower() != RETRY_OF_HEADER)
    injection = Injection(
        destination=planned.destination,
        key=planned.key,
        value=planned.value,
        headers=(*headers, (RETRY_OF_HEADER, retry_of.encode())),
        correlation_id=planned.correlation_id,
        run_id=planned.run_id,
        event_id=planned.event_id,
        # Linked, never below the lost send: a send within a send of the same id is one message told twice.
    )
    with ground.publishing(planned.system) as broker:
        return inject(injection, broker, linked)


def await_healed(
    planned: Replay, done: Injected, ground: Ground, expectations: Sequence[Expectation], timeout_s: float
) -> CheckReport | None:
    """Waits until the chain has healed, and returns the last report: see `healed`.

    Without expectations, healed means that the group that lost the message has handled it, and None says so.
    """
    deadline = time.monotonic() + timeout_s
    report: CheckReport | None = None
    while True:
        generation = ground.store.generation()
        if expectations:
            report = check_store(ground.store, expectations, needle=planned.chain_id, settle_ns=0)
            if healed(report):
                return report
        elif _handled(ground.store, planned, done):
            return None
        left_s = deadline - time.monotonic()
        if left_s <= 0:
            return report or CheckReport(
                verdict=Verdict.FAIL, results=(), as_of_unix_nano=time.time_ns(), matched=False
            )
        ground.store.wait(generation, left_s)


def healed(report: CheckReport | None) -> bool:
    """True if all that should have happened is known to have, however late."""
    if report is None:
        return True
    open_ones = [one for result in report.results for one in result.findings if one.verdict is not Verdict.PASS]
    is_known = report.matched and report.verdict is not Verdict.INCONCLUSIVE
    return is_known and all(finding.code in LATER for finding in open_ones)


def _broke(store: Store, chain_id: str, expectations: Sequence[Expectation]) -> Finding | None:
    if expectations:
        report = check_store(store, expectations, needle=chain_id, settle_ns=0)
        findings = [one for result in report.results for one in result.findings]
    else:
        findings = diagnose(store, chain_id)
    grave = [one for one in findings if one.verdict is Verdict.FAIL and one.last_good and one.last_good.destination]
    return grave[0] if grave else None


def _hop_of(found: Sequence[Hop], broke: Finding | None) -> Hop | None:
    """The hop of the last good message: the one the finding names, else one that was never, or not well, handled."""
    last_good = broke.last_good if broke is not None else None
    if last_good is not None:
        named = [
            hop
            for hop in found
            if hop.producer is not None
            and (hop.destination, hop.partition, hop.offset)
            == (last_good.destination, last_good.partition, last_good.offset)
        ]
        if named:
            return next((hop for hop in named if broke and hop.consumer_group == broke.consumer_group), named[0])
    return next((hop for hop in found if hop.outcome in (Outcome.FAILED, Outcome.UNDELIVERED) and hop.producer), None)


def _copies(hop: Hop, broke: Finding | None, found: Sequence[Hop]) -> list[tuple[Hop, str]]:
    named = broke.detail.get("dead_letter") if broke is not None else None
    letters = [
        each for each in found if (each.destination == named if named else is_dead_letter_name(each.destination))
    ]
    return [(hop, "the message itself"), *((each, f"its dead letter {_place(each)}") for each in letters)]


Copy = tuple[bytes | None, bytes | None, tuple[tuple[str, bytes], ...], str | None, str]


def _read(ground: Ground, hop: Hop) -> Copy | None:
    """Key, value, headers and event id of the message of a hop, and where they were found."""
    place = {"destination": hop.destination, "partition": hop.partition, "offset": hop.offset}
    known = {"system": hop.system or "kafka", **place, "message_id": hop.message_id}
    rows = ground.store.query(_RECORD, known).to_pylist()
    if rows:
        row = rows[0]
        headers = tuple((name, value.encode()) for name, value in dict(row["headers"] or {}).items())
        return row["message_key"], row["value"], headers, row["event_id"], "the records seen on the bus"
    address = ground.places.brokers.get("kafka")
    if known["system"] != "kafka" or address is None or hop.destination is None:
        return None
    if hop.partition is None or hop.offset is None:
        return None
    record = read_record(address, hop.destination, hop.partition, hop.offset)
    if record is None:
        return None
    event_id = texts(record.headers).get("tracecheck-event-id")
    return record.key, record.value, record.headers, event_id, f"the broker at {address}"


def _event_id(span: Span | None) -> str | None:
    """By its send. The conventions' message id is ours where the messaging system has none of its own."""
    if span is None or span.messaging is None:
        return None
    return span.messaging.event_id or span.messaging.identity.message_id


def _handled(store: Store, planned: Replay, done: Injected) -> bool:
    group = planned.broke.consumer_group if planned.broke is not None else None
    chains = [planned.chain_id, f"{done.span.trace_id}:{done.span.span_id}"]
    refresh(store)
    for hop in (hop for chain_id in chains for hop in _hops(store, chain_id)):
        if hop.producer is not None and _key(hop.producer) == done.span.key and hop.outcome is Outcome.DELIVERED:
            return group is None or hop.consumer_group == group
    return False


def _hops(store: Store, chain_id: str) -> Sequence[Hop]:
    try:
        return hops(store, chain_id)
    except UsageError:
        return ()


def _key(brief: SpanBrief) -> tuple[str, str]:
    return (brief.trace_id, brief.span_id)


def _place(hop: Hop) -> str:
    return f"{hop.destination}[{hop.partition}]@{hop.offset}"
