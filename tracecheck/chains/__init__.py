"""Rows to edges, hops and chains.

`refresh` rebuilds what new spans touch; `load`, `summaries`, `hops` and `find` read the result; `graph` shows one chain
as a graph; `surroundings` says what the store knows outside one chain.
"""

from tracecheck.chains.graph import graph
from tracecheck.chains.load import load, load_many
from tracecheck.chains.lookup import find, hops, summaries
from tracecheck.chains.refresh import is_current, pipeline, refresh
from tracecheck.chains.surroundings import GroupSeen, InstanceSeen, Surroundings, quiet_for_ns, surroundings

__all__ = [
    "GroupSeen",
    "InstanceSeen",
    "Surroundings",
    "find",
    "graph",
    "hops",
    "is_current",
    "load",
    "load_many",
    "pipeline",
    "quiet_for_ns",
    "refresh",
    "summaries",
    "surroundings",
]
