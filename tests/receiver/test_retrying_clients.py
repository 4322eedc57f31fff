"""The official exporters keep every span when most of their requests are refused for the moment."""

import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from tests.support.fake_store import FakeStore
from tracecheck.errors import StoreUnavailable
from tracecheck.receiver import RunningReceiver

BATCHES, BATCH_SPANS = 4, 25
REFUSALS = "xxx.xx.xx.xxx."
"""Ten of fourteen refused; never six in a row, after which these exporters drop a batch by their own rule."""


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_A12_A14_S16_the_sdk_delivers_all_spans_past_seven_refusals_in_ten(
    receiver: RunningReceiver, store: FakeStore, protocol: str
) -> None:
    refused = StoreUnavailable("the store is busy")
    store.failures = [None if step == "." else refused for step in REFUSALS]
    exporter = (
        GrpcExporter(endpoint=receiver.grpc_endpoint, insecure=True, timeout=60)
        if protocol == "grpc"
        else HttpExporter(endpoint=f"{receiver.http_endpoint}/v1/traces", timeout=60)
    )
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(exporter, max_export_batch_size=BATCH_SPANS))
    tracer = provider.get_tracer("test")
    names = {f"span {number}" for number in range(BATCHES * BATCH_SPANS)}
    for name in names:
        tracer.start_span(name).end()
    assert provider.force_flush(60_000)
    provider.shutdown()
    assert {span.name for span in store.spans} == names
    assert len(store.spans) == len(names)
    assert store.failures == []
