"""The published JSON Schema says what the reader accepts."""

import json

from tracecheck.expect import json_schema
from tracecheck.expect.schema import ExpectationSpec, StepSpec


def test_the_schema_is_plain_json_and_names_every_field() -> None:
    schema = json.loads(json.dumps(json_schema()))
    assert set(schema["properties"]) == set(ExpectationSpec.model_fields)
    assert set(schema["$defs"]["StepSpec"]["properties"]) == set(StepSpec.model_fields)
    assert schema["additionalProperties"] is False


def test_the_schema_shows_the_short_forms_people_write() -> None:
    step = json_schema()["$defs"]["StepSpec"]["properties"]  # type: ignore[index]
    assert {"type": "string", "pattern": r"^[A-Za-z_][A-Za-z0-9_.-]{0,199}$"} in step["after"]["anyOf"]
    assert {"$ref": "#/$defs/AllOf"} in step["after"]["anyOf"]
    assert step["times"]["anyOf"][0]["type"] == "integer"
    assert "pattern" in step["within"]["anyOf"][0]
