"""The pytest fixture: an in-process receiver on free ports, and a run id of its own for each test.

Costs nothing when unused: importing this module imports pytest alone, and the receiver starts with the first test that
asks for the fixture (one per pytest-xdist worker).
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

if TYPE_CHECKING:
    from tracecheck.config import Endpoints
    from tracecheck.expect import Expectation
    from tracecheck.model import CheckReport
    from tracecheck.store import Store

DEFAULT_TIMEOUT_S = 30.0


class ChainBroken(AssertionError):
    """A chain did not meet its expectation. Carries the report; its text is what the command line prints."""

    def __init__(self, report: "CheckReport", text: str) -> None:
        super().__init__(text)
        self.report = report


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracecheck:
    """What a test holds: where spans go, which run they belong to, and the assertion over them."""

    run_id: str
    environment: dict[str, str]
    """For services the test starts itself: `subprocess.Popen(..., env=tracecheck.environment)`."""
    endpoints: "Endpoints"
    store: "Store"

    def expect(self, *expected: "Path | str | Expectation", timeout_s: float = DEFAULT_TIMEOUT_S) -> "CheckReport":
        """Waits until the verdict over this test's run is certain; raises `ChainBroken` unless it is a pass.

        `expected` are specification files or expectations built in Python. Raises `InvalidFile` with every problem of
        every file at once.
        """
        __tracebackhide__ = True
        from tracecheck.expect import Expectation
        from tracecheck.model import Verdict
        from tracecheck.report import render_text
        from tracecheck.scenario.run import read_specs, with_settle
        from tracecheck.scenario.wait import wait_for

        built = [each for each in expected if isinstance(each, Expectation)]
        files = [Path(each) for each in expected if not isinstance(each, Expectation)]
        expectations, settle_ns = with_settle(built + read_specs(files))
        report = wait_for(self.store, expectations, run_id=self.run_id, settle_ns=settle_ns, timeout_s=timeout_s)
        if not report.matched or report.verdict is not Verdict.PASS:
            raise ChainBroken(report, render_text(report))
        return report


@pytest.fixture(scope="session")
def tracecheck_service() -> Iterator[Any]:
    """The receiver, store and read API of this test process, in memory, on free loopback ports."""
    from tracecheck.config import Listen
    from tracecheck.service import Service

    with Service(":memory:", Listen(grpc_port=0, http_port=0, api_port=0)) as service:
        yield service


@pytest.fixture
def tracecheck(tracecheck_service: Any, monkeypatch: pytest.MonkeyPatch, record_property: Any) -> Tracecheck:
    """Spans of this test's services arrive in `store` under `run_id`; the exporter variables are set for the test."""
    from tracecheck.scenario.run import child_environment

    run_id = f"test-{uuid4().hex[:12]}"
    environment = child_environment(tracecheck_service.endpoints, run_id, os.environ)
    for name, value in environment.items():
        if os.environ.get(name) != value:
            monkeypatch.setenv(name, value)
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", raising=False)
    record_property("tracecheck.run.id", run_id)
    return Tracecheck(
        run_id=run_id, environment=environment, endpoints=tracecheck_service.endpoints, store=tracecheck_service.store
    )
