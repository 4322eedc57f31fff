"""What each service's spans are made by, which vocabulary they speak, what that leaves out, and the line that helps.

Two sources: the table of known libraries (`instrumentations`), and what the stored spans themselves show.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from tracecheck.check.instrumentations import HELPER_SCOPE, Hole, Side, known
from tracecheck.receiver.decoder import decoder_form
from tracecheck.semconv import FLUSH_SPAN, START_SPAN
from tracecheck.semconv.names import UNKNOWN_SERVICE
from tracecheck.store import Reader

CURRENT = (
    "messaging.destination.name",
    "messaging.operation.type",
    "messaging.operation.name",
    "messaging.destination.partition.id",
    "messaging.consumer.group.name",
    "messaging.kafka.offset",
)
"""Names of the current messaging conventions that a library of before does not write."""

OLD = (
    "messaging.destination",
    "messaging.operation",
    "messaging.destination_kind",
    "messaging.kafka.partition",
    "messaging.kafka.destination.partition",
    "messaging.kafka.message.offset",
    "messaging.kafka.consumer.group",
    "messaging.kafka.consumer_group",
    "messaging.message_id",
    "messaging.conversation_id",
    "messaging.url",
    "message_bus.destination",
    "celery.action",
    "kafka.topic",
    "rabbit.exchange",
)
"""Names that are in no current convention and are still written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """One instrumentation scope of a service. `library` is None where the table does not know it.

    `vocabulary` is `current`, `old`, `mixed`, or None for spans that have nothing to do with messages.
    """

    name: str
    version: str
    library: str | None
    vocabulary: str | None
    spans: int
    sends: int
    receives: int
    processes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """A hole in what a service tells, and the line that closes it. `scope` names the instrumentation that has it."""

    code: str
    what: str
    close: str
    scope: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSeen:
    """One service: what it runs on (`sdk` as `language name version`), its instrumentations, and their holes."""

    service: str
    spans: int
    instances: int
    sdk: str | None
    scopes: tuple[Scope, ...]
    advice: tuple[Advice, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkup:
    """`decoder` is `compiled` or `python` (about sixty times slower, equal results)."""

    decoder: str
    services: tuple[ServiceSeen, ...]


def doctor(store: Reader) -> Checkup:
    """Looks at every stored span's emitter, service by service in order of name."""
    parameters = {
        "current": list(CURRENT),
        "old": list(OLD),
        "flush_span": FLUSH_SPAN,
        "start_span": START_SPAN,
    }
    by_service: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in store.query(_sql(), parameters).to_pylist():
        by_service[row["service"]].append(row | {"resource": json.loads(row["resource"])})
    services = tuple(_service(name, rows) for name, rows in sorted(by_service.items()))
    return Checkup(decoder=decoder_form(), services=services)


def _service(name: str, rows: list[Mapping[str, Any]]) -> ServiceSeen:
    scopes = _scopes(rows)
    instances = {instance for row in rows for instance in row["instances"] or ()}
    sdks = dict.fromkeys(filter(None, (_sdk(row["resource"]) for row in rows)))
    return ServiceSeen(
        service=name,
        spans=sum(row["spans"] for row in rows),
        instances=len(instances),
        sdk=" and ".join(sdks) or None,
        scopes=scopes,
        advice=(*_known_holes(scopes), *_seen_holes(name, rows, scopes)),
    )


def _scopes(rows: Iterable[Mapping[str, Any]]) -> tuple[Scope, ...]:
    together: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        scope = row["resource"].get("scope") or {}
        together[scope.get("name") or "", scope.get("version") or ""].append(row)
    found = []
    for (scope_name, version), parts in sorted(together.items()):
        count = {name: sum(part[name] for part in parts) for name in ("spans", "sends", "receives", "processes")}
        entry = known(scope_name)
        found.append(
            Scope(
                name=scope_name,
                version=version,
                library=entry.library if entry is not None else None,
                vocabulary=_vocabulary(sum(part["current"] for part in parts), sum(part["old"] for part in parts)),
                **count,
            )
        )
    return tuple(scope for scope in found if scope.spans)


def _vocabulary(current: int, old: int) -> str | None:
    if current and old:
        return "mixed"
    return "current" if current else "old" if old else None


def _known_holes(scopes: tuple[Scope, ...]) -> Iterable[Advice]:
    helped = any(scope.name == HELPER_SCOPE for scope in scopes)
    for scope in scopes:
        entry = known(scope.name)
        for hole in entry.holes if entry is not None else ():
            if not (helped and hole.by_helper) and _concerns(hole, scope):
                what = hole.what + _since(scope.version, entry.examined if entry is not None else None)
                yield Advice(code=hole.code, what=what, close=hole.close, scope=scope.name)


def _since(version: str, examined: str | None) -> str:
    """What is known of one version may be over in a later one."""
    is_later = examined is not None and _numbers(version) > _numbers(examined)
    return f" (seen in {examined}; {version} may have closed it)" if is_later else ""


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in _NUMBER.findall(version))


