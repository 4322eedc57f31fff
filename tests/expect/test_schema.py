"""The published JSON Schema says what the reader accepts, and refuses what it refuses."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from jsonschema import Draft202012Validator

from tests.expect.test_python import contents
from tracecheck.errors import InvalidFile
from tracecheck.expect import json_schema, parse_expectations
from tracecheck.expect.schema import ExpectationSpec, StepSpec

SCHEMA = Draft202012Validator(json_schema())


def test_the_schema_is_plain_json_and_names_every_field() -> None:
    schema = json.loads(json.dumps(json_schema()))
    Draft202012Validator.check_schema(schema)
    assert set(schema["properties"]) == set(ExpectationSpec.model_fields)
    assert set(schema["$defs"]["StepSpec"]["properties"]) == set(StepSpec.model_fields)
    assert schema["additionalProperties"] is False


def test_the_schema_shows_the_short_forms_people_write() -> None:
    step = json_schema()["$defs"]["StepSpec"]["properties"]  # type: ignore[index]
    assert {"type": "string", "pattern": r"^[A-Za-z_][A-Za-z0-9_.-]{0,199}$"} in step["after"]["anyOf"]
    assert {"$ref": "#/$defs/AllOf"} in step["after"]["anyOf"]
    assert step["times"]["anyOf"][0]["type"] == "integer"
    assert "pattern" in step["within"]


@settings(deadline=None, max_examples=60)
@given(contents())
def test_the_schema_accepts_what_the_reader_accepts(content: dict[str, Any]) -> None:
    SCHEMA.validate(content)


STEP: dict[str, Any] = {"process": "orders", "after": "placed"}
SCENARIO: list[dict[str, Any]] = [
    {"seed": {"kafka": "orders", "key": "k", "value": None, "headers": {"a": "b"}, "twice": True}},
    {"observe": [{"rabbitmq": "x:#", "where": {"id": {"exists": True}}, "times": 0, "within": "5s"}]},
    {"state": [{"sql": "select 1", "equals": None, "params": {"a": None}, "hold": "200ms"}]},
    {"state": [{"http": "/x", "path": "a.b", "matches": {"at_least": 3}}]},
    {"clean_up": [{"sql": "delete"}], "tags": ["a"], "cases": "c.csv", "settle": "0", "completeness": "proven"},
]


@pytest.mark.parametrize("more", SCENARIO)
def test_scenarios_are_accepted_by_both(more: dict[str, Any]) -> None:
    content = {"chain": "c", "steps": {"placed": {"send": "orders"}}, **more}
    SCHEMA.validate(content)
    assert len(parse_expectations(json.dumps(content))) == 1


@pytest.mark.parametrize(
    "change",
    [
        *({"step": STEP | more} for more in (
            {"within": 3}, {"within": "3 s"}, {"within": "1h30m"}, {"within": None}, {"after": []},
            {"after": ["placed"]}, {"after": {"all": []}}, {"after": {"all": ["placed", "placed"]}},
            {"after": {"none": ["placed"]}}, {"after": {"all": ["placed"], "any": ["placed"]}}, {"times": 0},
            {"times": -1}, {"times": 1.5}, {"times": "1"}, {"times": {}}, {"times": {"at_most": None}},
            {"optional": "yes"}, {"group": None}, {"group": ""}, {"group": 3}, {"send": "orders"}, {"where": None},
            {"budgets": {"tranist": "1s"}}, {"budgets": {"transit": None}}, {"where": {"a": [1]}}, {"afer": "placed"},
            {"where": {"a": {"equals": 1, "contains": 2}}}, {"where": {"a": {"one_of": []}}}, {"where": {"a": {}}},
            {"where": {"a": {"at_least": "x"}}}, {"where": {"a": {"exists": 1}}},
        )),
        *({"step": step} for step in (
            None, "orders", {"after": "placed"}, {"send": "a", "group": "g", "after": "placed"},
            {"call": "a", "budgets": {"transit": "1s"}, "after": "placed"},
        )),
        {"chain": None}, {"chain": ""}, {"chain": 12}, {"chains": 2}, {"chains": {"at_least": 0}}, {"chians": {}},
        {"evidence": "contex"}, {"closed": "true"}, {"never": {"process": "x"}}, {"never": [{}]}, {"within": None},
        {"never": [{"process": "x", "after": "a"}]}, {"duplicates": {"delivery": "forbid"}}, {"settle": 10},
        {"duplicates": {"deliveries": "never"}}, {"seed": {}}, {"seed": {"kafka": "a", "rabbitmq": "b"}},
        {"seed": {"kafka": "a", "key": 3}},
        {"observe": [{"kafka": "a", "times": -1}]}, {"state": [{"equals": 1}]}, {"state": [{"sql": "a"}]},
        {"state": [{"sql": "a", "http": "b", "equals": 1}]}, {"state": [{"sql": "a", "equals": 1, "matches": 2}]},
        {"tags": "a"}, {"cases": 3}, {"steps": {}}, {"steps": {"a b": {"send": "q"}}},
    ],
)  # fmt: skip
def test_what_the_reader_refuses_the_schema_refuses(change: dict[str, Any]) -> None:
    content: dict[str, Any] = {"chain": "c", "steps": {"placed": {"send": "orders"}}}
    if "step" in change:
        content["steps"]["charged"] = change["step"]
    else:
        content |= change
    assert not SCHEMA.is_valid(content)
    with pytest.raises(InvalidFile):
        parse_expectations(json.dumps(content))
