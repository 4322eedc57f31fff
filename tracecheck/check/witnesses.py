"""Three witnesses of one expectation: spans, records on the bus, state. Where they disagree, that is the finding.

- A span says that something was sent, and the bus has nothing: the message was lost on its way, or never left.
- A record is on the bus, and no span sent it: the sender's spans were lost, or it is not instrumented.
- A state was reached, and no step on the way has a span: the evidence is incomplete, or something else wrote it.
- Every step has its span, and the state was not reached: a handler said it was done and was not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from tracecheck.model import Cause, Chain, Finding, Hop, SpanBrief, StepResult, Verdict
from tracecheck.probe.brokers.protocol import Seen
from tracecheck.probe.carried import Carried, carried
from tracecheck.probe.claim import place_of
from tracecheck.probe.state import StateOutcome

NS_PER_S = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class BusWitness:
    """What was watched, from when on, and what was seen. `caught_up`: all that the broker held was read in the end."""

    watched: tuple[str, ...]
    since_unix_nano: int
    seen: tuple[Seen, ...]
    caught_up: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StateWitness:
    """A state that was waited for. `steps` are those that bring it about; none named means all.

    One span among them vouches for the state: which of several steps wrote it is not known.
    """

    name: str
    outcome: StateOutcome
    steps: tuple[str, ...] = ()


def disagreements(
    chain: Chain | None,
    steps: Sequence[StepResult],
    bus: BusWitness | None = None,
    states: Sequence[StateWitness] = (),
) -> tuple[Finding, ...]:
    """Every contradiction between a chain (None: there are no spans), the bus and the states. Pure.

    `steps` are the results of the expectation over that chain. A lost message is a fail where the bus was read to its
    end, and inconclusive where it was not. Missing spans are inconclusive, since what the other witness saw did happen;
    those of a sender that no step asks about are only worth saying.
    """
    found: list[Finding] = []
    if bus is not None:
        found += [_lost(hop, chain, steps, bus) for hop in _sent_in_vain(chain, bus)] if chain is not None else []
        passed = bool(steps) and all(step.verdict is Verdict.PASS for step in steps)
        found += [_unaccounted(record, chain, passed) for record in _without_span(chain, bus)]
    for state in states:
        found += _about(state, chain, steps)
    return tuple(found)


def _sent_in_vain(chain: Chain, bus: BusWitness) -> list[Hop]:
    """One hop for each message that a span claims to have sent while the bus was watched and that was not seen."""
    claimed: dict[object, Hop] = {}
    for hop in chain.hops:
        sender = hop.producer
        if sender is None or sender.error is not None or sender.start_unix_nano < bus.since_unix_nano:
            continue
        if hop.destination is not None and any(watches(each, hop.destination) for each in bus.watched):
            claimed.setdefault((sender.span_id, hop.partition, hop.offset, hop.message_id), hop)
    records = [(record, carried(record)) for record in bus.seen]
    return [hop for hop in claimed.values() if not any(_is(record, said, hop) for record, said in records)]


def _without_span(chain: Chain | None, bus: BusWitness) -> list[Seen]:
    """Records that are of the chain by an id they carry (without a chain: all), and that no producer span accounts for.

    Where a message was sent is known of its hop; a send without any hop does not exist.
    """
    if chain is None:
        return list(bus.seen)
    sent = [hop for hop in chain.hops if hop.producer is not None]
    traces, correlations = set(chain.summary.trace_ids), set(chain.correlation_ids)
    found = []
    for record in bus.seen:
        said = carried(record)
        of_chain = said.trace_id in traces or said.correlation_id in correlations
        if of_chain and not any(_is(record, said, hop) for hop in sent):
            found.append(record)
    return found


def _is(record: Seen, said: Carried, hop: Hop) -> bool:
    """True if the record is the hop's message: by its place where both know it, else by an id, else by its trace.

    The headers may name a span above the send as the parent, so that the trace alone must do: nothing is claimed that
    only a span id would tell.
    """
    if hop.destination != record.destination:
        return False
    if hop.offset is not None and record.offset is not None and hop.partition is not None:
        return (hop.partition, hop.offset) == (record.partition, record.offset)
    if hop.message_id is not None and (ids := {record.message_id, said.event_id} - {None}):
        return hop.message_id in ids
    sender = hop.producer
    return sender is not None and sender.trace_id == said.trace_id


def _lost(hop: Hop, chain: Chain, steps: Sequence[StepResult], bus: BusWitness) -> Finding:
    sender = hop.producer
    assert sender is not None
    there = [record for record in bus.seen if record.destination == hop.destination]
    what = f"{hop.destination}[{hop.partition}]@{hop.offset}" if hop.offset is not None else str(hop.destination)
    evidence = [f"{sender.service} has a span for it without error", f"{len(there)} other records seen there"]
    if not bus.caught_up:
        evidence.append("the bus was not read to its end")
    return Finding(
        code=Cause.CONTRADICTED,
        verdict=Verdict.FAIL if bus.caught_up else Verdict.INCONCLUSIVE,
        chain_id=chain.chain_id,
        correlation_id=chain.summary.correlation_id,
        step=next((step.name for step in steps if any(_same(sender, one) for one in step.matched)), None),
        service=sender.service,
        destination=hop.destination,
        span=sender,
        expected=f"{what} on the bus",
        looked_in=f"the records seen since {_instant(bus.since_unix_nano)}",
        evidence=tuple(evidence),
        detail={"witness": "bus", "says": "the span says sent", "denies": "the bus has nothing"},
    )


def _unaccounted(record: Seen, chain: Chain | None, passed: bool) -> Finding:
    said = carried(record)
    return Finding(
        code=Cause.CONTRADICTED,
        verdict=Verdict.PASS if passed else Verdict.INCONCLUSIVE,
        chain_id=chain.chain_id if chain else None,
        correlation_id=said.correlation_id,
        destination=record.destination,
        expected=f"a span that sent {place_of(record)}",
        looked_in=f"chain {chain.chain_id}" if chain else "the spans stored",
        evidence=(f"seen at {_instant(record.seen_unix_nano)}", *([f"trace {said.trace_id}"] if said.trace_id else [])),
        detail={"witness": "span", "says": "it is on the bus", "denies": "no span sent it"},
    )


def _about(state: StateWitness, chain: Chain | None, steps: Sequence[StepResult]) -> list[Finding]:
    concerned = [step for step in steps if step.name in state.steps] if state.steps else list(steps)
    absent = [step.name for step in concerned if not step.matched and step.verdict is not Verdict.PASS]
    if state.outcome.met and len(absent) == len(concerned):
        denies = f"{', '.join(absent) or 'any step'} has no span"
        return [_state_finding(state, chain, Verdict.INCONCLUSIVE, "span", "the state was reached", denies)]
    all_done = bool(concerned) and all(step.verdict is Verdict.PASS for step in concerned)
    if not state.outcome.met and all_done:
        denies = "the state was not reached"
        return [_state_finding(state, chain, Verdict.FAIL, "state", "every step has its span", denies)]
    return []


def _state_finding(
    state: StateWitness, chain: Chain | None, verdict: Verdict, witness: str, says: str, denies: str
) -> Finding:
    last = state.outcome.samples[-1] if state.outcome.samples else None
    return Finding(
        code=Cause.CONTRADICTED,
        verdict=verdict,
        chain_id=chain.chain_id if chain else None,
        correlation_id=chain.summary.correlation_id if chain else None,
        step=state.name,
        expected=last.expected if last else None,
        looked_in=f"chain {chain.chain_id}" if chain else "the spans stored",
        evidence=(f"last sampled {_instant(last.sampled_unix_nano)}: {last.actual or last.error}",) if last else (),
        detail={"witness": witness, "says": says, "denies": denies},
    )


def watches(watched: str, destination: str) -> bool:
    """True if who watches `watched` sees what is sent to `destination`: the same name, or an AMQP pattern of its
    exchange (`*` is one word of the key, `#` any number)."""
    if watched == destination:
        return True
    exchange, separator, pattern = watched.partition(":")
    of, _, key = destination.partition(":")
    return bool(separator) and exchange == of and _routes((pattern or "#").split("."), key.split("."))


def _routes(pattern: list[str], words: list[str]) -> bool:
    if not pattern:
        return not words
    first, *others = pattern
    if first == "#":
        return any(_routes(others, words[count:]) for count in range(len(words) + 1))
    return bool(words) and first in ("*", words[0]) and _routes(others, words[1:])


def _same(one: SpanBrief, other: SpanBrief) -> bool:
    return (one.trace_id, one.span_id) == (other.trace_id, other.span_id)


def _instant(unix_nano: int) -> str:
    return datetime.fromtimestamp(unix_nano / NS_PER_S, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
