"""The commands that compute over chains: what they print, and how they refuse."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.support.spans import Traces
from tracecheck.store import open_store


@pytest.mark.parametrize(
    ("baseline", "candidate"),
    [
        ("run:run-1", "{orders}/orders.duckdb::run:run-2"),
        ("..2023-11-14T22:13:21", "2023-11-14T22:13:21.."),
        ("{orders}/orders.duckdb", "{orders}/orders.duckdb"),
    ],
)
def test_compare_takes_stores_runs_and_windows(tracecheck: Run, baseline: str, candidate: str) -> None:
    ended = tracecheck("compare", baseline, candidate, "--output", "json")
    assert (ended.status, ended.err) == (0, "")
    document = json.loads(ended.out)
    assert document["schema"] == "tracecheck/compare/v1"
    assert {(edge["from_service"], edge["to_service"], edge["kind"]) for edge in document["edges"]} == {
        ("checkout", "billing", "message"),
        ("checkout", None, "message"),
    }
    assert set(document["edges"][0]) == {
        "from_service", "to_service", "kind", "destination", "baseline", "candidate", "shift_p50_ns", "flagged",
        "reason", "explained_by",
    }  # fmt: skip
    assert set(document["edges"][0]["baseline"]) == {"count", "p50_ns", "p95_ns", "error_rate"}


@pytest.mark.parametrize(
    ("candidate", "status", "told"),
    [
        ("run:none", 2, "the candidate holds no call"),
        ("{orders}/orders.duckdb::yesterday", 2, "expected run:ID or FROM..TO"),
        ("{tmp}/gone.duckdb", 4, "there is no store"),
    ],
)
def test_compare_refuses_what_is_not_there(tracecheck: Run, candidate: str, status: int, told: str) -> None:
    ended = tracecheck("compare", "run:run-1", candidate)
    assert (ended.status, ended.out) == (status, "")
    assert told in ended.err


def test_the_critical_path_runs_from_the_end_back_with_its_waits(tracecheck: Run) -> None:
    document = json.loads(tracecheck("critical-path", "o-1", "--output", "json").out)
    assert document["schema"] == "tracecheck/critical-path/v1"
    assert [(each["service"], each["name"]) for each in document["path"]] == [
        ("billing", "process orders"),
        ("checkout", "send orders"),
    ]
    lines = tracecheck("critical-path", "o-1").out.splitlines()[1:]
    assert [line.split("%  ")[-1] for line in lines] == [
        "billing: process orders",
        "in transit",
        "checkout: send orders",
    ]


def test_learn_writes_yaml_that_check_reads(tracecheck: Run, tmp_path: Path) -> None:
    story = Traces()
    for number in range(20):
        sent = story.send("checkout", "orders", correlation_id=f"o-{number}")
        story.process("billing", "orders", of=sent)
    with open_store(str(tmp_path / "good.duckdb")) as store:  # type: ignore[attr-defined]
        store.append(story.spans)
    at = ["--store", "{tmp}/good.duckdb"]
    printed = tracecheck("learn", *at)
    assert (printed.status, printed.err) == (
        0,
        "tracecheck: orders-by-checkout: learned from 20 chains, 20 of them pass\n",
    )
    assert (
        "  orders-by-billing: {process: orders, group: billing, after: orders-sent, within: 100ms}  # in 20 of 20"
        in (printed.out)
    )
    assert tracecheck("learn", *at, "--name", "order", "--out", "{tmp}/order.yaml").out == ""
    checked = tracecheck("check", "{tmp}/order.yaml", *at, "--settle", "0")
    assert checked.status == 0
    assert "20 passed of 20 chains" in checked.out


def test_learn_refuses_too_few_chains(tracecheck: Run) -> None:
    ended = tracecheck("learn")
    assert (ended.status, ended.out) == (2, "")
    assert "too few good chains to learn from: 2 that begin with send orders by checkout" in ended.err


def test_doctor_examines_every_service(tracecheck: Run) -> None:
    document = json.loads(tracecheck("doctor", "--output", "json").out)
    assert document["schema"] == "tracecheck/doctor/v1"
    assert document["decoder"] in ("compiled", "python")
    services = {each["service"]: each for each in document["services"]}
    assert set(services) == {"checkout", "billing"}
    assert [advice["code"] for advice in services["billing"]["advice"]] == ["no_flush_mark"]
    assert set(services["billing"]["instrumentations"][0]) == {
        "scope", "version", "library", "vocabulary", "spans", "sends", "receives", "processes",
    }  # fmt: skip
    assert "! no_flush_mark" in tracecheck("doctor").out


def test_check_asks_the_broker_for_its_groups_and_says_when_there_is_none(tracecheck: Run) -> None:
    ended = tracecheck("check", "{orders}/order.yaml", "--settle", "0", "--bootstrap-servers", "127.0.0.1:1")
    assert (ended.status, ended.out) == (4, "")
    assert "127.0.0.1:1" in ended.err


def test_hops_tell_queue_and_forwarding_on_request(tracecheck: Run) -> None:
    (hop,) = json.loads(tracecheck("hops", "o-1", "--times", "--output", "json").out)["hops"]
    assert (hop["outcome"], hop["queue_ns"], hop["forwarding_ns"]) == ("delivered", None, None)
    assert "queue_ns" not in json.loads(tracecheck("hops", "o-1", "--output", "json").out)["hops"][0]
    headers, row = tracecheck("hops", "o-1", "--times").out.splitlines()
    assert headers.split()[4:8] == ["transit", "queue", "processing", "forwarding"]
    assert row.startswith("orders[0]@41")


def test_show_can_correct_clocks_as_a_view(tracecheck: Run, tmp_path: Path) -> None:
    story = Traces(correlation_id="o-9")
    sent = story.send("checkout", "orders", at_ms=500, host="a")
    story.process("billing", "orders", of=sent, at_ms=200, host="b")
    with open_store(str(tmp_path / "skewed.duckdb")) as store:  # type: ignore[attr-defined]
        store.append(story.spans)
    at = ["--store", "{tmp}/skewed.duckdb"]
    plain, view = tracecheck("show", "o-9", *at), tracecheck("show", "o-9", *at, "--correct-clocks", "1s")
    assert (plain.err, view.err) == (
        "",
        "tracecheck: a view with corrected clocks: 1 of 2 spans are moved\n",
    )
    assert plain.out != view.out
    assert "the clock of a is at least 300 ms ahead of b's" in view.out
