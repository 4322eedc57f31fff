"""What is wrong without any expectation: only what the spans themselves prove.

Of one chain, each finding by itself. Of a whole store, findings of one kind together: how often, since when, and the
first as the example. `not_sent` and a group that was never there need an expectation; a group that handled an earlier
offset of a partition proves by itself that it left a message out.
"""

from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

from tracecheck.chains import load, refresh, surroundings
from tracecheck.chains.refresh import CORRELATION_TRACE_CAP
from tracecheck.chains.surroundings import Surroundings
from tracecheck.check.completeness import completeness, of_group
from tracecheck.check.index import lost_side
from tracecheck.check.scene import at, message_name, spoken
from tracecheck.check.verdict import if_absent
from tracecheck.config import DEFAULT_SETTLE_NS
from tracecheck.model import Basis, Cause, Finding, SpanBrief, SpanKind, Verdict
from tracecheck.store import Store
from tracecheck.store.traces import IN_TRACE

_FAILS = (Cause.PROCESSING_FAILED, Cause.SEND_FAILED, Cause.NOT_CONSUMED)
_SAYS = (Cause.CONTEXT_LOST, Cause.DUPLICATE_DELIVERY, Cause.DUPLICATE_SEND, Cause.STALE_CONTEXT, Cause.BATCH_FAN_IN)
"""Worth saying, and harmless until an expectation forbids it. Everything else is a doubt about the evidence."""


_FLAGS = f"select flags, kind from span_rows where {IN_TRACE} and span_id = $span_id::ubigint limit 1"  # noqa: S608


def diagnose(
    store: Store, chain_id: str | None = None, *, run_id: str | None = None, settle_ns: int = DEFAULT_SETTLE_NS
) -> list[Finding]:
    """Findings of one chain, or of all (of one run), gravest and most frequent first.

    `count` says how many there are of a kind; `detail` has the first and last instant. Raises `UsageError` for a chain
    that is not stored.
    """
    refresh(store)
    if chain_id is not None:
        load(store, chain_id)
    around = surroundings(store, run_id)
    parameters = {"chain_id": chain_id, "run_id": run_id}
    found = [_of_hop(store, row) for row in store.query(_sql("hop_findings"), parameters).to_pylist()]
    found += [_of_chain(store, row) for row in store.query(_sql("chain_findings"), parameters).to_pylist()]
    found += [_skew(row) for row in store.query(_sql("skews"), parameters).to_pylist()]
    constants = parameters | {"cap": CORRELATION_TRACE_CAP}
    found += [_constant(row) for row in store.query(_sql("constants"), constants).to_pylist()]
    found += [_left_out(row, around, settle_ns) for row in store.query(_sql("left_out"), parameters).to_pylist()]
    order = list(Verdict)
    return sorted(found, key=lambda one: (-order.index(one.verdict), -one.count, one.code, one.chain_id or ""))


def _of_hop(store: Store, row: Mapping[str, Any]) -> Finding:
    code = Cause(row["code"])
    producer, consumer = _brief(row["producer"]), _brief(row["consumer"], consumes=True)
    sending = code in (Cause.SEND_FAILED, Cause.DUPLICATE_SEND)
    side = _lost_side(store, consumer) if code is Cause.ORPHAN and consumer is not None else ()
    return Finding(
        code=code,
        verdict=_verdict(code),
        chain_id=row["chain_id"],
        correlation_id=row["correlation_id"],
        service=row["service"],
        destination=row["destination"],
        consumer_group=None if sending else row["consumer_group"],
        span=producer if sending else consumer,
        last_good=None if sending else producer,
        evidence=(*side, *_apart(row), *_since(row)),
        detail=_times(row) | ({"lost_side": side[0]} if side else {}),
        count=row["count"],
    )


def _apart(row: Mapping[str, Any]) -> tuple[str, ...]:
    return (f"handlers of different names took it, {row['attempts']} times in all",) if row["is_apart"] else ()


