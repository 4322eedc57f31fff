"""A loop over records: one span per body, whatever way the body is left."""

from collections.abc import Iterable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.trace import StatusCode
from tracecheck_instrumentation.loop import HandledLoop
from tracecheck_instrumentation.messages import Endpoint, Message
from tracecheck_instrumentation.testing import CapturedSpans

ERROR, UNSET = StatusCode.ERROR, StatusCode.UNSET


def loop(count: int = 3) -> HandledLoop[Any]:
    """Loop over `count` made-up records."""
    records = iter([SimpleNamespace(offset=number) for number in range(count)])
    return HandledLoop(
        records.__next__,
        lambda record: (Endpoint(system="kafka"), Message(destination="t", partition=0, offset=record.offset)),
    )


def outcomes(spans: CapturedSpans) -> list[StatusCode]:
    assert not trace.get_current_span().get_span_context().is_valid, "the handler's context is gone"
    return [span.status.status_code for span in spans.named("process t")]


def run_to_the_end() -> None:
    for _ in loop():
        pass


def break_out() -> None:
    for _ in loop():
        break


def break_out_of_a_condition() -> None:
    for record in loop():
        if record.offset == 1:
            break
        continue


def return_out() -> Any:
    for record in loop():
        return record
    return None


def raise_out() -> None:
    for _ in loop():
        raise ValueError


def raise_in_a_call() -> None:
    for _ in loop():
        int("no number")


def raise_through_finally() -> None:
    for record in loop():
        try:
            record.missing  # noqa: B018
        finally:
            record.seen = True


def raise_in_a_with_block() -> None:
    for _ in loop():
        with memoryview(b"1"):
            {}["missing"]


def catch_inside() -> None:
    for _ in loop():
        try:
            raise ValueError
        except ValueError:
            pass


def hold_the_iterator() -> None:
    held = loop()
    next(held)
    next(held)
    held.close()


@pytest.mark.parametrize(
    ("way", "expected"),
    [
        (run_to_the_end, [UNSET, UNSET, UNSET]),
        (break_out, [UNSET]),
        (break_out_of_a_condition, [UNSET, UNSET]),
        (return_out, [UNSET]),
        (raise_out, [ERROR]),
        (raise_in_a_call, [ERROR]),
        (raise_through_finally, [ERROR]),
        (raise_in_a_with_block, [ERROR]),
        (catch_inside, [UNSET, UNSET, UNSET]),
        (hold_the_iterator, [UNSET, UNSET]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_the_last_span_says_how_its_body_was_left(spans: CapturedSpans, way: Any, expected: list[StatusCode]) -> None:
    try:
        way()
    except (ValueError, AttributeError, KeyError):
        assert ERROR in expected
    assert expected == outcomes(spans)


def test_a_span_ends_before_the_next_record_is_waited_for(spans: CapturedSpans) -> None:
    ended_by_then: list[int] = []

    def waiting() -> Iterator[Any]:
        for number in range(3):
            ended_by_then.append(len(spans.named("process t")))
            yield SimpleNamespace(offset=number)

    records = waiting()
    for _ in HandledLoop(
        records.__next__, lambda record: (Endpoint(system="kafka"), Message(destination="t", offset=record.offset))
    ):
        pass
    assert ended_by_then == [0, 1, 2]


def test_an_error_while_waiting_is_not_the_handlers(spans: CapturedSpans) -> None:
    def failing() -> Iterable[Any]:
        yield SimpleNamespace(offset=0)
        raise OSError("broker gone")

    records = iter(failing())
    with pytest.raises(OSError, match="broker gone"):
        for _ in HandledLoop(
            records.__next__, lambda record: (Endpoint(system="kafka"), Message(destination="t", offset=record.offset))
        ):
            pass
    assert outcomes(spans) == [UNSET]


def test_records_nobody_knows_pass_through_without_a_span(spans: CapturedSpans) -> None:
    records = iter([1, 2])
    assert list(HandledLoop(records.__next__, lambda _: None)) == [1, 2]
    assert spans.all() == []
