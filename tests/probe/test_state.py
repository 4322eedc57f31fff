"""A state outside the spans is sampled until it is as expected and stays so; what was seen meanwhile is kept."""

import json
import re
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy

from tests.support.fake_time import FakeClock
from tracecheck.errors import StateUnavailable, UsageError
from tracecheck.probe.json_path import MISSING
from tracecheck.probe.state import await_state, http_probe, sql_probe
from tracecheck.store import open_store


class Scripted:
    """A probe whose state is that of the last instant passed; an exception is raised."""

    name, query = "order status", "select status"

    def __init__(self, clock: FakeClock, *states: tuple[float, object]) -> None:
        self.clock, self.states = clock, states

    def sample(self) -> object:
        state = [state for at, state in self.states if at <= self.clock.now][-1]
        if isinstance(state, Exception):
            raise state
        return state

    def close(self) -> None:
        pass


def test_a_state_that_is_reached_says_when_and_which_came_before() -> None:
    clock = FakeClock()
    probe = Scripted(clock, (0, "NEW"), (1, "PAID"), (2, "SHIPPED"))
    outcome = await_state(probe, "SHIPPED", 5.0, clock=clock)
    assert (outcome.met, outcome.value, outcome.failure) == (True, "SHIPPED", None)
    assert [(one.actual, one.met) for one in outcome.samples] == [
        ('"NEW"', False),
        ('"PAID"', False),
        ('"SHIPPED"', True),
    ]
    assert outcome.reached_unix_nano == outcome.samples[-1].sampled_unix_nano


def test_a_state_that_is_not_reached_is_an_outcome_with_all_that_was_seen() -> None:
    clock = FakeClock()
    outcome = await_state(Scripted(clock, (0, "NEW"), (1, "PAID")), "SHIPPED", 5.0, clock=clock)
    assert (outcome.met, outcome.took_ns) == (False, None)
    assert outcome.failure is not None
    assert str(outcome.failure).startswith('order status equals "SHIPPED" did not come true within 5 s')
    assert [line.split()[-1] for line in str(outcome.failure).splitlines()[1:]] == ["'NEW'", "'PAID'"]


def test_a_state_must_hold() -> None:
    clock = FakeClock()
    flapping = Scripted(clock, (0, "SHIPPED"), (0.1, "NEW"), (1, "SHIPPED"), (9, "NEW"))
    outcome = await_state(flapping, "SHIPPED", 5.0, 3.0, clock=clock)
    assert outcome.met
    assert clock.now == pytest.approx(4.0, abs=0.05)


def test_a_source_that_comes_up_in_time_is_no_failure_and_its_absence_is_a_sample() -> None:
    clock = FakeClock()
    probe = Scripted(clock, (0, StateUnavailable("refused")), (1, "SHIPPED"))
    outcome = await_state(probe, "SHIPPED", 5.0, clock=clock)
    assert [(one.error, one.actual) for one in outcome.samples] == [("refused", None), (None, '"SHIPPED"')]


def test_a_source_that_cannot_be_asked_in_the_end_is_a_fault_of_the_environment_at_the_deadline() -> None:
    clock = FakeClock()
    probe = Scripted(clock, (0, "NEW"), (1, StateUnavailable("refused")))
    with pytest.raises(StateUnavailable, match="refused") as fault:
        await_state(probe, "SHIPPED", 5.0, clock=clock)
    assert (round(clock.now, 6), fault.value.exit_code) == (5.0, 4)


@pytest.mark.parametrize(
    ("expected", "state", "met"),
    [
        (42, 42, True),
        (42, 42.0, True),
        (42, "42", False),
        (True, 1, False),
        (None, None, True),
        (None, MISSING, False),
        (MISSING, MISSING, True),
        ({"a": [1]}, {"a": (1,)}, True),
        (re.compile(r"SHIP\w+"), "SHIPPED", True),
        (re.compile("SHIP"), "SHIPPED", False),
        (re.compile("4"), 4, False),
        (lambda state: state > 40, 42, True),
    ],
)
def test_a_state_equals_matches_or_satisfies(expected: object, state: object, met: bool) -> None:
    clock = FakeClock()
    assert await_state(Scripted(clock, (0, state)), expected, 0.0, clock=clock).met is met


