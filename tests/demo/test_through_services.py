"""The same demo with a real Collector between services and tracecheck."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.services.collector import RunningCollector, validate
from tracecheck.config import Endpoints
from tracecheck.demo.driver import SERVICES, run_demo
from tracecheck.demo.outcome import DemoOutcome
from tracecheck.model import Basis

AGENT = Path(__file__).parents[2] / "collector-config" / "agent.yaml"

RunCollector = Callable[..., AbstractContextManager[RunningCollector]]


def found(outcome: DemoOutcome) -> set[tuple[str | None, str | None, str]]:
    return {(f.correlation_id, f.step, f.code) for result in outcome.report.results for f in result.findings}


def through(run_collector: RunCollector) -> Any:
    """A relay for `run_demo`: all services export to a Collector that exports to the receiver."""

    @contextmanager
    def relay(direct: Endpoints) -> Iterator[Mapping[str, Endpoints]]:
        receiver = {"TRACECHECK_ENDPOINT": urlsplit(direct.grpc).netloc}
        with run_collector(AGENT, receiver) as running:
            agent = Endpoints(grpc=running.grpc_endpoint, http=running.http_endpoint, api=direct.api)
            yield dict.fromkeys(SERVICES, agent)

    return relay


@pytest.mark.service("collector")
def test_the_agent_configuration_is_valid() -> None:
    assert validate(AGENT, {"TRACECHECK_ENDPOINT": "127.0.0.1:4417"}) == ""


@pytest.mark.service("collector")
def test_through_a_collector_the_findings_are_those_injected(collector: RunCollector, tmp_path: Path) -> None:
    outcome = run_demo(tmp_path / "out", seed=1, relay=through(collector))

    assert outcome.mismatch == ()
    assert found(outcome) == {(one.correlation_id, one.step, one.cause) for one in outcome.injected}
    assert len(outcome.injected) == 10


@pytest.mark.service("collector")
def test_through_a_collector_every_chain_arrives_whole(collector: RunCollector, tmp_path: Path) -> None:
    outcome = run_demo(tmp_path / "out", seed=2, orders=12, faults=False, relay=through(collector))
    results = outcome.report.results

    assert outcome.check_exit_code == 0
    assert {result.completeness.basis for result in results} == {Basis.PROVEN}
    assert [[len(step.matched) for step in result.steps] for result in results] == [[1] * 9] * 12
