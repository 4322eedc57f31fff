"""A request or a foreign event gets its correlation id where it enters."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest
from opentelemetry import baggage, trace
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from tracecheck_instrumentation import asgi, correlation, correlation_from, correlation_id, run_id, wsgi
from tracecheck_instrumentation.testing import CapturedSpans, FakeBroker

TRACE, PARENT = "1" * 32, "2" * 16
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"

Ask = Callable[[dict[str, str]], tuple[dict[str, str], str]]
"""Request headers to (response headers, what the app saw)."""


def inside() -> str:
    span = trace.get_current_span().get_span_context()
    return f"{correlation_id()} {run_id()} {span.span_id:x}"


def ask_wsgi(headers: dict[str, str]) -> tuple[dict[str, str], str]:
    def app(_environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [inside().encode()]

    return call(wsgi(app), headers)


def call(app: Callable[..., Iterable[bytes]], headers: dict[str, str]) -> tuple[dict[str, str], str]:
    environ: dict[str, Any] = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}
    setup_testing_defaults(environ)
    answered: dict[str, str] = {}
    body = app(environ, lambda _status, given, *_: answered.update(given))
    try:
        return answered, b"".join(body).decode()
    finally:
        if hasattr(body, "close"):
            body.close()


def ask_asgi(headers: dict[str, str]) -> tuple[dict[str, str], str]:
    async def page(_request: Any) -> PlainTextResponse:
        return PlainTextResponse(inside())

    with TestClient(asgi(Starlette(routes=[Route("/", page)]))) as client:
        answer = client.get("/", headers=headers)
    return dict(answer.headers), answer.text


@pytest.fixture(params=[ask_wsgi, ask_asgi], ids=["wsgi", "asgi"])
def ask(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Ask:
    monkeypatch.delenv("TRACECHECK_RUN_ID", raising=False)
    found: Ask = request.param
    return found


@pytest.mark.parametrize(
    ("headers", "chosen"),
    [
        ({"correlation-id": "a"}, "a"),
        ({"X-Correlation-ID": "b"}, "b"),
        ({"baggage": "correlation.id=c"}, "c"),
        ({"x-correlation-id": "b", "correlation-id": "a"}, "a"),
        ({"x-correlation-id": "b", "baggage": "correlation.id=c"}, "b"),
        ({"correlation-id": "x" * 300, "baggage": "correlation.id=c"}, "c"),
    ],
)
def test_a_request_keeps_the_id_it_brings(ask: Ask, headers: dict[str, str], chosen: str) -> None:
    answered, saw = ask(headers)
    assert saw.split()[0] == chosen
    assert answered["correlation-id"] == chosen


def test_a_request_without_one_gets_a_new_one_each_time(ask: Ask) -> None:
    first, second = ask({})[0]["correlation-id"], ask({})[0]["correlation-id"]
    assert len(first) == len(second) == 32
    assert first != second


def test_run_id_and_trace_of_the_caller_are_continued(ask: Ask) -> None:
    _, saw = ask({"traceparent": TRACEPARENT, "baggage": "tracecheck.run.id=run-1"})
    assert saw.split()[1:] == ["run-1", PARENT]


def test_a_span_that_is_open_already_stays_the_parent(ask: Ask, spans: CapturedSpans) -> None:
    with spans.provider.get_tracer("http").start_as_current_span("GET /") as server:
        _, saw = ask_wsgi({"traceparent": TRACEPARENT})
    assert saw.split()[2] == f"{server.get_span_context().span_id:x}"


def test_nothing_stays_behind_after_the_request(ask: Ask) -> None:
    ask({"correlation-id": "a", "traceparent": TRACEPARENT})
    assert not baggage.get_all()
    assert not trace.get_current_span().get_span_context().is_valid


def test_what_is_made_while_the_response_is_sent_is_made_in_its_context() -> None:
    closed: list[str | None] = []

    def app(_environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterator[bytes]:
        start_response("200 OK", [("Correlation-ID", "mine")])
        try:
            yield f"{correlation_id()} ".encode()
            yield f"{correlation_id()}".encode()
        finally:
            closed.append(correlation_id())

    answered, saw = call(wsgi(app), {"correlation-id": "a"})
    assert (saw, closed) == ("a a", ["a"])
    assert answered == {"Correlation-ID": "mine"}, "a header of the service's own stays the only one"

    def parts(_request: Any) -> StreamingResponse:
        async def body() -> Any:
            yield f"{correlation_id()}"

        return StreamingResponse(body())

    with TestClient(asgi(Starlette(routes=[Route("/", parts)]))) as client:
        assert client.get("/", headers={"correlation-id": "a"}).text == "a"


def test_an_error_of_the_app_is_the_apps() -> None:
    def app(_environ: dict[str, Any], _start: Callable[..., Any]) -> Iterable[bytes]:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        call(wsgi(app), {})
    assert correlation_id() is None


def test_a_field_of_a_foreign_event_gives_the_id() -> None:
    event = {"meta": {"order_id": 7, "flag": True, "nothing": None}, "id": "e"}
    with correlation_from(event, "meta.missing", "meta.flag", "id.deeper", "meta.order_id", "id") as chosen:
        assert (chosen, correlation_id()) == ("7", "7")
    with correlation_from(event, "meta.nothing") as chosen:
        assert len(chosen) == 32
    with correlation("carried"), correlation_from(event, "id") as chosen:
        assert chosen == "carried"


def test_what_a_request_sends_carries_its_id(spans: CapturedSpans) -> None:
    broker = FakeBroker()

    def app(_environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        broker.producer().send("orders", b"1")
        start_response("202 Accepted", [])
        return []

    call(wsgi(app), {"correlation-id": "order-7"})
    (sent,) = spans.named("send orders")
    assert sent.attributes["correlation.id"] == "order-7"
