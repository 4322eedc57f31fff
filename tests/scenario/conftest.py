"""A running shop on a broker of its own, and the ground to perform scenarios on, shared by the tests of a file."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.shops import running_shop
from tracecheck.config import Endpoints, Listen
from tracecheck.demo.broker import embedded_broker
from tracecheck.demo.supervisor import Supervisor
from tracecheck.model import CheckReport, Finding, Result
from tracecheck.scenario.ground import Ground, Places
from tracecheck.scenario.plan import read_scenarios
from tracecheck.scenario.run import RunOutcome, new_run_id, run_scenarios
from tracecheck.service import Service


@dataclass(frozen=True, kw_only=True)
class ShopOpen:
    """Where the shop is, and what runs it."""

    kafka: str
    database: str
    folder: Path
    service: Service
    ground: Ground
    processes: Supervisor

    @property
    def endpoints(self) -> Endpoints:
        """Where its spans go."""
        return self.service.endpoints

    def run(self, specs: Path, **more: object) -> RunOutcome:
        """Performs every scenario of a file or directory, all at once."""
        options = {"parallel": 20, **more}
        return run_scenarios(self.ground, self.endpoints, read_scenarios([specs]), run_id=new_run_id(), **options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShopOpen]:
    """The shop, ready to take orders, on a broker where nobody else is of its groups."""
    folder = tmp_path_factory.mktemp("shop")
    database = f"sqlite:///{folder}/shop.db"
    with (
        embedded_broker() as kafka,
        Service(":memory:", Listen(grpc_port=0, http_port=0, api_port=0)) as service,
        Ground(service.store, Places(brokers={"kafka": kafka}, database=database)) as ground,
        running_shop(kafka, service.endpoints, folder, OTEL_BSP_SCHEDULE_DELAY="50") as processes,
    ):
        yield ShopOpen(
            kafka=kafka,
            database=database,
            folder=folder,
            service=service,
            ground=ground,
            processes=processes,
        )


def by_case(report: CheckReport) -> dict[str | None, Result]:
    """Results by the name of their case."""
    return {result.case: result for result in report.results}


Told = Callable[[Result], list[tuple[str | None, str]]]


def told(result: Result) -> list[tuple[str | None, str]]:
    """(step, code) of each finding that fails."""

    def fails(finding: Finding) -> bool:
        return finding.verdict.value == "fail"

    return [(finding.step, finding.code.value) for finding in result.findings if fails(finding)]
