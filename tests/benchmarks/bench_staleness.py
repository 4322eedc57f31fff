"""How near the staleness that a load reports is to that of a read model which is behind by a known time."""

import tempfile
from pathlib import Path

from tests.scenario.test_load import DELAY_S, SCENARIO, written_behind
from tests.support.shops import running_shop
from tracecheck.config import Listen
from tracecheck.demo.broker import embedded_broker
from tracecheck.scenario.ground import Ground, Places
from tracecheck.scenario.load.drive import drive
from tracecheck.scenario.load.figures import quantiles
from tracecheck.scenario.load.schedule import NS_PER_S, Schedule
from tracecheck.scenario.plan import read_scenarios
from tracecheck.service import Service


def main() -> None:
    """Prints, for p50 and the longest, the reported staleness as a ratio of that which the shop wrote down itself."""
    with (
        tempfile.TemporaryDirectory() as name,
        embedded_broker() as kafka,
        Service(":memory:", Listen(grpc_port=0, http_port=0, api_port=0)) as service,
        Ground(service.store, Places(brokers={"kafka": kafka}, database=f"sqlite:///{name}/shop.db")) as ground,
        running_shop(kafka, service.endpoints, Path(name), PROJECTOR_DELAY_S=str(DELAY_S)),
    ):
        folder = Path(name)
        (folder / "order.yaml").write_text(SCENARIO)
        (folder / "cases.csv").write_text("n_,fault\n" + "".join(f"{n},none\n" for n in range(30)))
        schedule = Schedule(rate_per_s=15, duration_ns=2 * NS_PER_S)
        outcome = drive(read_scenarios([folder]), ground, schedule, run_id="load-1", drain_s=20.0)
        truth = quantiles(written_behind(folder, outcome))
    reported = outcome.staleness.behind if outcome.staleness is not None else None
    assert truth is not None
    assert reported is not None
    assert outcome.staleness is not None
    lines = [f"slowed by {DELAY_S:g} s; {reported.count} orders, all SHIPPED in the end; {outcome.rate_per_s:g}/s"]
    for name, told, true in (("p50", reported.p50_ns, truth.p50_ns), ("max", reported.max_ns, truth.max_ns)):
        lines.append(f"{name}: written {true / 1e9:.3f} s, reported {told / 1e9:.3f} s, ratio {told / true:.3f}")
    lines.append(f"longest time between two looks {outcome.staleness.resolution_ns / 1e6:.0f} ms")
    print("\n".join(lines))  # noqa: T201


if __name__ == "__main__":
    main()
