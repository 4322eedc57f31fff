"""Whatever a file holds, it is an expectation or a list of problems, never a traceback."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.expect.test_python import contents
from tracecheck.errors import InvalidFile
from tracecheck.expect import Expectation, parse_expectations

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
snippets = st.lists(
    st.sampled_from(["chain: c\n", "steps:\n", "  a: {send: q}\n", "- ", "? ", "&a ", "*a", "!!int ", "{", "[", "|\n"])
    | st.text(max_size=5),
    max_size=12,
).map("".join)


def refused_or_read(text: str) -> list[str]:
    """The problems of a text; none if it could be read. Anything else it raises fails the test."""
    try:
        read = parse_expectations(text)
    except InvalidFile as invalid:
        return invalid.problems
    return [] if all(isinstance(one, Expectation) for one in read) and read else ["nothing was read"]


def told_well(problems: list[str]) -> bool:
    """Each problem is one line with its place."""
    return all(problem.startswith("<text>:") and "\n" not in problem for problem in problems)


@settings(deadline=None)
@given(snippets)
def test_any_text_is_read_or_refused(text: str) -> None:
    assert told_well(refused_or_read(text))


@settings(deadline=None)
@given(contents(), st.data())
def test_a_specification_with_any_one_value_replaced_is_read_or_refused(
    content: dict[str, object], data: st.DataObject
) -> None:
    places = [(content, key) for key in content]
    steps = content["steps"]
    assert isinstance(steps, dict)
    places += [(steps, key) for key in steps]
    places += [(step, key) for step in steps.values() for key in step]
    holder, key = data.draw(st.sampled_from(places))
    holder[key] = data.draw(plain)
    assert told_well(refused_or_read(json.dumps(content)))
