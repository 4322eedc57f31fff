import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracecheck.demo import faults
from tracecheck.demo.faults import CASES, MOST_OF_A_KIND, Case, Fault

seeds = st.integers(min_value=0, max_value=2**31)
sizes = st.integers(min_value=0, max_value=200)


def orders(count: int) -> list[str]:
    return [f"order-{number}" for number in range(count)]


@given(seeds, sizes)
def test_the_same_seed_draws_the_same_plan(seed: int, count: int) -> None:
    assert faults.draw(seed, orders(count)) == faults.draw(seed, orders(count))


@given(seeds, sizes)
def test_a_plan_breaks_known_orders_and_leaves_most_of_them_healthy(seed: int, count: int) -> None:
    plan = faults.draw(seed, orders(count))

    assert plan.keys() <= set(orders(count))
    assert len(plan) <= max(1, count // 4)


@given(seeds, sizes)
def test_no_kind_of_fault_is_drawn_so_often_that_the_demo_takes_too_long(seed: int, count: int) -> None:
    drawn = [case.fault for case in faults.draw(seed, orders(count)).values()]

    assert all(drawn.count(kind) <= MOST_OF_A_KIND for kind in Fault)


@given(seeds)
def test_forty_orders_meet_every_kind_of_fault(seed: int) -> None:
    assert {case.fault for case in faults.draw(seed, orders(40)).values()} == set(Fault)


def test_seeds_reach_every_case_there_is() -> None:
    drawn = {case for seed in range(200) for case in faults.draw(seed, orders(40)).values()}

    assert drawn == set(CASES)


def test_a_fault_in_one_handler_leads_to_one_finding_only() -> None:
    strikes = [(case.fault, case.service, case.topic) for case in CASES]

    assert len(strikes) == len(set(strikes))


def test_every_case_says_why_its_spans_prove_that_finding() -> None:
    assert all(len(case.because.split()) > 5 for case in CASES)


def test_every_step_named_by_a_case_is_a_step_of_the_expectation(tmp_path: Path) -> None:
    from tracecheck.demo.outcome import prepare
    from tracecheck.expect import load_expectations

    (expectation,) = load_expectations(prepare(tmp_path))

    assert {case.step for case in CASES} <= {step.name for step in expectation.steps}


# --- inside a service -------------------------------------------------------------------------------------------------


class Handled:
    """A service's handler that remembers what it was given and sends one event."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, object]] = []
        self.sent: list[str] = []

    def send(self, topic: str, _: dict[str, object]) -> None:
        self.sent.append(topic)

    def __call__(self, _: str, body: dict[str, object], send: faults.Send) -> None:
        self.bodies.append(body)
        send("reservations", {"id": body["id"]})


def case(fault: Fault, service: str = "inventory") -> Case:
    return next(case for case in CASES if case.fault is fault and case.service == service)


@pytest.fixture
def planned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def plan(*cases: Case) -> Path:
        path = tmp_path / "plan.json"
        faults.write_plan({f"order-{number}": case for number, case in enumerate(cases)}, path)
        monkeypatch.setenv(faults.PLAN_VARIABLE, str(path))
        faults._plan.cache_clear()
        return path

    yield plan
    faults._plan.cache_clear()


def run(service: str, order: str, handled: Handled, topic: str = "orders") -> None:
    faults.prepared(service, topic, {"id": order}, handled.send, handled)()


def test_an_order_without_a_fault_is_handled_as_the_service_meant(planned) -> None:
    path = planned(case(Fault.HANDLER_FAILS))
    handled = Handled()

    run("inventory", "order-1", handled)

    assert handled.sent == ["reservations"]
    assert faults.struck(path) == set()


def test_a_fault_strikes_in_its_service_and_topic_only(planned) -> None:
    path = planned(case(Fault.HANDLER_FAILS))
    handled = Handled()

    run("billing", "order-0", handled)
    run("inventory", "order-0", handled, topic="refunds")

    assert len(handled.sent) == 2
    assert faults.struck(path) == set()


def test_a_failing_handler_fails_at_every_attempt_by_an_error_of_its_own(planned) -> None:
    path = planned(case(Fault.HANDLER_FAILS))

    for _ in range(3):
        with pytest.raises(KeyError) as raised:
            run("inventory", "order-0", Handled())
        assert Path(faults.__file__) not in [Path(str(frame.path)) for frame in raised.traceback]

    assert faults.struck(path) == {"order-0"}


def test_a_swallowed_event_is_not_sent_though_the_handler_goes_through(planned) -> None:
    path = planned(case(Fault.EVENT_SWALLOWED))
    handled = Handled()

    run("inventory", "order-0", handled)

    assert handled.bodies == [{"id": "order-0"}]
    assert handled.sent == []
    assert faults.struck(path) == {"order-0"}


def test_a_slow_handler_takes_longer_than_its_step_may(planned, monkeypatch: pytest.MonkeyPatch) -> None:
    planned(case(Fault.SLOW))
    slept: list[float] = []
    monkeypatch.setattr(faults.time, "sleep", slept.append)
    handled = Handled()

    run("inventory", "order-0", handled)

    assert slept == [faults.SLOW_S]
    assert handled.sent == ["reservations"]


def test_a_kill_happens_once_so_that_the_next_process_gets_through(planned, monkeypatch: pytest.MonkeyPatch) -> None:
    planned(case(Fault.KILLED))
    killed: list[tuple[int, int]] = []
    monkeypatch.setattr(faults.os, "kill", lambda pid, sign: killed.append((pid, sign)))

    run("inventory", "order-0", Handled())
    run("inventory", "order-0", Handled())

    assert killed == [(faults.os.getpid(), faults.signal.SIGKILL)]


def test_a_commit_is_lost_once_so_that_the_message_comes_twice_and_not_for_ever(planned) -> None:
    planned(case(Fault.DELIVERED_TWICE))

    lost = [faults.commit_lost("inventory", "orders", {"id": "order-0"}) for _ in range(3)]

    assert lost == [True, False, False]


def test_a_relay_keeps_the_legacy_header_alone(planned, monkeypatch: pytest.MonkeyPatch) -> None:
    import kafka

    planned(case(Fault.CONTEXT_LOST))
    seen: list[list[tuple[str, bytes]]] = []
    monkeypatch.setattr(kafka.KafkaProducer, "send", lambda _, __, **event: seen.append(event["headers"]))
    faults.lose_headers("inventory")
    headers = [("traceparent", b"00-..."), ("correlation-id", b"order"), ("baggage", b"a=b")]

    for order in (b"order-0", b"order-1"):
        kafka.KafkaProducer.send(None, "reservations", value=b"", key=order, headers=headers)

    assert seen == [[("correlation-id", b"order")], headers]


def test_nothing_in_the_plan_names_a_finding(planned) -> None:
    plan = json.loads(planned(*CASES).read_text())

    assert all(row.keys() == {"fault", "service", "topic"} for row in plan.values())
