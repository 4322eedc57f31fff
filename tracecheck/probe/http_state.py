"""State in read models behind HTTP, by JSON path."""

import json
from collections.abc import Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from threading import Lock
from urllib.parse import urlsplit

from tracecheck.errors import StateUnavailable, UsageError
from tracecheck.probe.json_path import MISSING, find

ANSWER_WITHIN_S = 10.0
LONGEST_ANSWER = 16 * 1024 * 1024
NOT_THERE = (404, 410)


def http_probe(
    url: str, path: str | None = None, headers: Mapping[str, str] | None = None, *, name: str | None = None
) -> "HttpProbe":
    """A probe that gets `url` and takes the value at the JSON path `path` (None: the whole document).

    404 and 410, an empty answer and a path that finds nothing are the state `MISSING`; an answer that is no JSON is its
    text. Any other status from 400 on, and a redirect, cannot be asked. Raises `UsageError` for what is no http URL.
    """
    return HttpProbe(url, path, dict(headers or {}), name or url)


class HttpProbe:
    """See `http_probe`. Keeps its connection open between samples."""

    def __init__(self, url: str, path: str | None, headers: Mapping[str, str], name: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            msg = f"{url!r} is no URL of a read model; expected http://host:port/path"
            raise UsageError(msg)
        if path is not None:
            find({}, path)
        self.name = name
        self.query = f"GET {url}" + (f" {path}" if path else "")
        self._url, self._path = url, path
        self._headers = {"Accept": "application/json", "Cache-Control": "no-cache", **headers}
        self._target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connect = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self._connection = connect(parts.hostname, parts.port, timeout=ANSWER_WITHIN_S)
        self._using = Lock()

    def sample(self) -> object:
        """See `StateProbe.sample`."""
        with self._using:
            fresh = self._connection.sock is None
            try:
                status, body = self._get()
            except (HTTPException, OSError) as fault:
                self._connection.close()
                if fresh:
                    raise self._unavailable(str(fault) or type(fault).__name__) from fault
                status, body = self._again()
        if status in NOT_THERE:
            return MISSING
        if status >= 300:
            raise self._unavailable(f"it answered with status {status}")
        return self._value(body)

    def close(self) -> None:
        """Disconnects."""
        with self._using, suppress(OSError):
            self._connection.close()

    def _get(self) -> tuple[int, bytes]:
        self._connection.request("GET", self._target, headers=self._headers)
        answer = self._connection.getresponse()
        body = answer.read(LONGEST_ANSWER + 1)
        if len(body) > LONGEST_ANSWER:
            self._connection.close()
            raise self._unavailable(f"its answer is longer than {LONGEST_ANSWER} bytes")
        return answer.status, body

    def _again(self) -> tuple[int, bytes]:
        # The server may have closed a connection that was idle; only a new one that fails says something.
        try:
            return self._get()
        except (HTTPException, OSError) as fault:
            self._connection.close()
            raise self._unavailable(str(fault) or type(fault).__name__) from fault

    def _value(self, body: bytes) -> object:
        if not body.strip():
            return MISSING
        try:
            document: object = json.loads(body)
        except (ValueError, RecursionError):
            if self._path is not None:
                raise self._unavailable("its answer is no JSON") from None
            return body.decode(errors="replace")
        return document if self._path is None else find(document, self._path)

    def _unavailable(self, why: str) -> StateUnavailable:
        return StateUnavailable(f"the read model {self._url} could not be asked: {why}")
