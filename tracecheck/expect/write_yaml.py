"""An expectation as a YAML file that reads back as the same value. The steps may carry comments."""

import json
import re
from collections.abc import Mapping, Sequence

from tracecheck.expect.model import Expectation, Join, Pattern, PlainValue, Predicate, Step, Times

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")
_RESERVED = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}
_UNPRINTABLE = re.compile(r"[\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]")


def write_yaml(
    expectation: Expectation, *, header: Sequence[str] = (), comments: Mapping[str, str] | None = None
) -> str:
    """The text: `header` as comment lines above, `comments` by step name behind the steps.

    Covers what describes a chain: anchor, steps, budgets, `never`, `closed`, evidence. What belongs to a scenario
    (seed, observe, state, cases) is not written.
    """
    said = comments or {}
    lines = [f"# {line}" for line in header]
    lines.append(f"chain: {_scalar(expectation.name)}")
    if expectation.at_least != 1:
        lines.append(f"chains: {{at_least: {expectation.at_least}}}")
    if expectation.within_ns is not None:
        lines.append(f"within: {written_duration(expectation.within_ns)}")
    default = Expectation(name="", steps=())
    if expectation.evidence is not default.evidence:
        lines.append(f"evidence: {expectation.evidence.value}")
    if expectation.completeness is not default.completeness:
        lines.append(f"completeness: {expectation.completeness.value}")
    lines.append("steps:")
    width = max(len(step.name) for step in expectation.steps) + 1
    for step in expectation.steps:
        line = f"  {step.name + ':':<{width}} {_flow(_step(step))}"
        lines.append(f"{line}  # {said[step.name]}" if step.name in said else line)
    if expectation.never:
        lines.append(f"never: [{', '.join(_flow(_pattern(pattern)) for pattern in expectation.never)}]")
    if expectation.closed:
        lines.append("closed: true")
    if (policy := expectation.duplicates) is not None:
        parts = {"deliveries": policy.deliveries, "sends": policy.sends, "effects": policy.effects}
        lines.append(f"duplicates: {_flow({name: value.value for name, value in parts.items()})}")
    if expectation.settle_ns is not None:
        lines.append(f"settle: {written_duration(expectation.settle_ns)}")
    return "\n".join(lines) + "\n"


def written_duration(nanoseconds: int) -> str:
    """The shortest exact spelling of less than thirty years: `3s`, `250ms`, `1.5s`."""
    for unit, digits in (("s", 9), ("ms", 6), ("us", 3)):
        size = 10**digits
        if nanoseconds >= size and (nanoseconds % (size // 1000) == 0 or nanoseconds >= 10**9):
            whole, rest = divmod(nanoseconds, size)
            fraction = f"{rest:0{digits}d}".rstrip("0")
            return f"{whole}.{fraction}{unit}" if fraction else f"{whole}{unit}"
    return f"{nanoseconds}ns" if nanoseconds else "0s"


def _step(step: Step) -> dict[str, object]:
    parts = _pattern(step.pattern)
    if step.after is not None:
        names = list(step.after.steps)
        single = len(names) == 1 and step.after.join is Join.ALL
        parts["after"] = names[0] if single else {step.after.join.value: names}
    if step.within_ns is not None:
        parts["within"] = _Verbatim(written_duration(step.within_ns))
    if step.times != Times():
        exact = step.times.at_least == step.times.at_most
        bounds: dict[str, object] = {"at_least": step.times.at_least}
        if step.times.at_most is not None:
            bounds["at_most"] = step.times.at_most
        parts["times"] = step.times.at_least if exact else bounds
    if step.optional:
        parts["optional"] = True
    if step.budgets:
        parts["budgets"] = {segment.value: _Verbatim(written_duration(limit)) for segment, limit in step.budgets}
    return parts


def _pattern(pattern: Pattern) -> dict[str, object]:
    parts: dict[str, object] = {pattern.role.value: pattern.target}
    if pattern.group is not None:
        parts["group"] = pattern.group
    if pattern.service is not None:
        parts["service"] = pattern.service
    if pattern.where:
        parts["where"] = {one.attribute: _compared(one) for one in pattern.where}
    return parts


def _compared(predicate: Predicate) -> object:
    value: object = list(predicate.value) if isinstance(predicate.value, tuple) else predicate.value
    return value if predicate.comparison.value == "equals" else {predicate.comparison.value: value}


class _Verbatim(str):
    """Text that is written as it is."""


def _flow(value: object) -> str:
    if isinstance(value, _Verbatim):
        return str(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_scalar(str(key))}: {_flow(entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(entry) for entry in value) + "]"
    return _scalar(value)  # type: ignore[arg-type]  # plain values are all that is left


def _scalar(value: PlainValue) -> str:
    if value is None or isinstance(value, bool | int | float):
        return json.dumps(value)
    if _PLAIN.fullmatch(value) and value.lower() not in _RESERVED:
        return value
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value, ensure_ascii=False))
