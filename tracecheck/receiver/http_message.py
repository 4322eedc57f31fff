"""What the OTLP/HTTP server reads at the head of a request, and what it answers."""

import gzip
import time
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus

from tracecheck.receiver.answers import Fault

PROTOBUF = "application/x-protobuf"
JSON = "application/json"

_WORTH_COMPRESSING_BYTES = 200
"""Most answers are empty or one sentence; only longer ones are compressed for clients that ask."""

_HEADERS_OF = {401: {"WWW-Authenticate": "Bearer"}, 405: {"Allow": "POST"}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a request is answered with."""

    status: int
    body: bytes
    content_type: str
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Request line and headers: names in lower case, of a repeated one the first value."""

    method: str
    path: str
    headers: dict[bytes, bytes]
    keep_alive: bool = False

    def header(self, name: bytes, default: str = "") -> str:
        """A header's value."""
        value = self.headers.get(name)
        return default if value is None else value.decode("latin-1").strip()


def fault_answer(fault: Fault, *, as_json: bool) -> Answer:
    """A fault as `google.rpc.Status` in either encoding."""
    headers = _HEADERS_OF.get(fault.http_status, {})
    if fault.retry_after_s is not None:
        headers = headers | {"Retry-After": str(fault.retry_after_s)}
    body, content_type = fault.body(as_json=as_json), JSON if as_json else PROTOBUF
    return Answer(status=fault.http_status, body=body, content_type=content_type, headers=headers)


def rendered(answer: Answer, head: Head, *, closing: bool) -> bytes:
    """The bytes of an answer to a request of this head. `closing`: the connection ends with it."""
    body, headers = answer.body, dict(answer.headers)
    if len(body) > _WORTH_COMPRESSING_BYTES and "gzip" in head.header(b"accept-encoding"):
        body = gzip.compress(body, 6)
        headers |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    if closing:
        headers["Connection"] = "close"
    lines = [
        f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}",
        f"Date: {_date(int(time.time()))}",
        f"Content-Type: {answer.content_type}",
        f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + (b"" if head.method == "HEAD" else body)


@lru_cache(maxsize=1)
def _date(second: int) -> str:
    return formatdate(second, usegmt=True)
