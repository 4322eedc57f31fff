"""Who may send: TLS, client certificates, and a bearer token, for every listener.

Certificates are read again when their files change, so that they can be renewed without a restart. The token is
compared in constant time and never shown: not in a repr, a log or an answer.
"""

import hmac
import logging
import ssl
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

import grpc

from tracecheck.config import is_loopback
from tracecheck.errors import UsageError

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Security:
    """What a listener asks of its clients. Paths are PEM files; `client_ca` makes client certificates mandatory."""

    certificate: Path | None = None
    key: Path | None = None
    client_ca: Path | None = None
    token: str | None = field(default=None, repr=False)

    @property
    def uses_tls(self) -> bool:
        """Whether connections are encrypted."""
        return self.certificate is not None

    @property
    def scheme(self) -> str:
        """Of the endpoints: `http` or `https`."""
        return "https" if self.uses_tls else "http"

    def check(self, host: str) -> None:
        """Raises `UsageError` when the files do not make a working pair, and warns of an open door beyond loopback.

        It only warns: a network of test containers is meant to be open, and its owner can see to it that it is closed.
        """
        if (self.certificate is None) != (self.key is None) or (self.client_ca is not None and not self.uses_tls):
            raise UsageError("TLS needs a certificate and its key; give both, and a client CA only beside them")
        if self.uses_tls:
            _fresh_context(self)
        if not is_loopback(host) and (danger := self._danger()):
            _log.warning("listening on %s %s", host, danger)

    def _danger(self) -> str | None:
        """What may happen to a listener that others than this machine can reach; None: nothing."""
        if self.token is None and self.client_ca is None:
            open_to_all = "whoever reaches this address can write and read spans"
            return (
                f"{'with' if self.uses_tls else 'without'} TLS, without a token or client certificates: {open_to_all}"
            )
        if not self.uses_tls:
            return "with a token, without TLS: whoever can listen in on the network learns the token and the spans"
        return None

    def allows(self, authorization: str | None) -> bool:
        """Whether this `Authorization` header carries the token; always, when none is set."""
        if self.token is None:
            return True
        given, wanted = (sha256(text.encode()).digest() for text in (authorization or "", f"Bearer {self.token}"))
        return hmac.compare_digest(given, wanted)


def ssl_context(security: Security) -> ssl.SSLContext:
    """The server side of TLS for HTTP; each handshake uses the files as they are then."""
    context = _fresh_context(security)
    current = {"seen": _changed_at(security), "context": context}

    def choose(handshake: ssl.SSLObject | ssl.SSLSocket, _name: str | None, _context: ssl.SSLContext) -> None:
        seen = _changed_at(security)
        if seen != current["seen"]:
            try:
                current.update(seen=seen, context=_fresh_context(security))
            except UsageError as error:
                _log.warning("the renewed certificate is not used: %s", error)
        handshake.context = current["context"]  # type: ignore[assignment]

    context.sni_callback = choose
    return context


def grpc_credentials(security: Security) -> grpc.ServerCredentials:
    """The server side of TLS for gRPC; each handshake uses the files as they are then."""
    seen = _changed_at(security)

    def renewed() -> grpc.ServerCertificateConfiguration | None:
        nonlocal seen
        now = _changed_at(security)
        if now == seen:
            return None
        seen = now
        try:
            _fresh_context(security)
        except UsageError as error:
            _log.warning("the renewed certificate is not used: %s", error)
            return None
        return _grpc_configuration(security)

    credentials: grpc.ServerCredentials = grpc.dynamic_ssl_server_credentials(
        _grpc_configuration(security), cast(Any, renewed), require_client_authentication=security.client_ca is not None
    )
    return credentials


def _grpc_configuration(security: Security) -> grpc.ServerCertificateConfiguration:
    assert security.certificate is not None
    assert security.key is not None
    return grpc.ssl_server_certificate_configuration(
        [(security.key.read_bytes(), security.certificate.read_bytes())],
        security.client_ca.read_bytes() if security.client_ca is not None else None,
    )


def _fresh_context(security: Security) -> ssl.SSLContext:
    assert security.certificate is not None
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_COMPRESSION
        context.set_alpn_protocols(["http/1.1"])
        context.load_cert_chain(security.certificate, security.key)
        if security.client_ca is not None:
            context.load_verify_locations(security.client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
    except OSError as error:  # ssl.SSLError is one
        raise UsageError(
            f"the certificate {security.certificate} cannot be used: {error}; expected PEM files that belong together"
        ) from None
    return context


def _changed_at(security: Security) -> tuple[int, ...]:
    paths = (security.certificate, security.key, security.client_ca)
    return tuple(path.stat().st_mtime_ns for path in paths if path is not None and path.exists())
