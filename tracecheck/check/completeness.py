"""When absence is a fact: proven, assumed or unknown, for a whole run and for one service's part in it."""

from collections.abc import Collection

from tracecheck.chains.surroundings import GroupSeen, InstanceSeen, Surroundings
from tracecheck.model import Basis, Completeness, SpanBrief


def completeness(
    surroundings: Surroundings, settle_ns: int, *, quiet_since_unix_nano: int | None = None
) -> Completeness:
    """How sure it is that no more spans will come, with the reasons.

    `proven`: every instance seen sent a flush mark whose count equals what is stored. `assumed`: nothing was ingested
    for `settle_ns`, by the receiver's clock; `quiet_since_unix_nano` narrows that to the last ingest of one chain, as a
    store in use never falls silent. `unknown`: neither.
    """
    instances = surroundings.instances
    doubts = _doubts(instances)
    if instances and not doubts:
        return Completeness(
            basis=Basis.PROVEN,
            reasons=(f"{_all(len(instances))} sent a flush mark and every span it counts is stored",),
        )
    since = surroundings.last_ingest_unix_nano if quiet_since_unix_nano is None else quiet_since_unix_nano
    if since is None:
        return Completeness(basis=Basis.UNKNOWN, reasons=("nothing is stored", *doubts))
    quiet_ns = surroundings.as_of_unix_nano - since
    fact = f"last ingest {seconds(max(0, quiet_ns))} ago, settle {seconds(settle_ns)}"
    basis = Basis.ASSUMED if quiet_ns >= settle_ns else Basis.UNKNOWN
    return Completeness(basis=basis, reasons=(fact, *doubts))


def of_group(
    surroundings: Surroundings,
    whole: Completeness,
    groups: Collection[GroupSeen],
    services: Collection[str],
    message: SpanBrief | None,
) -> Completeness:
    """How sure it is that these groups (of these services) did not handle a message, given how sure the rest is.

    A later offset of its partition proves that the group went past it, unless one of several instances may have died
    with the span unexported. A service that lost spans, or that fell silent without a flush mark while others sent
    theirs, may have a dead exporter: then absence is unknown, whatever the rest. Of a group of which nothing was ever
    seen, nothing is proven: it may be about to start.
    """
    instances = [one for one in surroundings.instances if one.service in services]
    if lost := [one for one in instances if one.flushed and not one.whole]:
        return Completeness(basis=Basis.UNKNOWN, reasons=_doubts(lost))
    silent = [one for one in instances if not one.flushed]
    if (ahead := later_offset(groups, message)) and not (silent and len(instances) > 1):
        return Completeness(basis=Basis.PROVEN, reasons=(ahead,))
    if silent and any(one.flushed for one in surroundings.instances):
        reason = f"{_names(silent)} sent no flush mark while others did: a dead exporter would look the same"
        return Completeness(basis=Basis.UNKNOWN, reasons=(reason,))
    if instances and not silent:
        return Completeness(basis=Basis.PROVEN, reasons=(f"every span of {_names(instances)} is stored",))
    if not instances and whole.basis is Basis.PROVEN:
        return Completeness(basis=Basis.ASSUMED, reasons=("nothing of that service was ever seen", *whole.reasons))
    return whole


def of_instances(
    surroundings: Surroundings, whole: Completeness, seen: Collection[tuple[str, str | None]]
) -> Completeness:
    """How sure it is that these instances, given as (service, instance), emitted nothing more.

    Spans are exported in the order they end. So a silent instance takes nothing away, but a mark that counts more spans
    than are stored does.
    """
    instances = [one for one in surroundings.instances if (one.service, one.instance) in seen]
    if lost := [one for one in instances if one.flushed and not one.whole]:
        return Completeness(basis=Basis.UNKNOWN, reasons=_doubts(lost))
    if instances and len(instances) == len(set(seen)) and all(one.whole for one in instances):
        return Completeness(basis=Basis.PROVEN, reasons=(f"every span of {_names(instances)} is stored",))
    return whole


def later_offset(groups: Collection[GroupSeen], message: SpanBrief | None) -> str | None:
    """That a group handled a later offset of the message's partition, in words; None if it is not known to have."""
    if message is None or message.partition is None or message.offset is None:
        return None
    for group in groups:
        handled = group.max_offsets.get(message.partition)
        if handled is not None and handled > message.offset:
            return f"group {group.consumer_group} handled {group.destination}[{message.partition}]@{handled}, past it"
    return None


def seconds(nanoseconds: int) -> str:
    """A duration in seconds for a reason, e.g. `7.1 s`."""
    return f"{nanoseconds / 1_000_000_000:.3g} s" if nanoseconds < 1_000_000_000_000 else f"{nanoseconds // 10**9} s"


def _doubts(instances: Collection[InstanceSeen]) -> tuple[str, ...]:
    total = len(instances)
    silent = [one for one in instances if not one.flushed]
    lost = [one for one in instances if one.flushed and not one.whole]
    reasons: list[str] = []
    if silent and len(silent) < total:
        reasons.append(f"{len(silent)} of {total} instances sent no flush mark ({_names(silent)})")
    elif silent:
        reasons.append("no flush marks")
    reasons += [f"{one.service} counted {one.spans_marked} spans, {one.spans_stored} are stored" for one in lost]
    return tuple(reasons)


def _names(instances: Collection[InstanceSeen]) -> str:
    names = sorted({one.service for one in instances})
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _all(count: int) -> str:
    return "the one instance" if count == 1 else f"all {count} instances"
