"""The store of a running `tracecheck serve`, reached through its read API (`api/app.py` has the requests)."""

import json
import logging
import time
from collections.abc import Mapping, Sequence
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from ssl import SSLCertVerificationError
from typing import Any
from urllib.parse import urlencode, urlsplit

import pyarrow as pa

from tracecheck.config import CA_FILE_VARIABLE, TOKEN_VARIABLE, is_loopback, shown_location
from tracecheck.errors import EnvironmentFault, QueryRefused, StoreUnavailable, TracecheckError, UsageError
from tracecheck.model import Span
from tracecheck.store.access import Access
from tracecheck.store.attributes import to_json
from tracecheck.store.limits import NO_LIMITS, Limits
from tracecheck.store.protocol import Appended, Work

_log = logging.getLogger(__name__)

ANSWER_WITHIN_S = 60.0
"""Longer than the API lets a query run or a client wait."""

LONGEST_WAIT_S = 25.0
"""Of one long poll; a longer wait is several."""

KINDS: dict[str, type[TracecheckError]] = {
    "query_refused": QueryRefused,
    "usage": UsageError,
    "store_unavailable": StoreUnavailable,
    "environment": EnvironmentFault,
    "unauthenticated": EnvironmentFault,
}


class RemoteStore:
    """A `Store` behind `http://host:port`. Reads only: spans reach it by OTLP. Safe to use from any thread."""

    def __init__(self, url: str, access: Access | None = None) -> None:
        """Asks once for the generation, so that a wrong address or token fails here. `access` is by default that of
        the environment. Raises `StoreUnavailable`, `EnvironmentFault` for a refused token, and `UsageError`."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port = None, None
        if not host or "@" in parts.netloc:
            raise UsageError(
                f"{shown_location(url)} is no address of a store; expected http://HOST:PORT or https://HOST:PORT "
                f"(a token goes into ${TOKEN_VARIABLE})"
            )
        access = access or Access.of_environment()
        if access.token is not None and parts.scheme == "http" and not is_loopback(host):
            _log.warning("the token goes to %s unencrypted: whoever can listen in learns it; use https", url)
        self.location = url
        self._headers = access.headers()
        self._tls = access.tls() if parts.scheme == "https" else None
        self._host, self._port, self._prefix = host, port, parts.path.rstrip("/")
        self._closed = False
        self.generation()

    def query(
        self,
        sql: str,
        parameters: Mapping[str, object] | Sequence[object] | None = None,
        *,
        limits: Limits = NO_LIMITS,
    ) -> pa.Table:
        """See `Reader.query`. The server has limits of its own as well."""
        try:
            written = json.loads(to_json(parameters))  # type: ignore[arg-type]
        except TypeError as error:
            raise QueryRefused(f"a parameter has a type that does not travel: {error}") from error
        body = {"sql": sql, "parameters": written, "limits": {"seconds": limits.seconds, "rows": limits.rows}}
        with self._request("POST", "/v1/query", body) as response:
            try:
                with pa.ipc.open_stream(response) as stream:
                    return stream.read_all()
            except (pa.ArrowException, HTTPException, OSError) as error:
                raise StoreUnavailable(f"{self.location} broke off in the middle of its answer; try again") from error

    def generation(self) -> int:
        """See `Reader.generation`."""
        return self._generation({})

    def wait(self, after: int, timeout_s: float) -> int:
        """See `Reader.wait`: the server answers as soon as there is news."""
        deadline = time.monotonic() + timeout_s
        while True:
            left = max(deadline - time.monotonic(), 0.0)
            generation = self._generation({"after": after, "timeout_s": min(left, LONGEST_WAIT_S)})
            if generation > after or time.monotonic() >= deadline:
                return generation

    def append(self, spans: Sequence[Span]) -> Appended:
        """Raises `UsageError`."""
        raise UsageError(f"{self.location} is written by its receiver alone; send it {len(spans)} spans by OTLP")

    def append_arrow(self, batch: pa.Table) -> Appended:
        """Raises `UsageError`."""
        raise UsageError(f"{self.location} is written by its receiver alone; send it {batch.num_rows} spans by OTLP")

    def write(self, work: Work) -> None:
        """Raises `UsageError`."""
        raise UsageError(f"{self.location} is written by its owner alone; run {work!r} where the file is")

    def refresh(self, pipeline: Work) -> None:  # noqa: ARG002 - its owner runs its own
        """See `Store.refresh`."""
        with self._request("POST", "/v1/refresh", {}) as response:
            response.read()

    def forget_selftest(self, run_id: str) -> int:
        """Has the owner take out the spans of a selftest (`forget.forget_selftest`); returns how many there were."""
        with self._request("POST", "/v1/selftest/forget", {"run_id": run_id}) as response:
            try:
                return int(json.load(response)["spans"])
            except (ValueError, KeyError, TypeError) as error:
                raise self._is_something_else() from error

    def close(self) -> None:
        """See `Reader.close`. Connections live for one request each, so there is nothing to release."""
        self._closed = True

    def _generation(self, asked: Mapping[str, object]) -> int:
        with self._request("GET", f"/v1/generation?{urlencode(asked)}") as response:
            try:
                return int(json.load(response)["generation"])
            except (ValueError, KeyError, TypeError) as error:
                raise self._is_something_else() from error

    def _request(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> HTTPResponse:
        if self._closed:
            raise StoreUnavailable(f"{self.location} is closed")
        connection = (
            HTTPConnection(self._host, self._port, timeout=ANSWER_WITHIN_S)
            if self._tls is None
            else HTTPSConnection(self._host, self._port, timeout=ANSWER_WITHIN_S, context=self._tls)
        )
        headers = {"Connection": "close", **self._headers}
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            connection.request(method, self._prefix + path, json.dumps(body) if body is not None else None, headers)
            response = connection.getresponse()
        except ConnectionRefusedError as error:
            raise StoreUnavailable(
                f"nothing listens at {self.location}; expected a running `tracecheck serve`; start it, or name its file"
            ) from error
        except SSLCertVerificationError as error:
            raise StoreUnavailable(
                f"{self.location} shows a certificate that is not trusted: {error.verify_message}; "
                f"name the authority that issued it in ${CA_FILE_VARIABLE}"
            ) from error
        except (OSError, HTTPException) as error:
            raise StoreUnavailable(
                f"{self.location} does not answer: {error}; check the address and its log"
            ) from error
        if response.status != 200:
            raise self._refusal(response)
        return response

    def _refusal(self, response: HTTPResponse) -> TracecheckError:
        with response:
            try:
                said = json.load(response)["error"]
                kind, message = KINDS.get(said["kind"], TracecheckError), str(said["message"])
            except (ValueError, KeyError, TypeError, OSError, HTTPException):
                return self._is_something_else()
        return kind(message if kind in (QueryRefused, UsageError) else f"{self.location}: {message}")

    def _is_something_else(self) -> StoreUnavailable:
        return StoreUnavailable(
            f"{self.location} answers, but is no tracecheck read API; check the port (the API has its own, not OTLP's)"
        )
