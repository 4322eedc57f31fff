"""Where the broker has the consumer groups of some expectations: what tells a silent group from a dead exporter."""

from collections.abc import Iterable, Sequence

from tracecheck.chains import GroupPosition
from tracecheck.expect import Expectation, Role
from tracecheck.model import SpanBrief
from tracecheck.probe.brokers import Broker


def read_positions(broker: Broker, expectations: Iterable[Expectation]) -> tuple[GroupPosition, ...]:
    """The positions of every consumer group that a step names; none where the broker's system has no such thing.

    Raises `BrokerUnavailable`.
    """
    groups = {
        step.pattern.group
        for expectation in expectations
        for step in expectation.steps
        if step.pattern.role is Role.PROCESS and step.pattern.group is not None
    }
    return tuple(
        GroupPosition(
            consumer_group=group,
            destination=destination,
            partition=partition,
            committed=position.committed,
            end=position.end,
        )
        for group in sorted(groups)
        for (destination, partition), position in sorted((broker.group_offsets(group) or {}).items())
    )


def position_of(positions: Sequence[GroupPosition], group: str | None, message: SpanBrief) -> GroupPosition | None:
    """Where the broker has the group in the message's partition; None if it was not asked, or knows no such place."""
    place = (group, message.destination, message.partition)
    return next((one for one in positions if (one.consumer_group, one.destination, one.partition) == place), None)


def is_past(position: GroupPosition, message: SpanBrief) -> bool:
    """True if the group has committed past the message: it was taken, or left out, but it waits no longer."""
    return position.committed is not None and message.offset is not None and position.committed > message.offset


def told(position: GroupPosition) -> str:
    """`the broker has billing at orders[0]@41 of 57, 16 waiting`."""
    place = f"{position.destination}[{position.partition}]"
    if position.committed is None:
        return f"the broker has no position of {position.consumer_group} in {place}, whose end is {position.end}"
    waiting = max(0, position.end - position.committed)
    return (
        f"the broker has {position.consumer_group} at {place}@{position.committed} of {position.end}, "
        f"{waiting or 'nothing'} waiting"
    )
