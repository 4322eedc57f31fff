"""What every client makes of headers that strangers wrote: broken, repeated, from before there was baggage."""

import pytest
from tracecheck_instrumentation import health
from tracecheck_instrumentation.testing import CapturedSpans

from instrumentation.tests.driver import Driver, Out


class HeadersContract:
    """Part of the suite that every adapter passes."""

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("traceparent", b"\xff\xfe"),
            ("traceparent", b"00-zz-yy-01"),
            ("traceparent", b"0" * 20_000),
            ("baggage", b"a=" + b"b" * 20_000),
            ("baggage", b"\xff"),
            ("correlation-id", b"x" * 5_000),
            ("tracecheck-event-id", b"a\nb"),
            ("", b""),
        ],
    )
    def test_a_hostile_header_costs_its_own_value_and_nothing_else(
        self, driver: Driver, spans: CapturedSpans, name: str, value: bytes
    ) -> None:
        place, seen = driver.fresh(), []
        driver.send_raw(Out(destination=place, headers=[(name, value)]))

        driver.handle(place, lambda record: seen.append(record) or [])

        assert len(seen) == 1
        processed = spans.wait_for(f"process {place}")
        assert processed.parent is None
        assert "messaging.message.id" not in processed.attributes or driver.system == "rabbitmq"

    def test_of_two_trace_contexts_the_one_written_last_counts(self, driver: Driver, spans: CapturedSpans) -> None:
        old, new = b"00-" + b"1" * 32 + b"-" + b"1" * 16 + b"-01", b"00-" + b"2" * 32 + b"-" + b"2" * 16 + b"-01"
        place, repeated = driver.fresh(), health().get("header_repeated", 0)
        driver.send_raw(Out(destination=place, headers=[("traceparent", old), ("traceparent", new)]))

        driver.handle(place, lambda _: [])

        processed = spans.wait_for(f"process {place}")
        assert processed.parent is not None
        assert int("2" * 16, 16) == processed.parent.span_id
        assert driver.system == "rabbitmq" or health()["header_repeated"] > repeated

    def test_a_legacy_correlation_header_fills_in_for_baggage(self, driver: Driver, spans: CapturedSpans) -> None:
        place = driver.fresh()
        driver.send_raw(Out(destination=place, headers=[("correlation-id", b"legacy-1")]))

        driver.handle(place, lambda _: [])

        assert spans.wait_for(f"process {place}").attributes["correlation.id"] == "legacy-1"
