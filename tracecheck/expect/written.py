"""The short forms that `after`, `times` and `where` may be written in. Each raises ValueError with what it expected."""

from collections.abc import Mapping

from tracecheck.expect.model import After, Comparison, Join, PlainValue, Times

MAX_COUNT = 1_000_000


def written_after(written: object) -> After:
    """`placed`, `{all: [a, b]}` or `{any: [a, b]}`."""
    if isinstance(written, After):
        return written
    if isinstance(written, str):
        return After(steps=(written,))
    if isinstance(written, list):
        raise ValueError(f"expected a step name or {{all: [...]}}, got a list; did you mean {{all: {written}}}?")
    if isinstance(written, Mapping) and len(written) == 1:
        join, names = next(iter(written.items()))
        listed = isinstance(names, list | tuple) and names and all(isinstance(name, str) for name in names)
        if join in ("all", "any") and listed:
            if len(set(names)) < len(names):
                raise ValueError(f"names a step twice: {', '.join(names)}")
            return After(steps=tuple(names), join=Join(join))
    raise ValueError("expected a step name, {all: [step, ...]} or {any: [step, ...]}")


def written_times(written: object) -> Times:
    """`2` (exactly), or `{at_least: n, at_most: m}`."""
    if isinstance(written, Times):
        return written
    if isinstance(written, int) and not isinstance(written, bool):
        bounds: tuple[object, object] = (written, written)
    elif isinstance(written, Mapping) and written and set(written) <= {"at_least", "at_most"}:
        bounds = (written.get("at_least", 1), written.get("at_most"))
    else:
        raise ValueError("expected a number, or {at_least: n, at_most: m}")
    at_least, at_most = _count(bounds[0]), None if bounds[1] is None else _count(bounds[1])
    if at_most == 0:
        raise ValueError("a step that must not happen belongs under `never`")
    if at_most is not None and at_most < at_least:
        raise ValueError(f"at_most ({at_most}) is below at_least ({at_least})")
    return Times(at_least=at_least, at_most=at_most)


def written_count(written: object) -> Times:
    """As `written_times`, and 0 for never."""
    return Times(at_least=0, at_most=0) if written == 0 and not isinstance(written, bool) else written_times(written)


def written_comparison(written: object) -> tuple[Comparison, PlainValue | tuple[PlainValue, ...]]:
    """A plain value (equality), or one comparison such as `{one_of: [a, b]}`."""
    if written is None or isinstance(written, bool | int | float | str):
        return Comparison.EQUALS, written
    names = [comparison.value for comparison in Comparison]
    if not isinstance(written, Mapping) or len(written) != 1 or next(iter(written)) not in names:
        raise ValueError(f"expected a plain value, or one of {', '.join(names)} as in {{one_of: [a, b]}}")
    comparison, value = Comparison(next(iter(written))), next(iter(written.values()))
    if comparison is Comparison.ONE_OF:
        if not isinstance(value, list | tuple) or not value or not all(_is_plain(one) for one in value):
            raise ValueError("one_of expects a list of plain values")
        return comparison, tuple(value)
    expected = _EXPECTED.get(comparison, "a plain value")
    if not _FITS[expected](value):
        raise ValueError(f"{comparison.value} expects {expected}, got {value!r}"[:200])
    return comparison, value


_EXPECTED = {
    Comparison.EXISTS: "true or false",
    Comparison.STARTS_WITH: "text",
    Comparison.ENDS_WITH: "text",
    Comparison.AT_LEAST: "a number",
    Comparison.AT_MOST: "a number",
}


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, bool | int | float | str)


_FITS = {
    "true or false": lambda value: isinstance(value, bool),
    "text": lambda value: isinstance(value, str),
    "a number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "a plain value": _is_plain,
}


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_COUNT:
        raise ValueError(f"expected a count from 0 to {MAX_COUNT:,}, got {value!r}"[:200])
    return value
