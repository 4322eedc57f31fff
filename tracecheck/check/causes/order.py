"""`out_of_order`: an effect before its cause, or one key of one partition handled against its offsets."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from itertools import pairwise

from tracecheck.check.index import Key, Unit, key_of, leading_to
from tracecheck.check.scene import Case, Scene, StepState, finding, message_name
from tracecheck.model import Cause, Finding, SpanBrief, Verdict


def before_its_cause(case: Case) -> Finding | None:
    """A unit that meets the step led to the steps it should come after."""
    leading = [leading_to(case.scene.index, state.units).difference(state.sources) for state in case.before]
    for unit in case.scene.matching(case.pattern):
        if all(keys.intersection(unit.keys) for keys in leading):
            names = " and ".join(state.step.name for state in case.before)
            return case.finding(
                Cause.OUT_OF_ORDER,
                service=unit.service,
                span=unit.briefs[0],
                evidence=(f"{case.step.name} came before {names}, which follows from it",),
            )
    return None


def against_offsets(scene: Scene, states: Mapping[str, StepState]) -> list[Finding]:
    """Deliveries of one key, partition and group that were handled against the order of their offsets, among the steps
    met: by when the attempts that decided began, for one that failed and was tried again later has been overtaken."""
    delivered = [
        (name, unit, unit.hop)
        for name, state in states.items()
        for unit in state.units
        if unit.hop is not None and unit.hop.offset is not None and unit.hop.partition is not None
    ]
    several = Counter((hop.system, unit.destination, unit.group) for _, unit, hop in delivered)
    lanes: dict[tuple[str | None, ...], list[tuple[int, str, Unit]]] = defaultdict(list)
    taken: set[tuple[Key, ...]] = set()
    for name, unit, hop in delivered:
        if several[hop.system, unit.destination, unit.group] < 2 or unit.keys in taken:
            continue
        taken.add(unit.keys)
        key = _key(scene, unit)
        if key is not None and hop.offset is not None:
            lanes[hop.system, unit.destination, hop.partition, unit.group, key].append((hop.offset, name, unit))
    found: list[Finding] = []
    for deliveries in lanes.values():
        deliveries.sort(key=lambda one: _decided(one[2]).start_unix_nano)
        for (offset, _, first), (later_offset, name, second) in pairwise(deliveries):
            if later_offset < offset:
                found.append(_against(scene, name, first, second))
    return found


def _key(scene: Scene, unit: Unit) -> str | None:
    """The message's key, as its consumer says it, else its sender: many clients tell it on one side only."""
    sent = () if unit.producer is None else (key_of(unit.producer),)
    spans = (scene.index.spans.get(key) for key in (*unit.keys, *sent))
    said = (span.messaging.key for span in spans if span is not None and span.messaging is not None)
    return next((key for key in said if key is not None), None)


def _decided(unit: Unit) -> SpanBrief:
    return unit.succeeded or unit.briefs[-1]


def _against(scene: Scene, step: str, first: Unit, second: Unit) -> Finding:
    names = f"{message_name(_decided(first))} was handled before {message_name(_decided(second))}, same key"
    return finding(
        scene,
        Cause.OUT_OF_ORDER,
        Verdict.FAIL,
        step=step,
        service=second.service,
        destination=second.destination,
        consumer_group=second.group,
        span=_decided(second),
        last_good=_decided(first),
        expected="one key of one partition handled in the order of its offsets",
        evidence=(names,),
    )
