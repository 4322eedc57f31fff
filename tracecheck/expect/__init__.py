"""What should have happened: one model from YAML or Python."""

from tracecheck.expect.model import Expectation, Pattern, Predicate, Role, Step, Times, in_causal_order
from tracecheck.expect.published import json_schema
from tracecheck.expect.python import all_of, any_of, call, expect_chain, process, send, span
from tracecheck.expect.yaml_file import load_expectations, parse_expectations

__all__ = [
    "Expectation",
    "Pattern",
    "Predicate",
    "Role",
    "Step",
    "Times",
    "all_of",
    "any_of",
    "call",
    "expect_chain",
    "in_causal_order",
    "json_schema",
    "load_expectations",
    "parse_expectations",
    "process",
    "send",
    "span",
]
