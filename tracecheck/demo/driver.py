"""The demo from start to end: broker, receiver, services, orders, and the ordinary check over what they left.

Only this process knows the faults. It compares what the check found with what it injected, and that decides the demo's
exit code; the check's own is what `tracecheck check order.yaml` returns on the same store.
"""

import json
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext
from pathlib import Path
from uuid import uuid4

from tracecheck.check import check_store
from tracecheck.config import Endpoints, Listen
from tracecheck.demo.bus import Bus
from tracecheck.demo.faults import PLAN_VARIABLE, Case, draw, struck, write_plan
from tracecheck.demo.outcome import (
    STORE_FILE,
    DemoOutcome,
    check_exit_code,
    compare,
    injected_by,
    prepare,
    write_results,
)
from tracecheck.demo.supervisor import Supervisor
from tracecheck.errors import EnvironmentFault
from tracecheck.expect import load_expectations
from tracecheck.scenario.run import child_environment
from tracecheck.service import Service
from tracecheck.store import Store

SERVICES = ("checkout", "inventory", "billing", "shipping", "mailer", "projector")
BETWEEN_ORDERS_S = 0.05
AT_ONCE = 5
"""Orders under way together. On a busy machine more would queue up, and be late without any fault."""

HANDLED_WITHIN_S = 60.0
EXPORTED_WITHIN_S = 30.0

Progress = Callable[[str], None]
Relay = Callable[[Endpoints], AbstractContextManager[Mapping[str, Endpoints]]]
"""What stands between the services and the receiver, whose endpoints it is given: where each service is to export."""


def run_demo(
    out: Path,
    seed: int = 1,
    orders: int = 40,
    faults: bool = True,
    bootstrap_servers: str | None = None,
    progress: Progress = lambda _: None,
    relay: Relay = lambda _: nullcontext({}),
    drawn: Callable[[int, Sequence[str]], dict[str, Case]] = draw,
) -> DemoOutcome:
    """Run the order system, break some of its orders, and check all of them; results go into the directory `out`.

    Without `bootstrap_servers` the embedded broker is started. Results of an earlier demo in `out` are replaced. Raises
    `EnvironmentFault` when a broker, a port or a service does not come up, or a group stops taking messages.
    """
    expectations = load_expectations(prepare(out))
    order_ids = [f"order-{seed}-{number:03d}" for number in range(1, orders + 1)]
    plan = drawn(seed, order_ids) if faults else {}

    with ExitStack() as stack:
        bus = stack.enter_context(_broker(bootstrap_servers, progress))
        receiver = stack.enter_context(Service(str(out / STORE_FILE), Listen(grpc_port=0, http_port=0, api_port=0)))
        private = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tracecheck-demo-")))
        write_plan(plan, private / "plan.json")
        with relay(receiver.endpoints) as relayed:
            environments = _environments(receiver.endpoints, relayed, bus, private)
            with Supervisor(environments, out / "logs") as services:
                progress("starting six services")
                checkout_port = int(services.await_ready()["checkout"])
                _place_orders(order_ids, plan, checkout_port, bus, receiver.store, progress)
                progress("stopping the services; each exports what it still holds")
        # A killed process sends no flush mark, so that for its part only silence says that no more will come.
        _await_quiet(receiver.store, max(expectation.settle_ns or 0 for expectation in expectations) / 1e9)

        progress("checking every chain")
        report = check_store(receiver.store, expectations)
        injected = injected_by(plan)
        write_results(out, report, injected, receiver.store)
        idle = sorted(plan.keys() - struck(private / "plan.json"))

    mismatch = compare(report, injected, order_ids)
    mismatch += tuple(
        f"the {plan[order].fault} planned for {order} in {plan[order].service} never happened" for order in idle
    )
    return DemoOutcome(
        exit_code=1 if mismatch else 0,
        check_exit_code=check_exit_code(report),
        report=report,
        injected=injected,
        mismatch=mismatch,
    )


