"""What a receiver did so far, as Prometheus reads it."""

from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import version
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector, CollectorRegistry

from tracecheck.receiver import Counters, decoder_form
from tracecheck.receiver.metrics import COMMIT_BOUNDS_S

COUNTED: Mapping[str, tuple[str, str]] = {
    "requests": ("tracecheck_requests", "OTLP requests answered, refused ones included."),
    "refused_requests": ("tracecheck_requests_refused", "OTLP requests refused: invalid, over a limit, or for now."),
    "received": ("tracecheck_spans_received", "Spans in requests that were decoded, rejected ones included."),
    "stored": ("tracecheck_spans_stored", "Spans committed to the database."),
    "duplicates": ("tracecheck_spans_duplicate", "Identical repeats of stored spans, dropped."),
    "conflicting": ("tracecheck_spans_conflicting", "Spans stored beside a different one of the same ids."),
    "rejected": ("tracecheck_spans_rejected", "Spans that were invalid and not kept."),
    "repaired": ("tracecheck_repairs", "Repairs inside spans that were kept."),
    "replayed": ("tracecheck_spans_replayed", "Spans decoded again from a journal that an earlier process left."),
    "damaged_records": ("tracecheck_journal_records_damaged", "Journal records set aside: checksum failed."),
    "set_aside": ("tracecheck_spans_set_aside", "Acknowledged spans the database refused; their journal is kept."),
    "journal_syncs": ("tracecheck_journal_syncs", "Times the journal was forced to disk."),
    "journal_sync_seconds": ("tracecheck_journal_sync_seconds", "Time spent forcing the journal to disk."),
    "journal_bytes": ("tracecheck_journal_written_bytes", "Bytes written to the journal."),
}
"""Field of `Counters` -> name (Prometheus adds `_total`) and help."""

QUEUES: Mapping[str, str] = {
    "inflight_bytes": "requests",
    "hot_bytes": "hot",
    "journal_held_bytes": "journal",
}
"""Field of `Counters` -> label `queue` of `tracecheck_queue_bytes`."""

IN_HISTOGRAM = frozenset({"commits", "commit_seconds", "commit_buckets"})


def exposition(counters: Counters, accept: str = "") -> tuple[bytes, str]:
    """The metrics' text and its content type: OpenMetrics where `accept` asks for it, else Prometheus' own."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Receiver(lambda: counters))
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


class _Receiver(Collector):
    def __init__(self, counters: Callable[[], Counters]) -> None:
        self._counters = counters

    def collect(self) -> Iterator[Metric]:
        """Every counter once; names of fields and metrics stand above."""
        now = self._counters()
        for field, (name, text) in COUNTED.items():
            yield CounterMetricFamily(name, text, value=getattr(now, field))
        queues = GaugeMetricFamily(
            "tracecheck_queue_bytes",
            "Bytes held: of requests not answered yet, of acknowledged spans not in the database yet (hot), and of "
            "journal that a restart would decode again.",
            labels=["queue"],
        )
        for field, label in QUEUES.items():
            queues.add_metric([label], getattr(now, field))
        yield queues
        yield GaugeMetricFamily("tracecheck_hot_spans", "Acknowledged spans not in the database yet.", now.hot_spans)
        bounds = [*(str(bound) for bound in COMMIT_BOUNDS_S), "+Inf"]
        yield HistogramMetricFamily(
            "tracecheck_commit_seconds",
            "Duration of commits to the database.",
            buckets=list(zip(bounds, accumulate(now.commit_buckets), strict=True)),
            sum_value=now.commit_seconds,
        )
        build = GaugeMetricFamily("tracecheck_build_info", "1, with the version.", labels=["version", "decoder"])
        build.add_metric([version("tracecheck"), decoder_form()], 1)
        yield build
