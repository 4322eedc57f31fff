"""An expectation steps across a batch, from each chain that fed it, and fuses none of them."""

from tests.support.spans import Traces, link
from tracecheck.check import check_store
from tracecheck.expect import expect_chain, process, send
from tracecheck.model import Verdict
from tracecheck.store import open_store

REPORTED = expect_chain(
    "reported",
    steps={
        "counted": send("counts", service="counter"),
        "summed": process("counts", group="summing", after="counted"),
        "reported": send("reports", service="summing", after="summed"),
        "filed": process("reports", group="archive", after="reported"),
    },
)


def batch(*, sends: bool = True) -> list[Traces]:
    """Three counters, whose counts are summed in one go into one report."""
    counters = [Traces(correlation_id=f"c-{number}") for number in range(3)]
    counts = [
        one.send("counter", "counts", partition="0", offset=number, at_ms=number) for number, one in enumerate(counters)
    ]
    rest = Traces()
    summed = rest.process(
        "summing",
        "counts",
        group="summing",
        links=[link(one, partition="0", offset=number) for number, one in enumerate(counts)],
        batch_count=3,
        at_ms=10,
    )
    if sends:
        report = rest.send("summing", "reports", under=summed, at_ms=11)
        rest.process("archive", "reports", of=report, at_ms=20)
    return [*counters, rest]


def results(stories: list[Traces]) -> list[tuple[str | None, Verdict, list[tuple[str | None, str]]]]:
    with open_store(":memory:") as store:  # type: ignore[attr-defined]
        for story in stories:
            store.append(story.spans)
        report = check_store(store, [REPORTED], settle_ns=0)
    return [
        (one.correlation_id, one.verdict, [(finding.step, finding.code.value) for finding in one.findings])
        for one in report.results
    ]


def test_each_chain_that_fed_a_batch_sees_what_the_batch_went_on_to_do() -> None:
    assert results(batch()) == [(f"c-{number}", Verdict.PASS, []) for number in range(3)]


def test_a_batch_that_sends_nothing_is_not_sent_for_each_chain_that_fed_it() -> None:
    assert results(batch(sends=False)) == [
        (f"c-{number}", Verdict.FAIL, [("reported", "not_sent")]) for number in range(3)
    ]
