"""The OpenTelemetry SDK as the standard `OTEL_*` variables ask for it, plus what tracecheck needs. Imported late."""

import logging
import os
import threading
from importlib.metadata import entry_points
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import SERVICE_NAME, OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Sampler

from tracecheck_instrumentation import names
from tracecheck_instrumentation.health import harmless
from tracecheck_instrumentation.processors import IdsAndCount, KeepsMarks
from tracecheck_instrumentation.tracing import tracer

_logger = logging.getLogger("tracecheck_instrumentation")

_EXPORTERS = {"grpc": "otlp_proto_grpc", "http/protobuf": "otlp_proto_http"}


class Pipeline:
    """What `configure` set up, kept so that it can be flushed."""

    def __init__(self, provider: TracerProvider, sampler: KeepsMarks | None, exporters: list[SpanExporter]) -> None:
        self._provider = provider
        self._sampler = sampler
        self._exporters = exporters
        self._count = IdsAndCount(sampler.held_back if sampler else None)
        provider.add_span_processor(self._count)
        for exporter in exporters:
            provider.add_span_processor(BatchSpanProcessor(exporter))

    def start(self) -> None:
        """Emit the sign of life of this process instance, and of each one forked from it."""
        self._announce()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._announce)  # registered last, so the SDK is renewed by then

    def mark(self) -> None:
        """Emit the flush mark: how many spans this process instance handed to the exporter before it.

        Marks are not counted. Sampled-out spans are stated beside it: where there are any, absence proves nothing.
        """
        attributes = {names.FLUSH_SPAN_COUNT: self._count.count}
        if self._sampler is not None and self._sampler.sampled_out:
            attributes[names.FLUSH_SAMPLED_OUT_COUNT] = self._sampler.sampled_out
        tracer().start_span(names.FLUSH_SPAN, Context(), attributes=attributes).end()

    def flush(self, timeout_seconds: float) -> bool:
        """Export all that waits; False if that took longer, or if the exporter is down."""
        # The SDK's force_flush does not keep its timeout, so it runs aside and is left behind when it is late.
        worker = threading.Thread(target=self._provider.force_flush, name="tracecheck-flush", daemon=True)
        worker.start()
        worker.join(timeout_seconds)
        return not worker.is_alive()

    @harmless
    def _announce(self) -> None:
        tracer().start_span(names.START_SPAN, Context()).end()

    def close(self) -> None:
        """Stop the exporters, so that one that cannot reach its receiver holds up nothing."""
        for exporter in self._exporters:
            exporter.shutdown()


def set_up(service_name: str) -> Pipeline:
    """Install the global tracer provider, or join the one that is there (`opentelemetry-instrument`)."""
    present = trace.get_tracer_provider()
    if isinstance(present, TracerProvider):
        return Pipeline(present, None, [])
    resource = _resource(service_name)
    provider = TracerProvider(resource=resource, shutdown_on_exit=False, id_generator=_id_generator())
    sampler = KeepsMarks(_own_sampler() or provider.sampler)
    provider.sampler = sampler
    pipeline = Pipeline(provider, sampler, _exporters())
    trace.set_tracer_provider(provider)
    return pipeline


def _resource(service_name: str) -> Resource:
    # The environment is the operator's word and wins over the code's.
    # service.instance.id comes from the SDK's own detector, which renews it in a forked child.
    named = OTELResourceDetector().detect().attributes.get(SERVICE_NAME)
    return Resource.create({SERVICE_NAME: named or service_name})


def _exporters() -> list[SpanExporter]:
    wanted = os.environ.get("OTEL_TRACES_EXPORTER") or "otlp"
    return [made for name in wanted.split(",") if (made := _exporter(name.strip())) is not None]


def _exporter(name: str) -> SpanExporter | None:
    if name in ("none", ""):
        return None
    if name == "otlp":
        protocol = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL")
        if protocol and protocol not in _EXPORTERS:
            _logger.warning("OTLP protocol %r is not known (known: %s); using grpc", protocol, ", ".join(_EXPORTERS))
        name = _EXPORTERS.get(protocol or "grpc", "otlp_proto_grpc")
    exporter: SpanExporter | None = _made("opentelemetry_traces_exporter", name)
    return exporter


def _own_sampler() -> Sampler | None:
    # The provider knows the standard names; an installed package may bring others.
    name = os.environ.get("OTEL_TRACES_SAMPLER", "").strip()
    found = next(iter(entry_points(group="opentelemetry_traces_sampler", name=name)), None) if name else None
    if found is None or found.value.startswith("opentelemetry.sdk."):
        return None
    sampler: Sampler = found.load()(os.environ.get("OTEL_TRACES_SAMPLER_ARG"))
    return sampler


def _id_generator() -> IdGenerator:
    made: IdGenerator | None = _made("opentelemetry_id_generator", os.environ.get("OTEL_PYTHON_ID_GENERATOR", "random"))
    return made or RandomIdGenerator()


def _made(group: str, name: str) -> Any:
    found = next(iter(entry_points(group=group, name=name)), None)
    if found is None:
        _logger.warning("no %s named %r is installed; going on without it", group, name)
        return None
    return found.load()()
