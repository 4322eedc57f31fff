"""Chains of a few spans in memory, by the same rules as `sql/`, for whoever waits for a verdict."""

from tracecheck.chains.assembly.assemble import Assembled, assemble

__all__ = ["Assembled", "assemble"]
