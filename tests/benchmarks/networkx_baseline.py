"""The yardstick of the analysis: one networkx graph per chain, walked step by step, over rows that are at hand already.

It is given what is hardest, which span belongs to which chain, and does nothing beyond the steps of the expectation:
build the graph of parents and links, find each step behind the one before it, compare instants.
"""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

import networkx as nx

from tracecheck.store import Reader

Row = tuple[Any, ...]

ROWS = """
    select c.chain_number, s.trace_id::varchar || s.span_id as id, s.trace_id::varchar || s.parent_span_id as parent,
        list_transform(s.links, lambda l: l.trace_id::varchar || l.span_id) as links, s.operation, s.destination,
        s.consumer_group, s.start_unix_nano, s.end_unix_nano, s.status_code
    from chain_span_rows c join span_rows s on s.trace_id = c.trace_id and s.span_id = c.span_id
    where c.chain_number in (select chain_number from chain_rows order by chain_number limit $most)
    order by c.chain_number
"""

STEPS = (
    ("send", "orders", None, None, None),
    ("process", "orders", "inventory", 0, 2_000_000_000),
    ("process", "orders", "billing", 0, 3_000_000_000),
    ("process", "reservations", "shipping", 1, 2_000_000_000),
    ("process", "shipments", "mailer", 3, 2_000_000_000),
    ("process", "payments", "ledger", 2, 3_000_000_000),
)
"""Operation, destination, group, the place of the step before, and nanoseconds after it."""


def rows_by_chain(store: Reader, most: int) -> list[list[Row]]:
    """The rows of the first chains, as tuples."""
    columns = store.query(ROWS, {"most": most}).to_pydict()
    rows: Iterator[Row] = zip(*columns.values(), strict=True)
    return [list(chain) for _, chain in groupby(rows, key=lambda row: row[0])]


def graph_of(rows: list[Row]) -> "nx.DiGraph[str]":
    """Spans as nodes, parents and links as edges from cause to effect."""
    graph: nx.DiGraph[str] = nx.DiGraph()
    for row in rows:
        graph.add_node(row[1], row=row)
    for _, name, parent, links, *_ in rows:
        if parent in graph:
            graph.add_edge(parent, name)
        for link in links or ():
            if link in graph:
                graph.add_edge(link, name)
    return graph


def passes(rows: list[Row]) -> bool | None:
    """Whether the chain meets the steps; None if it does not hold the first."""
    graph = graph_of(rows)
    met: list[tuple[str, int]] = []
    for operation, destination, group, before, within in STEPS:
        among = graph.nodes if before is None else nx.descendants(graph, met[before][0])
        found = None
        for name in among:
            row = graph.nodes[name]["row"]
            if (row[4], row[5]) == (operation, destination) and group in (None, row[6]) and row[9] != 2:
                instant = row[7] if operation == "send" else row[8]
                found = (name, instant)
                break
        if found is None:
            return None if before is None else False
        if before is not None and within is not None and found[1] - met[before][1] > within:
            return False
        met.append(found)
    return True