def _of_chain(store: Store, row: Mapping[str, Any]) -> Finding:
    code = Cause(row["code"])
    origin = _brief(row["origin"])
    side = _lost_side(store, origin) if code is Cause.ORPHAN and origin is not None else ()
    return Finding(
        code=code,
        verdict=_verdict(code),
        chain_id=row["chain_id"],
        correlation_id=row["correlation_id"],
        service=row["service"],
        span=origin,
        evidence=(*side, *_since(row)),
        detail=_times(row) | ({"lost_side": side[0]} if side else {}),
        count=row["count"],
    )


def _skew(row: Mapping[str, Any]) -> Finding:
    """Of one pair of hosts: by how much at least their clocks differ."""
    ahead, behind = row["producer_host"], row["consumer_host"]
    consumer = _brief(row["consumer"], consumes=True)
    return Finding(
        code=Cause.CLOCK_SKEW,
        verdict=_verdict(Cause.CLOCK_SKEW),
        chain_id=row["chain_id"],
        correlation_id=row["correlation_id"],
        service=consumer.service if consumer is not None else None,
        destination=row["destination"],
        consumer_group=row["consumer_group"],
        span=consumer,
        last_good=_brief(row["producer"]),
        measured_ns=-row["ahead_ns"],
        evidence=(f"the clock of {ahead} is at least {spoken(row['ahead_ns'])} ahead of {behind}'s", *_since(row)),
        detail=_times(row) | {"producer_host": ahead, "consumer_host": behind},
        count=row["count"],
    )


def _constant(row: Mapping[str, Any]) -> Finding:
    """A correlation id that is on too many traces to tell them apart."""
    return Finding(
        code=Cause.AMBIGUOUS,
        verdict=Verdict.PASS,
        correlation_id=row["correlation_id"],
        evidence=(
            f"correlation id {row['correlation_id']} is on {row['traces']} traces, over the cap of "
            f"{CORRELATION_TRACE_CAP}: it joins nothing",
        ),
        detail={"traces": row["traces"], "cap": CORRELATION_TRACE_CAP},
        count=row["traces"],
    )


def _lost_side(store: Store, origin: SpanBrief) -> tuple[str, ...]:
    rows = store.query(_FLAGS, {"trace_id": origin.trace_id, "span_id": int(origin.span_id, 16)}).to_pylist()
    told = lost_side(rows[0]["flags"], SpanKind(rows[0]["kind"])) if rows else ""
    return (told,) if told else ()


def _left_out(row: Mapping[str, Any], around: Surroundings, settle_ns: int) -> Finding:
    sent = _brief(row["producer"])
    assert sent is not None
    groups = tuple(
        group
        for group in around.groups
        if (group.destination, group.consumer_group) == (row["destination"], row["consumer_group"])
    )
    services = {service for group in groups for service in group.services}
    whole = completeness(around, settle_ns)
    finding = Finding(
        code=Cause.NOT_CONSUMED,
        verdict=Verdict.FAIL,
        chain_id=row["chain_id"],
        correlation_id=row["correlation_id"],
        service=row["service"],
        destination=row["destination"],
        consumer_group=row["consumer_group"],
        last_good=sent,
        evidence=(f"{message_name(sent)} was left out", *_since(row)),
        detail=_times(row) | {"group_state": row["state"]},
        count=row["count"],
    )
    return if_absent(finding, of_group(around, whole, groups, services, sent), Basis.ASSUMED)


def _verdict(code: Cause) -> Verdict:
    if code in _FAILS:
        return Verdict.FAIL
    return Verdict.PASS if code in _SAYS else Verdict.INCONCLUSIVE


def _since(row: Mapping[str, Any]) -> tuple[str, ...]:
    if row["count"] == 1:
        return (f"at {at(row['first_unix_nano'])}",)
    return (f"{row['count']} times since {at(row['first_unix_nano'])}, last at {at(row['last_unix_nano'])}",)


def _times(row: Mapping[str, Any]) -> dict[str, Any]:
    return {"first_unix_nano": row["first_unix_nano"], "last_unix_nano": row["last_unix_nano"]}


def _brief(row: Mapping[str, Any] | None, *, consumes: bool = False) -> SpanBrief | None:
    return None if row is None or row["trace_id"] is None else SpanBrief(**row, consumes=consumes)


@cache
def _sql(name: str) -> str:
    return resources.files("tracecheck.check").joinpath("sql", f"{name}.sql").read_text("utf-8")