def test_changes_are_stored_with_their_times() -> None:
    clock, store = FakeClock(), open_store(":memory:")
    probe = Scripted(clock, (0, MISSING), (1, {"status": "PAID"}), (2, {"status": "SHIPPED"}))
    await_state(probe, {"status": "SHIPPED"}, 5.0, store=store, run_id="run-1", case_id="o-1", clock=clock)
    rows = store.query("select * from state_samples order by sampled_unix_nano").to_pylist()
    assert [(row["actual"], row["met"]) for row in rows] == [
        ("absent", False),
        ('{"status": "PAID"}', False),
        ('{"status": "SHIPPED"}', True),
    ]
    assert {(row["run_id"], row["case_id"], row["name"], row["query"], row["expected"]) for row in rows} == {
        ("run-1", "o-1", "order status", "select status", 'equals {"status": "SHIPPED"}')
    }
    store.close()


# --- databases --------------------------------------------------------------------------------------------------------


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.service("postgres"))])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database, as its users write it."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/orders.db"
    url: str = request.getfixturevalue("postgres")
    return url


@pytest.fixture
def execute(database: str, unique_name: str) -> Iterator[Any]:
    """Runs and commits a statement on a table `orders` of the test's own; `{t}` is its name."""
    engine = sqlalchemy.create_engine(database.replace("postgresql:", "postgresql+psycopg:"))

    def run(statement: str) -> None:
        with engine.begin() as connection:
            connection.execute(sqlalchemy.text(statement.replace("{t}", unique_name)))

    run("create table {t} (id varchar(20), status varchar(20), total integer)")
    yield run
    run("drop table {t}")
    engine.dispose()


def test_a_query_gives_a_value_a_row_rows_or_nothing(database: str, execute: Any, unique_name: str) -> None:
    probe = sql_probe(database, f"select status from {unique_name} where id = :id", {"id": "o-1"})
    assert probe.sample() is MISSING
    execute("insert into {t} values ('o-1', 'SHIPPED', 42), ('o-2', null, 7)")
    assert probe.sample() == "SHIPPED"
    probe.close()
    row = sql_probe(database, f"select status, total from {unique_name} where id = 'o-2'")
    assert row.sample() == {"status": None, "total": 7}
    rows = sql_probe(database, f"select id from {unique_name} order by id")
    assert rows.sample() == ["o-1", "o-2"]
    for one in (row, rows):
        one.close()


def test_a_probe_sees_what_others_commit_while_it_waits(database: str, execute: Any, unique_name: str) -> None:
    execute("insert into {t} values ('o-1', 'NEW', 42)")
    probe = sql_probe(database, f"select status from {unique_name} where id = :id", {"id": "o-1"}, name="status")
    shipping = threading.Thread(target=lambda: execute("update {t} set status = 'SHIPPED' where id = 'o-1'"))

    def ship(value: object) -> bool:
        if value == "NEW" and not shipping.ident:
            shipping.start()
        return value == "SHIPPED"

    assert await_state(probe, ship, 30.0).met
    shipping.join()
    probe.close()


def test_a_parameter_is_bound_and_never_spliced(database: str, execute: Any, unique_name: str) -> None:
    execute("insert into {t} values ('o-1', 'NEW', 42)")
    probe = sql_probe(database, f"select status from {unique_name} where id = :id", {"id": "x' or '1'='1"})
    assert probe.sample() is MISSING
    probe.close()


def test_a_query_the_database_refuses_is_said_with_the_databases_words(database: str, execute: Any) -> None:
    probe = sql_probe(database, "select one from nowhere_at_all")
    with pytest.raises(StateUnavailable, match="nowhere_at_all"):
        probe.sample()
    probe.close()


