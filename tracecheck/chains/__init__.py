"""Rows to edges, hops and chains.

`refresh` rebuilds what new spans touch; `load`, `load_many`, `summaries`, `hops` and `find` read the result; `graph`
shows one chain as a graph; `critical_path`, `timings` and `clock_skews` say where its time went; `surroundings` and
`quiet_for_ns` say what the store knows outside one chain.
"""

from tracecheck.chains.corrected import corrected
from tracecheck.chains.critical_path import PathSegment, critical_path
from tracecheck.chains.graph import graph
from tracecheck.chains.load import load, load_many
from tracecheck.chains.lookup import find, hops, summaries
from tracecheck.chains.refresh import is_current, pipeline, refresh
from tracecheck.chains.shapes import steps_of
from tracecheck.chains.stages import Stage, broken_hops, stages
from tracecheck.chains.surroundings import (
    GroupPosition,
    GroupSeen,
    InstanceSeen,
    Surroundings,
    quiet_for_ns,
    surroundings,
)
from tracecheck.chains.timing import ClockSkew, HopTiming, clock_skews, timings

__all__ = [
    "ClockSkew",
    "GroupPosition",
    "GroupSeen",
    "HopTiming",
    "InstanceSeen",
    "PathSegment",
    "Stage",
    "Surroundings",
    "broken_hops",
    "clock_skews",
    "corrected",
    "critical_path",
    "find",
    "graph",
    "hops",
    "is_current",
    "load",
    "load_many",
    "pipeline",
    "quiet_for_ns",
    "refresh",
    "stages",
    "steps_of",
    "summaries",
    "surroundings",
    "timings",
]
