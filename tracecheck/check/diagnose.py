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
from tracecheck.chains.surroundings import Surroundings
from tracecheck.check.completeness import completeness, of_group
from tracecheck.check.scene import at, message_name
from tracecheck.check.verdict import if_absent
from tracecheck.config import DEFAULT_SETTLE_NS
from tracecheck.model import Basis, Cause, Finding, SpanBrief, Verdict
from tracecheck.store import Store

_FAILS = (Cause.PROCESSING_FAILED, Cause.SEND_FAILED, Cause.NOT_CONSUMED)
_SAYS = (Cause.CONTEXT_LOST, Cause.DUPLICATE_DELIVERY, Cause.DUPLICATE_SEND, Cause.STALE_CONTEXT, Cause.BATCH_FAN_IN)
"""Worth saying, and harmless until an expectation forbids it. Everything else is a doubt about the evidence."""


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
    found = [_of_hop(row) for row in store.query(_sql("hop_findings"), parameters).to_pylist()]
    found += [_of_chain(row) for row in store.query(_sql("chain_findings"), parameters).to_pylist()]
    found += [_left_out(row, around, settle_ns) for row in store.query(_sql("left_out"), parameters).to_pylist()]
    order = list(Verdict)
    return sorted(found, key=lambda one: (-order.index(one.verdict), -one.count, one.code, one.chain_id or ""))


def _of_hop(row: Mapping[str, Any]) -> Finding:
    code = Cause(row["code"])
    producer, consumer = _brief(row["producer"]), _brief(row["consumer"])
    sending = code in (Cause.SEND_FAILED, Cause.DUPLICATE_SEND)
    skewed = row["skew_ns"] if code is Cause.CLOCK_SKEW else None
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
        measured_ns=skewed,
        evidence=_since(row),
        detail=_times(row),
        count=row["count"],
    )


def _of_chain(row: Mapping[str, Any]) -> Finding:
    code = Cause(row["code"])
    return Finding(
        code=code,
        verdict=_verdict(code),
        chain_id=row["chain_id"],
        correlation_id=row["correlation_id"],
        service=row["service"],
        span=_brief(row["origin"]),
        evidence=_since(row),
        detail=_times(row),
        count=row["count"],
    )


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


def _brief(row: Mapping[str, Any] | None) -> SpanBrief | None:
    return None if row is None or row["trace_id"] is None else SpanBrief(**row)


@cache
def _sql(name: str) -> str:
    return resources.files("tracecheck.check").joinpath("sql", f"{name}.sql").read_text("utf-8")
