"""Chains have one shape if they differ in instants and ids only."""

import pytest

from tests.support.spans import Traces
from tests.support.stored import rebuilt
from tracecheck.chains import refresh
from tracecheck.store import open_store


def told(late_ms: int = 0, group: str = "billing", sender: str = "reserved", failed: bool = False) -> Traces:
    """An order that two groups handle, one of which (`sender`) sends on; it came `late_ms` later."""
    story = Traces()
    placed = story.send("checkout", "orders", at_ms=1)
    handled = {
        "reserved": story.process("inventory", "orders", of=placed, group="inventory", at_ms=3 + late_ms),
        "charged": story.process(
            "billing", "orders", of=placed, group=group, at_ms=5, error="no funds" if failed else None
        ),
    }
    shipped = story.send("anyone", "shipments", under=handled[sender], at_ms=9 + late_ms)
    story.process("mailer", "shipments", of=shipped, at_ms=15 + late_ms)
    return story


def shapes(*stories: Traces) -> list[tuple[int, list[int]]]:
    """Shape and instants of each story's chain."""
    with open_store(":memory:") as store:  # type: ignore[attr-defined]
        for story in stories:
            store.append(story.spans)
        refresh(store)
        rows = store.query("select shape, instants from chain_shape_rows order by chain_number").to_pylist()
    assert len(rows) == len(stories)
    return [(row["shape"], row["instants"]) for row in rows]


@pytest.mark.parametrize("way", ["in SQL", "in memory"])
def test_orders_that_differ_in_time_alone_have_one_shape(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rebuilt(way, monkeypatch)
    (one, instants), (other, later) = shapes(told(), told(late_ms=50))
    assert one == other
    moved = [after - before for before, after in zip(instants, later, strict=True)]
    assert len(moved) == 5
    assert len({shift // 1_000_000 for shift in moved}) > 1


@pytest.mark.parametrize("other", [told(group="invoices"), told(sender="charged"), told(failed=True)])
def test_another_group_another_sender_or_another_outcome_is_another_shape(other: Traces) -> None:
    (one, _), (two, _) = shapes(told(), other)
    assert one != two
