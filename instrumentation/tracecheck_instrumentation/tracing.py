"""The one tracer of this library. Everything but `sdk` knows the OpenTelemetry API only."""

from importlib.metadata import PackageNotFoundError, version

from opentelemetry import trace
from opentelemetry.trace import Tracer, TracerProvider

from tracecheck_instrumentation import conventions, names


def tracer() -> Tracer:
    """Return the tracer: of the provider given to `use_provider`, else of the global one."""
    return _tracer or _global_tracer()


def use_provider(provider: TracerProvider | None) -> None:
    """Make spans with `provider` from now on; None returns to the global one. Reads the environment."""
    conventions.read_environment()
    global _tracer
    _tracer = None if provider is None else _made_by(provider)


def described(error: BaseException | str) -> str:
    """Return an error as the SDK describes one in a span's status: its type first, without which many say nothing."""
    return error if isinstance(error, str) else f"{type(error).__name__}: {error}"


def _global_tracer() -> Tracer:
    # A proxy tracer finds the real provider once it is set, so this one can be kept.
    global _global
    if _global is None:
        _global = _made_by(None)
    return _global


def _made_by(provider: TracerProvider | None) -> Tracer:
    try:
        own_version = version("tracecheck-instrumentation")
    except PackageNotFoundError:
        own_version = ""
    return trace.get_tracer(names.SCOPE, own_version, provider, names.SCHEMA_URL)


_tracer: Tracer | None = None
_global: Tracer | None = None