def test_a_database_that_refuses_ends_at_the_deadline_and_tells_no_password() -> None:
    probe = sql_probe("postgresql://me:secret@127.0.0.1:1/orders", "select 1")
    with pytest.raises(StateUnavailable, match=r"me:\*\*\*@127\.0\.0\.1:1/orders") as fault:
        await_state(probe, 1, 0.05)
    assert "secret" not in str(fault.value)
    probe.close()


def test_a_database_that_accepts_and_says_nothing_holds_nobody_beyond_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        probe = sql_probe(f"postgresql://me@127.0.0.1:{silent.getsockname()[1]}/orders", "select 1")
        with pytest.raises(StateUnavailable, match="had not answered"):
            await_state(probe, 1, 0.3)


@pytest.mark.parametrize("url", ["nonsense", "carrier+pigeon://coop", "postgresql://host:port/db"])
def test_what_is_no_database_url_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match=r"no database URL|not installed"):
        sql_probe(url, "select 1")


# --- read models ------------------------------------------------------------------------------------------------------


class ReadModel:
    """Orders behind HTTP: by path, a status and a body."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, bytes]] = {}
        self.headers: list[dict[str, str]] = []
        model = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                model.headers.append(dict(self.headers))
                status, body = model.answers.get(self.path, (404, b"{}"))
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def orders() -> Iterator[ReadModel]:
    model = ReadModel()
    yield model
    model.close()


def test_a_field_of_a_read_model_is_found_by_its_path(orders: ReadModel) -> None:
    body = {"order": {"status": "SHIPPED", "lines": [{"sku": "a"}]}}
    orders.answers["/orders/o-1?full=1"] = (200, json.dumps(body).encode())
    url = f"{orders.url}/orders/o-1?full=1"
    assert http_probe(url, "order.status").sample() == "SHIPPED"
    assert http_probe(url, "$.order.lines[0].sku").sample() == "a"
    assert http_probe(url, "order.absent").sample() is MISSING
    assert http_probe(url).sample() == body


@pytest.mark.parametrize("answer", [(404, b"no such order"), (410, b""), (204, b""), (200, b"  ")])
def test_what_a_read_model_does_not_have_yet_is_absent(orders: ReadModel, answer: tuple[int, bytes]) -> None:
    orders.answers["/orders/o-1"] = answer
    assert http_probe(f"{orders.url}/orders/o-1", "status").sample() is MISSING


@pytest.mark.parametrize(
    ("answer", "why"), [((500, b"{}"), "status 500"), ((301, b"{}"), "status 301"), ((200, b"<html>"), "no JSON")]
)
def test_an_answer_that_is_none_is_said(orders: ReadModel, answer: tuple[int, bytes], why: str) -> None:
    orders.answers["/orders/o-1"] = answer
    with pytest.raises(StateUnavailable, match=why):
        http_probe(f"{orders.url}/orders/o-1", "status").sample()


def test_headers_go_with_each_request_and_the_connection_stays_open(orders: ReadModel) -> None:
    orders.answers["/"] = (200, b'"text"')
    probe = http_probe(orders.url, headers={"Authorization": "Bearer t"})
    assert [probe.sample() for _ in range(3)] == ["text"] * 3
    assert {one["Authorization"] for one in orders.headers} == {"Bearer t"}
    probe.close()


def test_a_read_model_that_is_not_there_yet_is_asked_again() -> None:
    probe = http_probe("http://127.0.0.1:1/orders", "status")
    with pytest.raises(StateUnavailable, match=r"http://127\.0\.0\.1:1/orders could not be asked: .*refused"):
        await_state(probe, "SHIPPED", 0.05)


def test_a_read_model_that_says_nothing_holds_nobody_beyond_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        probe = http_probe(f"http://127.0.0.1:{silent.getsockname()[1]}/orders", "status")
        with pytest.raises(StateUnavailable, match="had not answered"):
            await_state(probe, "SHIPPED", 0.3)


@pytest.mark.parametrize("url", ["ftp://host/", "orders", "http://"])
def test_what_is_no_url_of_a_read_model_is_refused(url: str) -> None:
    with pytest.raises(UsageError):
        http_probe(url)
