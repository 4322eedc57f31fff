"""YAML and Python are two spellings of one model."""

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracecheck.errors import InvalidFile
from tracecheck.expect import all_of, any_of, call, expect_chain, parse_expectations, process, send, span
from tracecheck.expect.python import WrittenStep

names = st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,8}", fullmatch=True)
texts = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=12)
durations = st.builds(lambda n, unit: f"{n}{unit}", st.integers(1, 999), st.sampled_from(["ms", "s", "m"]))
scalars = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts
times = st.integers(1, 5) | st.builds(
    lambda low, more: {"at_least": low, "at_most": low + more}, *[st.integers(1, 4)] * 2
)
wheres = st.dictionaries(
    texts,
    scalars | st.builds(lambda values: {"one_of": values}, st.lists(scalars, min_size=1, max_size=3)),
    max_size=2,
)
patient = settings(deadline=None)
ROLES = {"send": send, "process": process, "span": span, "call": call}


@st.composite
def contents(draw: st.DrawFn) -> dict[str, Any]:
    """One expectation as it would be written in YAML: plain values only."""
    steps: dict[str, dict[str, Any]] = {}
    for name in draw(st.lists(names, min_size=1, max_size=5, unique=True)):
        role = draw(st.sampled_from(sorted(ROLES)))
        step: dict[str, Any] = {role: draw(texts)}
        if draw(st.booleans()):
            step["service"] = draw(texts)
        if role == "process" and draw(st.booleans()):
            step["group"] = draw(texts)
        if where := draw(wheres):
            step["where"] = where
        if steps:
            chosen = draw(st.lists(st.sampled_from(sorted(steps)), min_size=1, max_size=3, unique=True))
            join = draw(st.sampled_from(["all", "any"]))
            step["after"] = chosen[0] if len(chosen) == 1 else {join: chosen}
            if draw(st.booleans()):
                step["within"] = draw(durations)
            if draw(st.booleans()):
                step["times"] = draw(times)
            if draw(st.booleans()):
                step["optional"] = draw(st.booleans())
        steps[name] = step
    content: dict[str, Any] = {"chain": draw(texts), "steps": steps}
    if draw(st.booleans()):
        content["within"] = draw(durations)
    if draw(st.booleans()):
        content["never"] = [{"process": draw(texts)}]
    if draw(st.booleans()):
        content["duplicates"] = {"deliveries": draw(st.sampled_from(["allow", "report", "forbid"]))}
    if draw(st.booleans()):
        content["seed"] = {"kafka": draw(texts), "value": {"id": draw(scalars)}}
    return content


def in_python(content: dict[str, Any]) -> Any:
    """The same content through the builders."""

    def step(fields: dict[str, Any]) -> WrittenStep:
        rest = dict(fields)
        role = next(role for role in ROLES if role in rest)
        target = rest.pop(role)
        if isinstance(rest.get("after"), dict):
            ((join, chosen),) = rest["after"].items()
            rest["after"] = (all_of if join == "all" else any_of)(*chosen)
        return ROLES[role](target, **rest)

    rest = dict(content)
    return expect_chain(
        rest.pop("chain"),
        steps={name: step(fields) for name, fields in rest.pop("steps").items()},
        never=[step(one) for one in rest.pop("never", [])],
        **rest,
    )


@patient
@given(contents())
def test_the_same_content_is_equal_from_yaml_and_from_python(content: dict[str, Any]) -> None:
    assert parse_expectations(json.dumps(content, ensure_ascii=False)) == [in_python(content)]


def test_a_timedelta_is_as_good_as_a_written_duration() -> None:
    def chain(within: str | timedelta) -> Any:
        return expect_chain("c", steps={"a": send("q"), "b": send("r", after="a", within=within)}, settle=within)

    assert chain(timedelta(milliseconds=1500)) == chain("1500ms")


def test_the_builders_refuse_what_the_file_refuses_all_at_once() -> None:
    with pytest.raises(InvalidFile) as caught:
        expect_chain("c", steps={"a": send("q"), "b": send("r"), "d": process("q", after="e", within="soon")})
    assert len(caught.value.problems) == 3
    assert "two anchors" in str(caught.value)
    assert "unknown step 'e'" in str(caught.value)
    assert "expected a duration" in str(caught.value)
