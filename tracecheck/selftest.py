"""Proves a running tracecheck end to end: known chains go in by every protocol, and must come out whole.

What it sends is of a run of its own, which is taken out again at the end.
"""

import json
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import grpc

from tracecheck.chains import hops, pipeline
from tracecheck.config import SELFTEST_RUN
from tracecheck.errors import EnvironmentFault, StoreUnavailable, TracecheckError, UsageError
from tracecheck.exporters.otlp_json import encode_request
from tracecheck.model import Link, Outcome, Resource, Span, SpanKind
from tracecheck.receiver.encode_protobuf import encode_protobuf
from tracecheck.semconv import canonical
from tracecheck.store.access import Access
from tracecheck.store.remote import RemoteStore
from tracecheck.store.spans import read_spans

ANSWER_WITHIN_S = 10.0
ASK_AGAIN_S = 0.1
EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
SERVICES = ("selftest-shop", "selftest-billing", "selftest-mailer")
DESTINATIONS = ("selftest-orders", "selftest-payments")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that was tried: what, and why it failed (None: it holds). `unreachable`: nothing answered there."""

    name: str
    failure: str | None = None
    unreachable: bool = False
    took_ns: int = 0


def selftest(grpc_endpoint: str, http_endpoint: str, api: str, access: Access | None = None) -> Iterator[Step]:
    """The steps, each as soon as it is done; what follows a failed one is still tried, as far as it can be.

    Endpoints are URLs; https speaks TLS by the files of `access`, by default those of the environment.
    """
    access = access or Access.of_environment()
    run_id = f"{SELFTEST_RUN}{secrets.token_hex(6)}"
    sent: list[Span] = []
    senders: dict[str, Callable[[list[Span]], None]] = {
        f"OTLP/gRPC at {grpc_endpoint}": lambda spans: _by_grpc(grpc_endpoint, spans, access),
        f"OTLP/HTTP, protobuf, at {http_endpoint}": lambda spans: _by_http(http_endpoint, spans, access, as_json=False),
        f"OTLP/HTTP, JSON, at {http_endpoint}": lambda spans: _by_http(http_endpoint, spans, access, as_json=True),
    }
    taken = 0
    for name, send in senders.items():
        chain = known_chain(run_id)
        step = _tried(f"{name} takes {len(chain)} spans", lambda send=send, chain=chain: (send(chain), send(chain)))  # type: ignore[misc]
        yield step
        if step.failure is None:
            sent += chain
            taken += 1
    opened: list[RemoteStore] = []
    yield _tried(f"the read API at {api} answers", lambda: opened.append(RemoteStore(api, access)))
    if not opened:
        return
    store = opened[0]
    try:
        yield _tried(f"{len(sent)} spans are read as they were sent, each once", lambda: _same(store, run_id, sent))
        yield _tried(f"{taken} chains of two hops are found", lambda: _chained(store, run_id, taken))
        yield _tried(f"the run {run_id} is taken out again", lambda: _forgotten(store, run_id))
    except BaseException:  # an interrupt, too, leaves nothing behind
        with suppress(TracecheckError):
            store.forget_selftest(run_id)
        raise
    finally:
        store.close()


def await_answer(api: str, within_s: float, access: Access | None = None) -> None:
    """Returns as soon as the read API answers, or when the time is over: then `selftest` says what is wrong.

    A refused token is an answer. Raises `UsageError` for an address that is none.
    """
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        try:
            RemoteStore(api, access).close()
        except StoreUnavailable:
            time.sleep(ASK_AGAIN_S)
        except EnvironmentFault:
            return
        else:
            return


def known_chain(run_id: str) -> list[Span]:
    """Shop sends an order; billing handles it in a trace of its own and sends a payment, which the mailer handles."""
    now = time.time_ns() - 10_000_000
    first, second = secrets.token_hex(16), secrets.token_hex(16)
    placed = _span(run_id, 0, "send", 0, first, None, now)
    charged = _span(run_id, 1, "process", 0, second, None, now + 2_000_000, links=(_link(placed),))
    paid = _span(run_id, 1, "send", 1, second, charged.span_id, now + 3_000_000)
    mailed = _span(run_id, 2, "process", 1, second, paid.span_id, now + 5_000_000)
    return [placed, charged, paid, mailed]


def _span(
    run_id: str,
    service: int,
    operation: str,
    destination: int,
    trace_id: str,
    parent: str | None,
    start: int,
    links: tuple[Link, ...] = (),
) -> Span:
    name = DESTINATIONS[destination]
    group = {"messaging.consumer.group.name": SERVICES[service]} if operation == "process" else {}
    return canonical(
        Span(
            trace_id=trace_id,
            span_id=secrets.token_hex(8),
            parent_span_id=parent,
            name=f"{operation} {name}",
            kind=SpanKind.PRODUCER if operation == "send" else SpanKind.CONSUMER,
            start_unix_nano=start,
            end_unix_nano=start + 1_000_000,
            attributes={
                "messaging.system": "kafka",
                "messaging.operation.type": operation,
                "messaging.destination.name": name,
                "tracecheck.run.id": run_id,
                "selftest.text": "\u017elu\u0165",
                "selftest.number": 2**53 + 1,
                **group,
            },
            links=links,
            resource=Resource(attributes={"service.name": SERVICES[service]}, scope_name="tracecheck.selftest"),
        )
    )


def _link(span: Span) -> Link:
    return Link(trace_id=span.trace_id, span_id=span.span_id)


def _tried(name: str, action: Callable[[], object]) -> Step:
    began = time.monotonic_ns()
    try:
        action()
    except TracecheckError as error:
        return Step(name=name, failure=str(error), unreachable=isinstance(error, EnvironmentFault))
    return Step(name=name, took_ns=time.monotonic_ns() - began)


class _Wrong(TracecheckError):
    """Something answered, and not as it must."""

    exit_code = 1


def _by_grpc(endpoint: str, spans: list[Span], access: Access) -> None:
    parts = urlsplit(endpoint)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise UsageError(f"{endpoint} is no address; expected http://HOST:PORT")
    metadata = tuple((name.lower(), value) for name, value in access.headers().items())
    with _channel(parts.scheme, parts.netloc, access) as channel:
        try:
            channel.unary_unary(EXPORT, None, None)(encode_protobuf(spans), timeout=ANSWER_WITHIN_S, metadata=metadata)
        except grpc.RpcError as error:
            raise EnvironmentFault(f"{error.code().name}: {error.details()}") from None


def _channel(scheme: str, netloc: str, access: Access) -> grpc.Channel:
    if scheme == "http":
        return grpc.insecure_channel(netloc)
    access.tls()  # says which file is wrong, where gRPC would not
    read = [None if name is None else _bytes(name) for name in (access.ca_file, access.key, access.certificate)]
    return grpc.secure_channel(netloc, grpc.ssl_channel_credentials(*read))


def _bytes(name: str) -> bytes:
    with open(name, "rb") as file:  # noqa: PTH123
        return file.read()


def _by_http(endpoint: str, spans: list[Span], access: Access, *, as_json: bool) -> None:
    if not endpoint.startswith(("http://", "https://")):
        raise UsageError(f"{endpoint} is no address; expected http://HOST:PORT")
    request = Request(  # noqa: S310 - the scheme is checked above
        f"{endpoint.rstrip('/')}/v1/traces",
        json.dumps(encode_request(spans)).encode() if as_json else encode_protobuf(spans),
        {"Content-Type": "application/json" if as_json else "application/x-protobuf", **access.headers()},
    )
    try:
        with urlopen(  # noqa: S310 - the scheme is checked above
            request, timeout=ANSWER_WITHIN_S, context=access.tls() if endpoint.startswith("https") else None
        ) as answer:
            if answer.read() not in (b"", b"{}"):
                raise _Wrong("not all spans were taken, though all are valid")
    except HTTPError as refused:
        raise EnvironmentFault(f"refused with status {refused.code}") from None
    except (URLError, OSError) as fault:
        raise EnvironmentFault(f"no answer: {getattr(fault, 'reason', fault)}") from None


def _same(store: RemoteStore, run_id: str, sent: list[Span]) -> None:
    found = {span.key: span for span in read_spans(store, "run_id = $run_id", {"run_id": run_id})}
    stored = store.query("select count(*) as n from spans where run_id = $run_id", {"run_id": run_id})["n"][0].as_py()
    missing = [span for span in sent if span.key not in found]
    if missing:
        raise _Wrong(f"{len(missing)} of {len(sent)} acknowledged spans are not stored; see the log of serve")
    if stored != len(sent):
        raise _Wrong(f"{stored} rows were stored for {len(sent)} spans that were each sent twice")
    changed = [span for span in sent if found[span.key] != span]
    if changed:
        raise _Wrong(f"{len(changed)} spans were changed on their way, such as {changed[0].name!r}")


def _chained(store: RemoteStore, run_id: str, expected: int) -> None:
    store.refresh(pipeline)
    sql = "select chain_id from chains where run_id = $run_id"
    chains = store.query(sql, {"run_id": run_id})["chain_id"].to_pylist()
    whole = [each for each in chains if [hop.outcome for hop in hops(store, each)] == [Outcome.DELIVERED] * 2]
    if len(chains) != expected or len(whole) != expected:
        raise _Wrong(f"{len(chains)} chains were found, {len(whole)} of them whole; expected {expected}")


def _forgotten(store: RemoteStore, run_id: str) -> None:
    store.forget_selftest(run_id)
    left = store.query("select count(*) as n from spans where run_id = $run_id", {"run_id": run_id})["n"][0].as_py()
    if left:
        raise _Wrong(f"{left} spans are left")
