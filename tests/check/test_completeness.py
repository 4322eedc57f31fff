"""When absence is a fact: proven, assumed, unknown; and the reasons that are always printed."""

from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest

from tests.check.ordering import ALL, BUSY, QUIET, flushed, instance
from tracecheck.chains.surroundings import Surroundings
from tracecheck.check.completeness import completeness, of_group, of_instances
from tracecheck.check.verdict import if_absent, verdict_of
from tracecheck.model import Basis, Cause, Completeness, Finding, SpanBrief, Verdict

SETTLE = 6_000_000_000
NOTHING = Surroundings(last_ingest_unix_nano=None, as_of_unix_nano=QUIET.as_of_unix_nano)

ROWS = [
    ("all flushed", replace(BUSY, instances=flushed(*ALL)), Basis.PROVEN, "all 5 instances sent a flush mark"),
    ("one silent", replace(BUSY, instances=flushed(*ALL[1:])), Basis.UNKNOWN, "1 of 5 instances sent no flush mark"),
    ("one silent, quiet", replace(QUIET, instances=flushed(*ALL[1:])), Basis.ASSUMED, "(checkout)"),
    (
        "spans lost",
        replace(BUSY, instances=(instance("billing", "b1", marked=14),)),
        Basis.UNKNOWN,
        "billing counted 14 spans, 10 are stored",
    ),
    (
        "more stored than the last mark counts",
        replace(BUSY, instances=(instance("billing", "b1", marked=8),)),
        Basis.UNKNOWN,
        "billing counted 8 spans, 10 are stored",
    ),
    ("no marks, busy", BUSY, Basis.UNKNOWN, "last ingest 0 s ago, settle 6 s"),
    ("no marks, quiet", QUIET, Basis.ASSUMED, "last ingest 60 s ago, settle 6 s"),
    ("nothing stored", NOTHING, Basis.UNKNOWN, "nothing is stored"),
]


@pytest.mark.parametrize(("around", "basis", "reason"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_completeness_has_a_basis_and_its_reason(around: Surroundings, basis: Basis, reason: str) -> None:
    found = completeness(around, SETTLE)
    assert found.basis is basis
    assert any(reason in one for one in found.reasons), found.reasons


def test_silence_counts_from_the_chains_own_last_ingest_where_it_is_known() -> None:
    assert completeness(BUSY, SETTLE, quiet_since_unix_nano=BUSY.as_of_unix_nano - SETTLE).basis is Basis.ASSUMED
    assert completeness(QUIET, SETTLE, quiet_since_unix_nano=QUIET.as_of_unix_nano - 1).basis is Basis.UNKNOWN


def test_silence_of_exactly_the_settle_time_is_enough() -> None:
    around = replace(QUIET, last_ingest_unix_nano=QUIET.as_of_unix_nano - SETTLE)
    assert completeness(around, SETTLE).basis is Basis.ASSUMED
    assert completeness(around, SETTLE + 1).basis is Basis.UNKNOWN


MESSAGE = SpanBrief(
    trace_id="1" * 32,
    span_id="1" * 16,
    service="checkout",
    name="send orders",
    start_unix_nano=0,
    end_unix_nano=1,
    destination="orders",
    partition="0",
    offset=41,
)
ASSUMED = Completeness(basis=Basis.ASSUMED)


@pytest.mark.parametrize(
    ("instances", "offset", "basis"),
    [
        ((), None, Basis.ASSUMED),
        ((), 57, Basis.PROVEN),
        ((), 41, Basis.ASSUMED),
        (flushed(*ALL), None, Basis.PROVEN),
        (flushed(*(name for name in ALL if name != "billing")), None, Basis.UNKNOWN),
        (flushed(*(name for name in ALL if name != "billing")), 57, Basis.PROVEN),
        (flushed(), None, Basis.ASSUMED),
        ((*flushed("checkout"), instance("billing", "b2", marked=14)), 57, Basis.UNKNOWN),
    ],
    ids=[
        "nothing known",
        "later offset",
        "same offset",
        "everything flushed",
        "its exporter may be dead",
        "silent, but it came past",
        "nobody marks",
        "it lost spans",
    ],
)
def test_a_groups_absence_stands_on_its_own_evidence(instances: Any, offset: int | None, basis: Basis) -> None:
    from tests.check.ordering import group

    offsets: dict[str, Any] = {"p0": offset} if offset is not None else {}
    groups = (group("billing", "orders", **offsets),)
    around = replace(QUIET, instances=instances)
    assert of_group(around, ASSUMED, groups, ("billing",), MESSAGE).basis is basis


def test_a_later_offset_proves_nothing_where_another_instance_may_have_died_with_the_span() -> None:
    from tests.check.ordering import group

    died = replace(instance("billing", "b0", marked=1), flushed=False, spans_marked=None)
    around = replace(QUIET, instances=(*flushed("checkout", "billing"), died))
    groups = (group("billing", "orders", p0=57),)
    assert of_group(around, ASSUMED, groups, ("billing",), MESSAGE).basis is Basis.UNKNOWN


def test_of_a_group_that_never_showed_nothing_is_proven() -> None:
    around = replace(QUIET, instances=tuple(one for one in flushed("checkout") if one.flushed))
    proven = completeness(around, SETTLE)
    assert proven.basis is Basis.PROVEN
    assert of_group(around, proven, (), (), MESSAGE).basis is Basis.ASSUMED


def test_an_instance_that_flushed_everything_has_provably_sent_nothing_more() -> None:
    around = replace(BUSY, instances=flushed("inventory"))
    unknown = completeness(around, SETTLE)
    assert unknown.basis is Basis.UNKNOWN
    assert of_instances(around, unknown, {("inventory", "i1")}).basis is Basis.PROVEN
    assert of_instances(around, unknown, {("billing", "b1")}).basis is Basis.UNKNOWN
    assert of_instances(around, unknown, {("inventory", "i1"), ("billing", "b1")}).basis is Basis.UNKNOWN


@pytest.mark.parametrize("accepted", list(Basis))
@pytest.mark.parametrize("basis", list(Basis))
def test_an_absence_fails_only_on_a_basis_as_strong_as_the_accepted_one(basis: Basis, accepted: Basis) -> None:
    finding = Finding(code=Cause.NOT_CONSUMED, verdict=Verdict.FAIL)
    judged = if_absent(finding, Completeness(basis=basis), accepted)
    strong = list(Basis).index(basis) <= list(Basis).index(accepted)
    assert (judged.code, judged.verdict) == (
        (Cause.NOT_CONSUMED, Verdict.FAIL) if strong else (Cause.INCOMPLETE, Verdict.INCONCLUSIVE)
    )
    assert judged.completeness == Completeness(basis=basis)


def test_verdicts_merge_to_the_gravest_whatever_their_order() -> None:
    findings = [Finding(code=Cause.LATE, verdict=verdict) for verdict in Verdict]
    assert {verdict_of(order) for order in permutations(findings)} == {Verdict.FAIL}
    assert verdict_of(findings[:2]) is Verdict.INCONCLUSIVE
    assert verdict_of(findings[:1]) is Verdict.PASS
    assert verdict_of([]) is Verdict.PASS
