"""Expectations x everything stored -> a report: finds the chains that concern them and evaluates each."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from tracecheck.chains import GroupPosition, find, load_many, refresh, summaries, surroundings
from tracecheck.chains.caveats import Caveats, caveats
from tracecheck.chains.surroundings import Surroundings
from tracecheck.check.across import widened
from tracecheck.check.alike import evaluate_alike, is_bare
from tracecheck.check.anchors import chains_with, last_ingest, latest_with
from tracecheck.check.completeness import completeness
from tracecheck.check.evaluate import evaluate
from tracecheck.check.match import describe_pattern
from tracecheck.check.no_anchor import anchor_lost, anchor_may_be_lost, forbidden_elsewhere, nothing_opened
from tracecheck.check.sift import sift
from tracecheck.check.verdict import if_absent
from tracecheck.config import DEFAULT_SETTLE_NS
from tracecheck.expect import Expectation, Pattern
from tracecheck.model import Basis, Cause, Chain, CheckReport, Completeness, Finding, Result, Verdict
from tracecheck.store import Store

BATCH = 256
"""Chains evaluated one by one between two looks at the store: as many as `load_many` reads at once."""

MANY = 16_384
"""Chains evaluated at once where they are alike: some 200 MB."""

ALIKE_FROM = 32
"""From so many chains on, those that are alike are worth looking for."""

MOST_LOOKED_AT = 50
"""Chains that are looked through for why none has the anchor, for each step: the latest say it as well as all."""

SIFT_FROM = 1_000
"""From so many chains in the store on, plain passes are proven in bulk and counted (`passed_by_sift`), not listed."""


def check_store(
    store: Store,
    expectations: Sequence[Expectation],
    *,
    run_id: str | None = None,
    needle: str | None = None,
    settle_ns: int | None = None,
    now_unix_nano: int | None = None,
    positions: Sequence[GroupPosition] = (),
) -> CheckReport:
    """Checks every chain that holds an expectation's anchor: of one run, or of those `needle` names, or of all.

    `settle_ns` overrides the expectations' own; 0 says that nothing more can come, as of a file that was imported.
    `now_unix_nano` is the instant to judge silence at (default: the store's clock). In a run, silence is that of the
    whole run; else that of each chain, since a store in use is never silent. `matched` is False if no expectation found
    its anchor. `positions` are the consumer groups' places by the broker (`positions.read_positions`). Raises what the
    store raises.
    """
    refresh(store)
    around = replace(surroundings(store, run_id), positions=tuple(positions))
    if now_unix_nano is not None:
        around = replace(around, as_of_unix_nano=now_unix_nano)
    among = None if needle is None else find(store, needle)
    results: list[Result] = []
    passed = 0
    against: Caveats | None = None
    for expectation in expectations:
        sifted = None
        if among is None and _count_chains(store) >= SIFT_FROM:
            sifted = sift(store, expectation, basis=basis_of(expectation, around, settle_ns).basis, run_id=run_id)
        passed_here = 0 if sifted is None else sifted.passed
        chosen = None if sifted is None else sifted.others
        found = list(_check_one(store, expectation, around, run_id, among, settle_ns, chosen))
        if not passed_here and not found and expectation.seed is None:
            found += _nothing_opened(store, expectation, around, needle, among, settle_ns)
        found += instances(expectation, around, found, settle_ns, more=passed_here)
        if found and against is None:
            against = caveats(store, run_id)
        if against is not None:
            found = [_with_caveats(one, against, _settle(expectation, settle_ns)) for one in found]
        results += found
        passed += passed_here
    return CheckReport(
        verdict=Verdict.merge([*(result.verdict for result in results), *([Verdict.PASS] if passed else [])]),
        results=tuple(results),
        as_of_unix_nano=around.as_of_unix_nano,
        matched=passed > 0 or any(result.chain_id is not None or result.findings for result in results),
        passed_by_sift=passed,
    )


def _with_caveats(result: Result, against: Caveats, settle_ns: int) -> Result:
    """The same result; what speaks against its completeness stands with it wherever that is told."""

    def doubted(completeness: Completeness) -> Completeness:
        # What is proven rests on no quiet time, so that a slow exporter takes nothing from it.
        waited_ns = 0 if completeness.basis is Basis.PROVEN else settle_ns
        return replace(completeness, reasons=(*completeness.reasons, *against.reasons(waited_ns)))

    findings = (
        one if one.completeness is None else replace(one, completeness=doubted(one.completeness))
        for one in result.findings
    )
    return replace(result, completeness=doubted(result.completeness), findings=tuple(findings))


def _check_one(
    store: Store,
    expectation: Expectation,
    around: Surroundings,
    run_id: str | None,
    among: Sequence[str] | None,
    settle_ns: int | None,
    chosen: Sequence[str] | None,
) -> Iterator[Result]:
    def with_anchor() -> list[str]:
        return chains_with(store, expectation.anchor.pattern, run_id=run_id, among=among)

    chain_ids = with_anchor() if chosen is None else chosen
    for some in _batches(chain_ids, MANY):
        found: dict[str, Sequence[Result]] = {}
        if len(some) >= ALIKE_FROM and is_bare(expectation):
            found |= evaluate_alike(store, some, expectation, around, settle_ns=settle_ns, by_chain=run_id is None)
        for batch in _batches([chain_id for chain_id in some if chain_id not in found], BATCH):
            found |= _one_by_one(store, batch, expectation, around, run_id, settle_ns)
        yield from (result for chain_id in some for result in found.get(chain_id, ()))
    if (run_id is not None and expectation.never) or anchor_may_be_lost(around, expectation):
        seen = set(chain_ids if chosen is None else with_anchor())
        yield from _without_anchor(store, expectation, around, run_id, among, settle_ns, seen)


def _batches(chain_ids: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (chain_ids[start : start + size] for start in range(0, len(chain_ids), size))


def _one_by_one(
    store: Store,
    chain_ids: Sequence[str],
    expectation: Expectation,
    around: Surroundings,
    run_id: str | None,
    settle_ns: int | None,
) -> dict[str, Sequence[Result]]:
    quiet = last_ingest(store, chain_ids) if run_id is None else {}
    chains = {chain.chain_id: chain for chain in load_many(store, chain_ids)}
    return {
        wide.chain_id: evaluate(
            wide,
            expectation,
            around,
            settle_ns=settle_ns,
            quiet_since_unix_nano=quiet.get(wide.chain_id),
            among={span.key for span in chains[wide.chain_id].spans},
        )
        for wide in widened(store, chains.values())
    }


def _without_anchor(
    store: Store,
    expectation: Expectation,
    around: Surroundings,
    run_id: str | None,
    among: Sequence[str] | None,
    settle_ns: int | None,
    seen: set[str],
) -> Iterator[Result]:
    """The other chains: those of a run in which `never` happened, and those that lost their anchor."""
    basis = basis_of(expectation, around, settle_ns)

    def others(patterns: Iterable[Pattern]) -> Iterator[Chain]:
        chosen = (chains_with(store, pattern, run_id=run_id, among=among) for pattern in patterns)
        return load_many(store, sorted({chain_id for ids in chosen for chain_id in ids} - seen))

    if run_id is not None:
        for chain in others(expectation.never):
            yield from forbidden_elsewhere(chain, expectation, basis)
    if anchor_may_be_lost(around, expectation):
        for chain in others(step.pattern for step in expectation.steps if step.after is not None):
            yield from anchor_lost(chain, expectation, basis)


def _nothing_opened(
    store: Store,
    expectation: Expectation,
    around: Surroundings,
    needle: str | None,
    among: Sequence[str] | None,
    settle_ns: int | None,
) -> list[Result]:
    """What the latest chains say of why no chain has the anchor: that its span is missing, or what came near it."""
    basis = basis_of(expectation, around, settle_ns)

    def latest(patterns: Iterable[Pattern]) -> list[Chain]:
        chosen = (latest_with(store, one, run_id=around.run_id, among=among, most=MOST_LOOKED_AT) for one in patterns)
        return list(load_many(store, list(dict.fromkeys(chain_id for ids in chosen for chain_id in ids))))

    later = latest(step.pattern for step in expectation.steps if step.after is not None)
    lost = (anchor_lost(chain, expectation, basis, none_seen=True) for chain in later)
    if first := next(filter(None, lost), None):
        return first
    if needle is not None and not among:
        return [nothing_opened((), expectation, around, basis, needle)]
    near = latest([expectation.anchor.pattern]) or later or load_many(store, _any(store, around.run_id, among))
    return [nothing_opened(near, expectation, around, basis, None)]


def _any(store: Store, run_id: str | None, among: Sequence[str] | None) -> Sequence[str]:
    if among is not None:
        return among[:MOST_LOOKED_AT]
    return [summary.chain_id for summary in summaries(store, run_id=run_id, limit=MOST_LOOKED_AT)]


def instances(
    expectation: Expectation, around: Surroundings, found: Sequence[Result], settle_ns: int | None, *, more: int = 0
) -> list[Result]:
    """What is to say about the number of instances (`more` beside those found): none, or fewer than asked for."""
    basis = basis_of(expectation, around, settle_ns)
    opened = more + sum(1 for result in found if result.steps)
    if opened and opened >= expectation.at_least:
        return []
    if not opened and expectation.seed is None:
        said = any(not result.steps and result.verdict is Verdict.INCONCLUSIVE for result in found)
        return [] if said else [nothing_opened((), expectation, around, basis, None)]
    anchor = expectation.anchor
    expected = describe_pattern(anchor.pattern)
    finding = Finding(
        code=Cause.TOO_FEW if opened else Cause.NOT_SENT,
        verdict=Verdict.FAIL,
        step=anchor.name,
        service=anchor.pattern.service,
        destination=anchor.pattern.target,
        expected=f"{expectation.at_least} times {expected}" if expectation.at_least > 1 else expected,
        looked_in=f"run {around.run_id}" if around.run_id else "all chains stored",
        evidence=(f"found {opened} of at least {expectation.at_least} instances",),
        detail={"found": opened, "at_least": expectation.at_least},
    )
    told = if_absent(finding, basis, expectation.completeness)
    return [
        Result(
            expectation=expectation.name,
            chain_id=None,
            verdict=told.verdict,
            completeness=basis,
            run_id=around.run_id,
            findings=(told,),
        )
    ]


def basis_of(expectation: Expectation, around: Surroundings, settle_ns: int | None) -> Completeness:
    """How complete the evidence is as a whole, by the expectation's settle time unless another is given."""
    return completeness(around, _settle(expectation, settle_ns))


def _settle(expectation: Expectation, settle_ns: int | None) -> int:
    settle = settle_ns if settle_ns is not None else expectation.settle_ns
    return DEFAULT_SETTLE_NS if settle is None else settle


def _count_chains(store: Store) -> int:
    return int(store.query("select count(*) as chains from chain_rows")["chains"][0].as_py())
