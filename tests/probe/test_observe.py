"""Watching the bus: what is claimed of messages is judged as soon as it is certain, and never before."""

import time
from collections.abc import Iterator

import pytest

from tests.support.polling import until
from tests.support.seen import FakeSubscription, message
from tracecheck.errors import BrokerUnavailable, StoreUnavailable, UsageError
from tracecheck.probe.brokers import Outgoing, Seen, connect
from tracecheck.probe.claim import Claim
from tracecheck.probe.observe import Match, NotObserved, Observer, Unsure, observing
from tracecheck.probe.wait import await_until
from tracecheck.store import Store, open_store

WINDOW_S = 0.05
LONG_S = 60.0
ORDERS = Match(destination="orders")


@pytest.fixture
def bus() -> FakeSubscription:
    return FakeSubscription()


@pytest.fixture
def observer(bus: FakeSubscription) -> Iterator[Observer]:
    observer = Observer(bus)
    yield observer
    observer.close(quietly=True)


@pytest.fixture
def store() -> Iterator[Store]:
    store = open_store(":memory:")
    yield store
    store.close()


def test_what_is_seen_is_returned_at_once(bus: FakeSubscription, observer: Observer) -> None:
    bus.deliver(message("refunds"), message("orders", key=b"o-1"))
    (found,) = observer.expect(ORDERS, LONG_S)
    assert found.key == b"o-1"
    assert len(observer.seen) == 2


def test_an_observer_polls_only_the_broker_and_wakes_who_waits_on_arrival(
    bus: FakeSubscription, observer: Observer
) -> None:
    looks = 0

    def seen() -> bool:
        nonlocal looks
        looks += 1
        if looks == 1:
            bus.deliver(message("orders"))
        return bool(observer.seen)

    assert await_until(seen, at_most_s=LONG_S, wake=observer)
    assert looks == 2


