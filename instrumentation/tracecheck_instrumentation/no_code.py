"""What a service started by `opentelemetry-instrument` gets beside its patched clients, without a line of code."""

from opentelemetry import trace

from tracecheck_instrumentation import propagation
from tracecheck_instrumentation.health import harmless


@harmless
def after_instrumenting() -> None:
    """Put the ids of baggage onto every span of the provider that was set up, and propagate as `configure` does.

    Called through the entry point `opentelemetry_post_instrument`. A later `configure` adds its flush marks to this.
    """
    from opentelemetry.sdk.trace import TracerProvider

    from tracecheck_instrumentation.processors import IdsAndCount

    propagation.use_unless_chosen()
    provider = trace.get_tracer_provider()
    if isinstance(provider, TracerProvider):
        provider.add_span_processor(IdsAndCount())
