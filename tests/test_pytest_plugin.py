"""The plugin as a project's tests meet it: nothing when unused, a run per test, and a failure that says what broke."""

import textwrap
from pathlib import Path

import pytest

SPANS = """
import time
from tests.support.spans import Traces
from tracecheck.expect import expect_chain, process, send

ORDER = expect_chain("order", steps={
    "placed": send("orders"),
    "charged": process("orders", group="billing", after="placed", within="1ms"),
})

def place(kit, charged):
    traces = Traces(run_id=kit.run_id, start_unix_nano=time.time_ns())
    placed = traces.send("checkout", "orders")
    if charged:
        traces.process("billing", "orders", of=placed, group="billing", at_ms=0, took_ms=0)
    kit.store.append(traces.spans)
"""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    for name in ("KAFKA", "RABBITMQ", "TRACECHECK_DATABASE", "TRACECHECK_HTTP", "TRACECHECK_RUN_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    return pytester


def test_a_project_that_does_not_use_it_pays_nothing(project: pytest.Pytester) -> None:
    project.makepyfile(
        textwrap.dedent(
            """
            import sys

            def test_of_something_else():
                heavy = {"duckdb", "grpc", "pyarrow", "pydantic", "tracecheck.store", "kafka", "sqlalchemy"}
                assert "tracecheck.pytest_plugin" in sys.modules
                assert heavy & set(sys.modules) == set()
            """
        )
    )
    project.runpytest_subprocess("-p", "no:xdist").assert_outcomes(passed=1)


def test_runs_fail_by_themselves_and_say_which_step_broke(project: pytest.Pytester) -> None:
    project.makepyfile(
        shop=SPANS,
        test_orders="""
            import os
            import pytest
            from shop import ORDER, place

            def test_one_is_charged(tracecheck):
                place(tracecheck, charged=True)
                assert os.environ["TRACECHECK_RUN_ID"] == tracecheck.run_id
                tracecheck.expect_chain(ORDER)

            def test_one_is_not(tracecheck):
                place(tracecheck, charged=False)
                tracecheck.expect_chain(ORDER)

            @pytest.mark.tracecheck(timeout_s=0.05)
            def test_nothing_happens(tracecheck):
                tracecheck.expect_chain(ORDER)

            @pytest.mark.tracecheck(colour="red")
            def test_a_marker_is_wrong(tracecheck):
                pass
        """,
    )
    ran = project.runpytest_subprocess("-p", "no:xdist", "--strict-markers", "--junitxml=junit.xml")
    ran.assert_outcomes(passed=1, failed=2, errors=1)
    said = ran.stdout.str()
    assert "ChainBroken: FAIL order  charged: not_consumed; last good: orders sent by checkout" in said
    assert "tracecheck run test-" in said
    assert "checkout: send orders" in said
    assert "nothing matched" in said
    assert "@pytest.mark.tracecheck(colour): expected tracecheck(kafka=None" in said
    assert 'name="tracecheck.run.id" value="test-' in (project.path / "junit.xml").read_text()


def test_workers_of_xdist_have_receivers_of_their_own(project: pytest.Pytester) -> None:
    project.makepyfile(
        shop=SPANS,
        test_orders="""
            import pytest
            from shop import ORDER, place

            @pytest.mark.parametrize("number", range(4))
            def test_each_sees_its_own_order_only(tracecheck, number):
                place(tracecheck, charged=True)
                assert len(tracecheck.expect_chain(ORDER).results) == 1
                tracecheck.expect_no_leaks()
        """,
    )
    project.runpytest_subprocess("-n", "2").assert_outcomes(passed=4)