def test_a_message_of_others_wakes_nobody_who_waits_for_his_own(
    bus: FakeSubscription, observer: Observer, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0
    enough = Claim.enough

    def counted(claim: Claim, found: tuple[Seen, ...]) -> bool:
        nonlocal looks
        looks += 1
        if looks == 1:
            for number in range(50):
                bus.deliver(message("refunds", offset=number))
                until(lambda number=number: len(observer.seen) > number)
            bus.deliver(message("orders"))
        return enough(claim, found)

    monkeypatch.setattr(Claim, "enough", counted)
    assert len(observer.expect(ORDERS, LONG_S)) == 1
    assert looks == 2


def test_at_least_counts_all_since_observing_began(bus: FakeSubscription, observer: Observer) -> None:
    bus.deliver(message("orders", offset=0))
    observer.expect(ORDERS, LONG_S)
    bus.deliver(message("orders", offset=1))
    assert [one.offset for one in observer.expect(ORDERS, LONG_S, at_least=2)] == [0, 1]


def test_too_few_names_the_nearest_misses_and_what_does_not_exist(bus: FakeSubscription, observer: Observer) -> None:
    bus.missing_ones = ("shipments",)
    bus.deliver(message("refunds"), message("orders", value=b'{"id": "o-2"}', partition="3", offset=41))
    with pytest.raises(NotObserved) as failure:
        observer.expect(Match(destination="orders", where={"id": "o-1"}), WINDOW_S)
    first, second, *_, last = str(failure.value).splitlines()
    assert first == "expected 1 or more of: message on orders with id 'o-1'; saw 0 within 0.05 s, of 2 in all"
    assert second == "  nearest: orders[3]@41: id is 'o-2', not 'o-1'"
    assert last == "  shipments does not exist on the broker"
    assert failure.value.exit_code == 1


def test_more_than_exactly_so_many_fails_at_once(bus: FakeSubscription, observer: Observer) -> None:
    bus.deliver(message("orders", offset=1), message("orders", offset=2))
    with pytest.raises(NotObserved, match=r"exactly 1 .*(?s:.)*one too many: orders\[0\]@2"):
        observer.expect(ORDERS, LONG_S, exactly=1)


def test_one_that_there_must_not_be_fails_at_once(bus: FakeSubscription, observer: Observer) -> None:
    bus.deliver(message("orders"))
    with pytest.raises(NotObserved, match="expected no of: message on orders"):
        observer.expect(ORDERS, LONG_S, none=True)


def test_exactly_and_none_pass_only_once_the_window_is_over(bus: FakeSubscription, observer: Observer) -> None:
    bus.deliver(message("orders"))
    began = time.monotonic()
    assert len(observer.expect(ORDERS, WINDOW_S, exactly=1)) == 1
    assert observer.expect(Match(destination="refunds"), WINDOW_S, none=True) == ()
    assert time.monotonic() - began >= 2 * WINDOW_S


def test_a_quiet_time_can_stand_for_the_rest_of_the_window(bus: FakeSubscription, observer: Observer) -> None:
    bus.deliver(message("orders"))
    assert len(observer.expect(ORDERS, LONG_S, exactly=1, settle_s=WINDOW_S)) == 1


def test_what_the_broker_took_in_the_window_counts_though_it_is_read_after_it(
    bus: FakeSubscription, observer: Observer
) -> None:
    bus.held = [message("orders")]
    with pytest.raises(NotObserved):
        observer.expect(ORDERS, WINDOW_S, none=True)
    bus.held = [message("refunds")]
    assert len(observer.expect(Match(destination="refunds"), WINDOW_S)) == 1


def test_absence_is_not_believed_of_a_broker_that_has_more_to_read(
    bus: FakeSubscription, observer: Observer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Observer.catch_up, "__defaults__", (0.05,))
    bus.stalled = True
    with pytest.raises(Unsure, match="the broker has more to read") as doubt:
        observer.expect(ORDERS, WINDOW_S, none=True)
    assert doubt.value.exit_code == 3


def test_absence_is_not_believed_of_a_destination_that_does_not_exist(
    bus: FakeSubscription, observer: Observer
) -> None:
    bus.missing_ones = ("orders",)
    with pytest.raises(Unsure, match="orders does not exist"):
        observer.expect(ORDERS, WINDOW_S, none=True)
    assert observer.expect(Match(destination="refunds"), WINDOW_S, none=True) == ()


def test_a_broker_that_is_lost_ends_every_wait_at_once(bus: FakeSubscription, observer: Observer) -> None:
    bus.fail(BrokerUnavailable("gone"))
    with pytest.raises(BrokerUnavailable, match="gone"):
        observer.expect(ORDERS, LONG_S)
    assert until(lambda: bus.closed)
    with pytest.raises(BrokerUnavailable):
        observer.close()


def test_a_function_that_fails_in_a_match_fails_the_one_who_gave_it_and_nobody_else(
    bus: FakeSubscription, observer: Observer
) -> None:
    bus.deliver(message("orders"))
    with pytest.raises(ZeroDivisionError):
        observer.expect(Match(where={"id": lambda _: 1 / 0}), LONG_S)
    assert len(observer.expect(ORDERS, LONG_S)) == 1


def test_what_is_no_path_is_refused_before_anything_is_seen(observer: Observer) -> None:
    with pytest.raises(UsageError, match="is no JSON path"):
        observer.expect(Match(where={"items[": 1}), LONG_S)


@pytest.mark.parametrize("claims", [{"exactly": 1, "none": True}, {"at_least": -1}, {"exactly": 1, "at_least": 1}])
def test_claims_that_contradict_each_other_are_refused(observer: Observer, claims: dict[str, int]) -> None:
    with pytest.raises(UsageError, match="expected one of"):
        observer.expect(ORDERS, WINDOW_S, **claims)  # type: ignore[arg-type]


def test_every_message_seen_is_a_record_beside_the_spans(bus: FakeSubscription, store: Store) -> None:
    observer = Observer(bus, store=store, run_id="run-1", name="checkout")
    bus.deliver(
        message(
            "orders",
            key=b"k",
            value=b'{"id": "o-1"}',
            offset=41,
            headers={
                "baggage": "tracecheck.run.id=run-2,correlation.id=c-1",
                "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                "tracecheck-event-id": "e-1",
            },
        ),
        message("orders", value=b"\xff", offset=42),
    )
    observer.expect(ORDERS, LONG_S, at_least=2)
    observer.close()
    assert bus.closed
    rows = store.query("select * exclude (headers) from records order by message_offset").to_pylist()
    assert rows[0] == {
        "run_id": "run-2",
        "observer": "checkout",
        "system": "kafka",
        "destination": "orders",
        "partition_id": "0",
        "message_offset": 41,
        "message_id": None,
        "event_id": "e-1",
        "correlation_id": "c-1",
        "message_key": b"k",
        "value": b'{"id": "o-1"}',
        "value_text": '{"id": "o-1"}',
        "record_time_unix_nano": None,
        "seen_unix_nano": 1,
        "trace_id": "0af7651916cd43dd8448eb211c80319c",
        "span_id": "b7ad6b7169203331",
    }
    assert (rows[1]["run_id"], rows[1]["value_text"], rows[1]["value"]) == ("run-1", None, b"\xff")


def test_a_store_that_cannot_keep_what_was_seen_is_said(bus: FakeSubscription, store: Store) -> None:
    observer = Observer(bus, store=store)
    store.close()
    bus.deliver(message("orders"))
    with pytest.raises(StoreUnavailable):
        observer.expect(Match(destination="refunds"), LONG_S)
    observer.close(quietly=True)


def test_the_position_is_taken_before_the_block_begins(embedded_broker: str, unique_name: str) -> None:
    broker = connect("kafka", embedded_broker)
    broker.publish(Outgoing(destination=unique_name, value=b'{"n": 1}'))
    with observing(broker, [unique_name]) as observer:
        broker.publish(Outgoing(destination=unique_name, value=b'{"n": 2}'))
        observer.expect(Match(where={"n": 2}), LONG_S)
        assert [one.value for one in observer.seen] == [b'{"n": 2}']
    broker.close()
