"""The JSON Schema of a specification, for editors and `check-jsonschema`: what the reader accepts.

What JSON Schema cannot say (one anchor, no cycle, known predecessors, bounds in order) the reader alone refuses.
"""

from typing import Any

from tracecheck.expect.model import Role
from tracecheck.expect.schema import SCHEMA_ID, ExpectationSpec

MAY_BE_NULL = frozenset({"equals", "contains", "value"})
"""Fields of which null is a value. Elsewhere a key without a value is one that was forgotten."""

FREE_BELOW = frozenset({"where", "params", "value", "one_of"})
"""Fields below which values are the user's own."""


def json_schema() -> dict[str, object]:
    """The schema (draft 2020-12) of one document."""
    schema = ExpectationSpec.model_json_schema(mode="validation")
    for name, part in (*schema["$defs"].items(), ("ExpectationSpec", schema)):
        properties = part.get("properties", {})
        part["properties"] = {key: _without_null(key, said) for key, said in properties.items()}
        part |= _RULES.get(name, {})
    _at_least_once(schema["$defs"]["StepSpec"]["properties"]["times"])
    schema["properties"]["steps"]["additionalProperties"] = False
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": SCHEMA_ID, **schema}


def _one_of(*names: str) -> dict[str, Any]:
    return {"oneOf": [{"required": [name]} for name in names]}


_PATTERN = {**_one_of(*(role.value for role in Role)), "dependentRequired": {"group": ["process"]}}
_RULES: dict[str, dict[str, Any]] = {
    "PatternSpec": _PATTERN,
    "StepSpec": {**_PATTERN, "dependentRequired": {"group": ["process"], "budgets": ["process"]}},
    "SeedSpec": _one_of("kafka", "rabbitmq"),
    "ObserveSpec": _one_of("kafka", "rabbitmq"),
    "StateSpec": {"allOf": [_one_of("sql", "http"), _one_of("equals", "matches")]},
    "Comparisons": {"minProperties": 1, "maxProperties": 1},
    "TimesRange": {"minProperties": 1},
}


def _without_null(name: str, said: dict[str, Any]) -> dict[str, Any]:
    if name in MAY_BE_NULL or "anyOf" not in said:
        return said
    rest = {key: value for key, value in said.items() if key != "anyOf" and (key, value) != ("default", None)}
    kinds = [kind for kind in said["anyOf"] if kind != {"type": "null"}]
    return rest | (kinds[0] if len(kinds) == 1 else {"anyOf": kinds})


def _at_least_once(times: dict[str, Any]) -> None:
    """A step's `times: 0` belongs under `never`; of a message on the bus it means none."""
    times["anyOf"] = [kind | {"minimum": 1} if kind.get("type") == "integer" else kind for kind in times["anyOf"]]
