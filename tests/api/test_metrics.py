"""What Prometheus reads: every counter, in a text its own parser takes, with the numbers of what happened."""

from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families

from tests.support.otlp import a_message, a_request
from tests.support.polling import until
from tracecheck.api.metrics import exposition
from tracecheck.config import Listen
from tracecheck.receiver import Counters
from tracecheck.receiver.metrics import COMMIT_BOUNDS_S, Metrics
from tracecheck.service import Service

NUMBERS = {field.name: 1000 + 7 * number for number, field in enumerate(fields(Counters))}


def samples(families: Iterator[Metric]) -> dict[str, float]:
    found = {}
    for family in families:
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


@pytest.mark.parametrize("name", [name for name in NUMBERS if name not in ("commits", "commit_buckets")])
def test_every_counter_of_the_receiver_is_exported(name: str) -> None:
    text, _ = exposition(replace(Counters(), **{name: NUMBERS[name]}))
    before, _ = exposition(Counters())
    now, then = (samples(text_string_to_metric_families(each.decode())) for each in (text, before))
    assert [value for key, value in now.items() if then[key] != value] == [NUMBERS[name]]


@pytest.mark.parametrize("accept", ["", "text/plain", "application/openmetrics-text; version=1.0.0"])
def test_both_formats_are_what_their_parsers_take(accept: str) -> None:
    text, content_type = exposition(Counters(stored=3), accept)
    is_openmetrics = content_type.startswith("application/openmetrics-text")
    assert is_openmetrics == accept.startswith("application/openmetrics-text")
    parse = openmetrics_families if is_openmetrics else text_string_to_metric_families
    found = samples(parse(text.decode()))
    assert found["tracecheck_spans_stored_total"] == 3
    assert all(name.startswith("tracecheck_") for name in found)


def test_commits_are_a_histogram_of_seconds() -> None:
    metrics = Metrics()
    for seconds in (0.004, 0.005, 0.3, 99.0):
        metrics.add(commits=1, commit_seconds=seconds)
    text, _ = exposition(metrics.snapshot())
    found = samples(text_string_to_metric_families(text.decode()))
    counts = [found[f"tracecheck_commit_seconds_bucket{{le={bound}}}"] for bound in (*COMMIT_BOUNDS_S, "+Inf")]
    assert counts == [2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 4]
    assert found["tracecheck_commit_seconds_count"] == 4
    assert found["tracecheck_commit_seconds_sum"] == pytest.approx(99.309)


def test_a_running_service_counts_what_it_received_stored_rejected_and_dropped(tmp_path: Path) -> None:
    good = a_request(a_message(1), a_message(2), a_message(3, span_id=bytes(8))).SerializeToString()
    with Service(str(tmp_path / "t.duckdb"), Listen(grpc_port=0, http_port=0, api_port=0)) as service:

        def post(body: bytes) -> None:
            sent = Request(f"{service.endpoints.http}/v1/traces", body, {"Content-Type": "application/x-protobuf"})
            urlopen(sent, timeout=10).read()

        def scraped() -> dict[str, float]:
            with urlopen(f"{service.endpoints.api}/metrics", timeout=10) as answer:
                return samples(text_string_to_metric_families(answer.read().decode()))

        post(good)
        post(good)
        with pytest.raises(OSError, match="400"):
            post(b"nonsense")
        until(lambda: scraped()["tracecheck_spans_duplicate_total"] == 2)
        now = scraped()
    assert now["tracecheck_requests_total"] == 3
    assert now["tracecheck_requests_refused_total"] == 1
    assert now["tracecheck_spans_received_total"] == 6
    assert now["tracecheck_spans_stored_total"] == 2
    assert now["tracecheck_spans_rejected_total"] == 2
    assert now["tracecheck_commit_seconds_count"] >= 1
    assert now["tracecheck_queue_bytes{queue=requests}"] == 0
