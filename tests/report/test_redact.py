"""Secrets quoted in names and error texts do not leave in a report (row S59)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.findings import CHAIN, FAILED, finding, report, result
from tracecheck.model import Cause
from tracecheck.report import redacted, render
from tracecheck.report.redact import redact_text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("login failed: password=hunter2, user=ann", "login failed: password=[redacted], user=ann"),
        ('{"api_key": "s3cr3t", "id": 7}', '{"api_key": [redacted], "id": 7}'),
        ("Authorization: Bearer abcdefghijkl", "Authorization: [redacted] [redacted]"),
        ("amqp://app:s3cr3t@rabbit:5672/", "amqp://[redacted]@rabbit:5672/"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc", "[redacted]"),
        ("key AKIAABCDEFGHIJKLMNOP used", "key [redacted] used"),
        ("DB_PASSWORD='a b c'", "DB_PASSWORD=[redacted]"),
        ("CardDeclined: limit reached", "CardDeclined: limit reached"),
        ("orders[0]@41", "orders[0]@41"),
    ],
)
def test_S59_what_looks_like_a_secret_is_replaced(text: str, shown: str) -> None:
    assert redact_text(text) == shown


@pytest.mark.parametrize("name", ["text", "json", "junit", "github", "markdown", "html"])
def test_S59_no_report_holds_a_secret_of_an_error_text(name: str) -> None:
    from dataclasses import replace

    leaky = replace(FAILED, error="refused: token=abc123secret")
    told = report(
        result(
            finding(
                Cause.PROCESSING_FAILED, span=leaky, evidence=("sent password=hunter22",), detail={"api_key": "zzz9"}
            )
        )
    )
    written = render(name, redacted(told))
    assert "abc123secret" not in written
    assert "hunter22" not in written
    assert CHAIN.partition(":")[0] in written


def test_a_report_without_secrets_stays_equal() -> None:
    told = report(*(result(finding(cause)) for cause in Cause))
    assert redacted(told) == told


@given(st.text(max_size=200))
def test_redaction_is_total_and_settles(text: str) -> None:
    once = redact_text(text)
    assert redact_text(once) == once
