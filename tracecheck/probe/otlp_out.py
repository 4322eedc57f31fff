"""Sends a probe's own spans to a running receiver by OTLP over HTTP."""

from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from tracecheck.errors import EnvironmentFault, UsageError
from tracecheck.model import Span
from tracecheck.receiver.encode_protobuf import encode_protobuf
from tracecheck.store.access import Access

ANSWER_WITHIN_S = 10.0


def send_span(span: Span, endpoint: str) -> None:
    """Delivers one span to `endpoint` (`http://host:4318`, without the path), with the token and TLS files of the
    environment (`store.access`).

    Raises `EnvironmentFault` when nothing takes it there: an injected event without its span cannot be followed.
    """
    if not endpoint.startswith(("http://", "https://")):
        msg = f"OTLP endpoint {endpoint!r} is no URL; expected http://host:port"
        raise UsageError(msg)
    access = Access.of_environment()
    request = Request(  # noqa: S310 - the scheme is checked above
        f"{endpoint.rstrip('/')}/v1/traces",
        data=encode_protobuf([span]),
        headers={"Content-Type": "application/x-protobuf", **access.headers()},
        method="POST",
    )
    try:
        tls = access.tls() if endpoint.startswith("https://") else None
        with urlopen(request, timeout=ANSWER_WITHIN_S, context=tls):  # noqa: S310 - the scheme is checked above
            return
    except HTTPError as refused:
        msg = f"the receiver at {endpoint} refused the injection's span with status {refused.code}"
        raise EnvironmentFault(msg) from refused
    except (URLError, OSError) as fault:
        reason = getattr(fault, "reason", fault)
        msg = f"no receiver at {endpoint} took the injection's span: {reason}; start one with: tracecheck serve"
        raise EnvironmentFault(msg) from fault