_NUMBER = re.compile(r"\d{1,9}")


def _concerns(hole: Hole, scope: Scope) -> bool:
    sends, consumes = bool(scope.sends), bool(scope.receives or scope.processes)
    return {
        Side.SENDS: sends,
        Side.CONSUMES: consumes,
        Side.BOTH: sends or consumes,
        Side.ONE: sends is not consumes,
    }[hole.side]


def _seen_holes(service: str, rows: list[Mapping[str, Any]], scopes: tuple[Scope, ...]) -> Iterable[Advice]:
    """What the spans show, whatever library wrote them."""
    total = {
        name: sum(row[name] or 0 for row in rows)
        for name in ("sends", "receives", "processes", "covering", "with_group", "root_sends", "flushes", "dropped")
    }
    known_codes = {advice.code for advice in _known_holes(scopes)}
    consumed = total["receives"] + total["processes"]
    if service == UNKNOWN_SERVICE or service.startswith(f"{UNKNOWN_SERVICE}:"):
        what = "its spans do not say which service they are of"
        yield Advice(code="no_service_name", what=what, close="OTEL_SERVICE_NAME=NAME")
    if consumed and not total["with_group"] and not known_codes & {"no_group", "no_identity"}:
        yield Advice(
            code="no_group",
            what="no span names a consumer group, so that groups of one service cannot be told apart",
            close="messaging.consumer.group.name on the consumer spans, or `service:` in place of `group:`",
        )
    if total["receives"] and not total["processes"] + total["covering"] and "handler_detached" not in known_codes:
        yield Advice(
            code="no_process_span",
            what="messages are received but no span covers their handling: a handler that fails goes unseen",
            close=_helping(rows, "with process(record): handle(record)"),
        )
    if consumed and total["root_sends"] > total["sends"] / 2 and "handler_detached" not in known_codes:
        yield Advice(
            code="sends_without_cause",
            what=f"{total['root_sends']} of its {total['sends']} sends have no parent and no link although it consumes",
            close=_helping(rows, "with process(record): handle(record)"),
        )
    if not total["flushes"] and consumed + total["sends"]:
        yield Advice(
            code="no_flush_mark",
            what="it never says how many spans it exported: that all are here can be assumed, not proven",
            close=_helping(rows, 'configure("SERVICE")'),
        )
    if total["flushes"] and any(not row["instances"] for row in rows):
        yield Advice(
            code="no_instance_id",
            what="its processes cannot be told apart, so that one's flush mark says nothing of another",
            close="OTEL_RESOURCE_ATTRIBUTES=service.instance.id=UNIQUE",
        )
    if total["dropped"]:
        yield Advice(
            code="dropped",
            what=f"its SDK dropped {total['dropped']} attributes, links or events over its limits",
            close="OTEL_SPAN_LINK_COUNT_LIMIT=1024 OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT=512 OTEL_SPAN_EVENT_COUNT_LIMIT=512",
        )


def _helping(rows: list[Mapping[str, Any]], line: str) -> str:
    """Our helper is Python's; elsewhere the conventions say what is wanted."""
    languages = {str(row["resource"].get("attributes", {}).get("telemetry.sdk.language", "")) for row in rows}
    return line if "python" in languages else _ELSEWHERE.get(line.partition("(")[0], _ELSEWHERE[""])


_ELSEWHERE = {
    "": "a CONSUMER span of operation process around the handler, with the message's context as parent or link",
    "configure": "a span `tracecheck.flush` with tracecheck.flush.span_count at the end of each process",
}


def _sdk(resource: Mapping[str, Any]) -> str | None:
    attributes = resource.get("attributes") or {}
    parts = [attributes.get(f"telemetry.sdk.{part}") for part in ("language", "name", "version")]
    return " ".join(str(part) for part in parts if part) or None


@cache
def _sql() -> str:
    return resources.files("tracecheck.check").joinpath("sql", "doctor.sql").read_text("utf-8")
