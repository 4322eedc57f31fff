"""Everything wrong with one written expectation, as (path, what is wrong), in one go."""

import typing
from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from pydantic import BaseModel, ValidationError

from tracecheck.expect.model import Expectation
from tracecheck.expect.published import FREE_BELOW, MAY_BE_NULL
from tracecheck.expect.rules import Path, Problem, step_problems
from tracecheck.expect.schema import ExpectationSpec


def build(raw: object) -> tuple[Expectation | None, list[Problem]]:
    """The expectation of a plain value, or None and every problem found."""
    if not isinstance(raw, Mapping):
        return None, [((), f"expected a mapping with `chain` and `steps`, got {shown(raw)}")]
    problems = step_problems(raw)
    try:
        spec = ExpectationSpec.model_validate(raw)
    except ValidationError as error:
        problems = _of_schema(error) + problems
    told = {path for path, _ in problems}
    problems += [(path, "has no value; give it one, or leave it out") for path in _left_empty(raw) if path not in told]
    return (None, problems) if problems else (spec.expectation(), [])


def _left_empty(value: object, path: Path = ()) -> Iterator[Path]:
    """Keys that are written without a value, where null is none: `group:` would mean any group otherwise."""
    if isinstance(value, Mapping):
        for key, below in value.items():
            if below is None and key not in MAY_BE_NULL:
                yield (*path, str(key))
            elif key not in FREE_BELOW:
                yield from _left_empty(below, (*path, str(key)))
    elif isinstance(value, list | tuple):
        for number, below in enumerate(value):
            yield from _left_empty(below, (*path, number))


def shown(value: object) -> str:
    """A value as a reader wrote it, with its type: `the text 'yes'`, `the number 3`."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"the number {value!r}"[:60]
    if isinstance(value, str):
        return f"the text {value!r}" if len(value) <= 50 else f"the text {value[:47]!r}..."
    if isinstance(value, list | tuple):
        return "a list"
    return "a mapping" if isinstance(value, Mapping) else repr(value)[:60]


_EXPECTED = {
    "string_type": "text",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "float_type": "a number",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}


def _of_schema(error: ValidationError) -> list[Problem]:
    problems: list[Problem] = []
    for one in error.errors(include_url=False):
        path: Path = tuple(part for part in one["loc"] if part != "[key]")
        kind, value, context = one["type"], one["input"], one.get("ctx", {})
        if kind == "missing":
            message = f"{path[-1]} is missing"
            path = path[:-1]
        elif kind == "extra_forbidden":
            message = f"unknown key {str(path[-1])!r}" + _suggestion(path)
        elif kind in _EXPECTED:
            message = f"expected {_EXPECTED[kind]}, got {shown(value)}"
            if kind == "string_type" and value is not None and not isinstance(value, list | dict):
                message += "; put it in quotes"
        elif kind == "too_short":
            message = "is empty; expected at least one entry"
        elif kind == "value_error":
            message = str(context["error"])
        elif kind == "literal_error":
            message = f"expected one of {context['expected'].replace(' or ', ', ')}, got {shown(value)}"
        elif kind == "string_pattern_mismatch":
            message = (
                f"expected up to 200 of a-z, digits, '_', '-' and '.', beginning with a letter; got {shown(value)}"
            )
        else:
            message = f"{one['msg'][:1].lower()}{one['msg'][1:]}, got {shown(value)}"
        problems.append((path, message))
    return problems


def _suggestion(path: Path) -> str:
    known = list(_fields_at(path[:-1]))
    close = get_close_matches(str(path[-1]), known, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known keys: {', '.join(known)}"


def _fields_at(path: Path) -> Mapping[str, object]:
    annotation: object = ExpectationSpec
    for part in path:
        model = _model_in(annotation)
        if model is not None:
            field = model.model_fields.get(str(part))
            annotation = field.annotation if field else None
        else:
            annotation = (typing.get_args(annotation) or (None,))[-1]
    model = _model_in(annotation)
    return model.model_fields if model else {}


def _model_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if typing.get_origin(annotation) in (list, dict):
        return None
    found = (_model_in(argument) for argument in typing.get_args(annotation))
    return next((model for model in found if model is not None), None)