@contextmanager
def _broker(bootstrap_servers: str | None, progress: Progress) -> Iterator[Bus]:
    with ExitStack() as stack:
        if bootstrap_servers:
            progress(f"using the broker at {bootstrap_servers}")
        else:
            from tracecheck.demo.broker import embedded_broker

            progress("starting the embedded broker")
            bootstrap_servers = stack.enter_context(embedded_broker())
        bus = stack.enter_context(closing(Bus(bootstrap_servers)))
        bus.create_topics()
        bus.skip_what_is_there()
        yield bus


def _environments(
    endpoints: Endpoints, relayed: Mapping[str, Endpoints], bus: Bus, private: Path
) -> dict[str, dict[str, str]]:
    run_id = f"demo-{uuid4().hex[:12]}"
    environments = {}
    for service in SERVICES:
        state = private / service
        state.mkdir()
        environments[f"tracecheck.demo.services.{service}"] = {
            **child_environment(relayed.get(service, endpoints), run_id, {}),
            PLAN_VARIABLE: str(private / "plan.json"),
            "KAFKA_BOOTSTRAP_SERVERS": bus.bootstrap_servers,
            "STATE_DIRECTORY": str(state),
            "ORDERS_DATABASE": str(private / "orders.db"),
        }
    return environments


def _place_orders(
    order_ids: list[str], plan: Mapping[str, Case], checkout_port: int, bus: Bus, store: Store, progress: Progress
) -> None:
    """Place all orders; those that will hold up a service alone, when everything else is through and exported."""
    for number, order_id in enumerate(order_ids, start=1):
        alone = order_id in plan and plan[order_id].fault.holds_up_others
        if alone:
            bus.await_handled(HANDLED_WITHIN_S)
            _await_exported(bus, store)
        _place(order_id, number, checkout_port)
        if alone:
            progress(f"{number} of {len(order_ids)} orders placed; waiting for a service that is held up")
            bus.await_handled(HANDLED_WITHIN_S)
        elif number % AT_ONCE == 0 or number == len(order_ids):
            bus.await_handled(HANDLED_WITHIN_S)
            progress(f"{number} of {len(order_ids)} orders placed")
        time.sleep(BETWEEN_ORDERS_S)


def _place(order_id: str, number: int, checkout_port: int) -> None:
    body = json.dumps({"id": order_id, "total": 10 + number}).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{checkout_port}/orders", data=body)
    try:
        with urllib.request.urlopen(request, timeout=30):  # noqa: S310 - the checkout we started on loopback
            pass
    except urllib.error.HTTPError as refused:
        refused.close()  # a shop's visitor sees the error page; the spans say the rest
    except OSError as fault:
        raise EnvironmentFault(f"the demo's checkout service does not answer: {fault}") from fault


_EXPORTED = """
    select consumer_group, destination, partition_id, max(message_offset) as last from span_rows
    where operation = 'process' and message_offset is not null group by all
"""


def _await_exported(bus: Bus, store: Store) -> None:
    """Return once the span of every handled message is stored: a service that is killed takes the others with it.

    A process exports its spans in the order they end, so the last one stands for all.
    """
    handled = bus.handled()
    deadline = time.monotonic() + EXPORTED_WITHIN_S
    while True:
        generation = store.generation()
        rows = store.query(_EXPORTED).to_pylist()
        stored = {(row["consumer_group"], row["destination"], row["partition_id"]): row["last"] for row in rows}
        if all(stored.get(place, -1) >= offset for place, offset in handled.items()):
            return
        left_s = deadline - time.monotonic()
        if left_s <= 0:
            raise EnvironmentFault("the demo's services handled messages whose spans did not arrive; see their logs")
        store.wait(generation, left_s)


def _await_quiet(store: Store, quiet_s: float) -> None:
    """Return once nothing has been stored for a while."""
    seen = store.generation()
    while (now := store.wait(seen, quiet_s)) != seen:
        seen = now
