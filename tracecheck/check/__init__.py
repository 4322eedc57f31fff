"""Expectation x chain -> findings and verdict."""

from tracecheck.check.diagnose import diagnose
from tracecheck.check.evaluate import evaluate
from tracecheck.check.store_check import check_store

__all__ = ["check_store", "diagnose", "evaluate"]
