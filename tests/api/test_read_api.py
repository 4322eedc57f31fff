"""The read API, as any HTTP client meets it."""

import json
import threading
from http.client import HTTPConnection

import pyarrow as pa
import pytest

from tests.api.serving import served
from tests.support.spans import a_span
from tracecheck.errors import StoreUnavailable
from tracecheck.store import open_store

JSON = {"Content-Type": "application/json"}


@pytest.fixture
def store():
    with open_store(":memory:") as opened:
        yield opened


@pytest.fixture
def ask(store):
    with served(store) as url:
        address = url.removeprefix("http://")

        def asked(method: str, path: str, body: object = None, headers: dict[str, str] | None = None):
            connection = HTTPConnection(address, timeout=30)
            sent = body if isinstance(body, bytes | None) else json.dumps(body)
            connection.request(
                method, path, sent, headers if headers is not None else (JSON if sent is not None else {})
            )
            response = connection.getresponse()
            content = response.read()
            connection.close()
            return response, content

        yield asked


def test_a_query_is_answered_with_an_arrow_stream(ask, store):
    store.append([a_span("placed")])
    response, content = ask(
        "POST", "/v1/query", {"sql": "select name from spans where name = ?", "parameters": ["placed"]}
    )
    assert (response.status, response.headers["content-type"]) == (200, "application/vnd.apache.arrow.stream")
    assert pa.ipc.open_stream(content).read_all().to_pylist() == [{"name": "placed"}]


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        ({"sql": "drop table span_rows"}, "query_refused", "exactly one SELECT"),
        ({"sql": "select nope"}, "query_refused", "nope"),
        ({}, "usage", '"sql"'),
        ({"sql": 1}, "usage", '"sql"'),
        ({"sql": "select 1", "parameters": "x"}, "usage", "parameters"),
        ([], "usage", "object"),
        (b"{", "usage", "JSON"),
        (b"[" * 100_000, "usage", "JSON"),
        (b"\xff", "usage", "JSON"),
        (b" " * 1_100_000, "usage", "larger"),
        ({"sql": "select * from range(100)", "limits": {"rows": 5}}, "query_refused", "more than 5 rows"),
        ({"sql": "select count(*) from range(1000000000000)", "limits": {"seconds": 0.1}}, "query_refused", "longer"),
    ],
)
def test_what_cannot_be_answered_is_said_as_json(ask, body, kind, words):
    response, content = ask("POST", "/v1/query", body)
    error = json.loads(content)["error"]
    assert (response.status, error["kind"]) == (400, kind)
    assert words in error["message"]


def test_a_request_cannot_raise_the_limits(ask):
    sql = "select * from range(1000001)"
    response, content = ask("POST", "/v1/query", {"sql": sql, "limits": {"rows": 10**9, "seconds": 10**9}})
    assert response.status == 400
    assert "more than 1000000 rows" in json.loads(content)["error"]["message"]


def test_only_json_is_taken_so_that_no_foreign_page_can_post(ask):
    response, _ = ask("POST", "/v1/query", b'{"sql": "select 1"}', {"Content-Type": "text/plain"})
    assert response.status == 400
    response, _ = ask("POST", "/v1/refresh", b"{}", {})
    assert response.status == 400


def test_the_generation_is_pushed_to_whoever_waits(ask, store):
    _, content = ask("GET", "/v1/generation")
    before = json.loads(content)["generation"]
    answers = []
    waiting = threading.Thread(target=lambda: answers.append(ask("GET", f"/v1/generation?after={before}&timeout_s=25")))
    waiting.start()
    store.append([a_span()])
    waiting.join(10)
    assert json.loads(answers[0][1])["generation"] > before


@pytest.mark.parametrize("query", ["after=x", "timeout_s=soon", "after=nan"])
def test_a_wait_for_nonsense_is_a_usage_error(ask, query):
    response, content = ask("GET", f"/v1/generation?{query}")
    assert (response.status, json.loads(content)["error"]["kind"]) == (400, "usage")


def test_waiting_clients_do_not_hold_up_queries(ask, store):
    _, content = ask("GET", "/v1/generation")
    after = json.loads(content)["generation"]
    waiting = [
        threading.Thread(target=lambda: ask("GET", f"/v1/generation?after={after}&timeout_s=25")) for _ in range(16)
    ]
    for thread in waiting:
        thread.start()
    assert ask("POST", "/v1/query", {"sql": "select 1"})[0].status == 200
    store.append([a_span()])
    for thread in waiting:
        thread.join(10)
    assert not any(thread.is_alive() for thread in waiting)


def test_health_says_the_process_lives_and_readiness_that_the_store_answers(ask, store):
    assert [ask("GET", path)[0].status for path in ("/healthz", "/readyz")] == [200, 200]
    store.close()
    assert [ask("GET", path)[0].status for path in ("/healthz", "/readyz")] == [200, 503]


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:4319", "127.0.0.1:1", "[::1]:4319", "[::1]", "LOCALHOST", "a.localhost"]
)
def test_S14_loopback_names_are_served(ask, host):
    assert ask("GET", "/healthz", headers={"Host": host})[0].status == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1", ""])
def test_S14_any_other_host_is_refused_whatever_it_asks(ask, host):
    for method, path, body in (("GET", "/healthz", None), ("POST", "/v1/query", {"sql": "select 1"})):
        response, content = ask(method, path, body, {"Host": host} | JSON)
        assert response.status in (400, 421)
        assert b"secret" not in content


def test_S14_no_page_elsewhere_is_allowed_to_read(ask):
    response, _ = ask("OPTIONS", "/v1/query", headers={"Origin": "http://evil.example", "Host": "localhost"})
    assert response.status == 405
    assert not [name for name in response.headers if name.lower().startswith("access-control")]


def test_refresh_is_run_by_the_owner_and_its_failure_is_said(store):
    def failing() -> None:
        raise StoreUnavailable("disk full")

    for refresh, status in ((lambda: None, 200), (failing, 503)):
        with served(store, refresh) as url:
            connection = HTTPConnection(url.removeprefix("http://"), timeout=10)
            connection.request("POST", "/v1/refresh", "{}", JSON)
            assert connection.getresponse().status == status
            connection.close()


def test_a_bug_is_answered_without_its_traceback(store, caplog):
    def broken() -> None:
        raise ValueError("internal detail")

    with served(store, broken) as url:
        connection = HTTPConnection(url.removeprefix("http://"), timeout=10)
        connection.request("POST", "/v1/refresh", "{}", JSON)
        response = connection.getresponse()
        assert response.status == 500
        assert b"internal detail" not in response.read()
        connection.close()
    assert "internal detail" in caplog.text
