"""The broker's word on how far a group came tells silence, lag, a message left out and a dead exporter apart."""

from dataclasses import replace

import pytest

from tests.check.ordering import QUIET, STEPS, Order, checked, group, only
from tracecheck.chains import GroupPosition, InstanceSeen
from tracecheck.check.positions import read_positions
from tracecheck.expect import expect_chain, process, send
from tracecheck.model import Basis, Cause, Verdict
from tracecheck.probe.brokers import GroupOffset

TWO_STEPS = expect_chain("order", steps={name: STEPS[name] for name in ("placed", "charged")})


def at(committed: int | None, end: int = 57) -> tuple[GroupPosition, ...]:
    here = {"consumer_group": "billing", "destination": "orders"}
    return (
        GroupPosition(**here, partition="0", committed=committed, end=end),
        GroupPosition(**here, partition="1", committed=900, end=900),
    )


@pytest.mark.parametrize(
    ("groups", "committed", "state", "facts"),
    [
        (
            (group("billing", "orders", last_ms=-500),),
            41,
            "silent",
            (
                "group billing silent since 2023-11-14T22:13:19Z",
                "the broker has billing at orders[0]@41 of 57, 16 waiting",
            ),
        ),
        (
            (group("billing", "orders", last_ms=900, p0=20),),
            21,
            "behind",
            (
                "group billing was alive at 2023-11-14T22:13:20Z and has handled nothing past orders[0]@41",
                "the broker has billing at orders[0]@21 of 57, 36 waiting",
            ),
        ),
        (
            (group("billing", "orders", last_ms=900, p0=56),),
            57,
            "past",
            (
                "group billing handled orders[0]@56, past it",
                "the broker has billing at orders[0]@57 of 57, nothing waiting",
            ),
        ),
        (
            (),
            None,
            "never_seen",
            (
                "group billing was never seen at orders",
                "the broker has no position of billing in orders[0], whose end is 57",
            ),
        ),
    ],
)
def test_not_consumed_says_where_the_broker_has_the_group(
    groups: tuple[object, ...], committed: int | None, state: str, facts: tuple[str, ...]
) -> None:
    story = Order().up_to_inventory()
    around = replace(QUIET, groups=groups, positions=at(committed))
    finding = only(checked(story, TWO_STEPS, around))
    assert (finding.code, finding.verdict, finding.evidence) == (Cause.NOT_CONSUMED, Verdict.FAIL, facts)
    assert finding.detail["group_state"] == state
    assert finding.detail.get("committed_offset") == committed
    assert finding.detail["end_offset"] == 57


def test_a_group_that_went_past_without_any_span_lost_its_span_and_not_the_message() -> None:
    story = Order().up_to_inventory()
    finding = only(checked(story, TWO_STEPS, replace(QUIET, positions=at(57))))
    assert finding.code is Cause.CONSUMER_SPAN_MISSING
    assert finding.evidence == (
        "the broker has billing at orders[0]@57 of 57, nothing waiting",
        "no span of the group at orders[0]@41 or later",
    )
    assert finding.detail["proved_by"] == "the broker"


def test_a_group_that_went_past_and_has_every_span_stored_left_the_message_out() -> None:
    whole = InstanceSeen(
        service="billing", instance="b1", flushed=True, spans_marked=3, spans_stored=3, last_seen_unix_nano=0
    )
    around = replace(QUIET, groups=(group("billing", "orders", last_ms=900),), instances=(whole,), positions=at(57))
    finding = only(checked(Order().up_to_inventory(), TWO_STEPS, around))
    assert (finding.code, finding.detail["group_state"]) == (Cause.NOT_CONSUMED, "past")
    assert finding.completeness is not None
    assert finding.completeness.basis is Basis.PROVEN


def test_a_dead_exporter_is_ruled_out_by_a_group_that_the_broker_still_has_before_the_message() -> None:
    story = Order().up_to_inventory()
    dead = InstanceSeen(
        service="billing", instance="b1", flushed=False, spans_marked=None, spans_stored=3, last_seen_unix_nano=0
    )
    other = InstanceSeen(
        service="checkout", instance="c1", flushed=True, spans_marked=1, spans_stored=1, last_seen_unix_nano=0
    )
    around = replace(QUIET, groups=(group("billing", "orders", last_ms=-500),), instances=(dead, other))
    doubtful = only(checked(story, TWO_STEPS, around))
    assert (doubtful.code, doubtful.verdict) == (Cause.INCOMPLETE, Verdict.INCONCLUSIVE)
    sure = only(checked(story, TWO_STEPS, replace(around, positions=at(41))))
    assert (sure.code, sure.verdict) == (Cause.NOT_CONSUMED, Verdict.FAIL)
    assert sure.completeness is not None
    assert sure.completeness.basis is Basis.ASSUMED


class KafkaOfTwoGroups:
    """As a broker answers."""

    system = "kafka"

    def __init__(self) -> None:
        self.asked: list[str] = []

    def group_offsets(self, group: str) -> dict[tuple[str, str], GroupOffset]:
        self.asked.append(group)
        if group != "billing":
            return {}
        return {("orders", "0"): GroupOffset(destination="orders", partition="0", committed=41, start=0, end=57)}


def test_only_the_groups_that_steps_name_are_asked_for() -> None:
    steps = {"placed": send("orders"), "a": process("orders", group="billing", after="placed")}
    steps |= {"b": process("orders", service="mailer", after="placed"), "c": process("x", group="none", after="placed")}
    broker = KafkaOfTwoGroups()
    found = read_positions(broker, [expect_chain("order", steps=steps)])  # type: ignore[arg-type]
    assert broker.asked == ["billing", "none"]
    assert found == (at(41)[0],)
