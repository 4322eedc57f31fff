"""One service's exporter dies while orders are under way: the check must not blame the service for what it lost."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.polling import until
from tests.support.severed import Severable
from tracecheck.config import Endpoints
from tracecheck.demo.driver import run_demo
from tracecheck.model import Cause, CheckReport, Verdict

SOMETHING_BYTES = 4_000
"""More than a connection's set-up, less than the spans of ten orders."""


def cut_off(service: str, out: Path) -> CheckReport:
    """The report of a demo without faults in which `service` loses its exporter when half the orders are placed.

    Some of its spans have arrived by then: a service that was never heard of is not known to be cut off.
    """
    wires: list[Severable] = []

    @contextmanager
    def through_a_wire(direct: Endpoints) -> Iterator[Mapping[str, Endpoints]]:
        target = urlsplit(direct.grpc)
        with Severable(target.hostname or "", target.port or 0) as wire:
            wires.append(wire)
            yield {service: Endpoints(grpc=f"http://127.0.0.1:{wire.port}", http="", api=direct.api)}

    def cut_at_half(said: str) -> None:
        if said.startswith("10 of 20"):
            until(lambda: wires[0].sent_bytes > SOMETHING_BYTES)
            wires[0].cut()

    return run_demo(out, seed=3, orders=20, faults=False, progress=cut_at_half, relay=through_a_wire).report


@pytest.mark.parametrize(
    "service",
    [
        "checkout",
        "inventory",
        "mailer",
        *(pytest.param(service, marks=pytest.mark.soak) for service in ("billing", "shipping", "projector")),
    ],
)
def test_a_cut_off_exporter_is_never_green_and_never_blamed_on_its_service(service: str, tmp_path: Path) -> None:
    report = cut_off(service, tmp_path)
    found = [finding for result in report.results for finding in result.findings]

    assert report.verdict is not Verdict.PASS
    assert [f for f in found if f.code is Cause.NOT_CONSUMED and service in (f.consumer_group, f.service)] == []
    assert report.verdict is Verdict.INCONCLUSIVE or Cause.CONSUMER_SPAN_MISSING in {f.code for f in found}
