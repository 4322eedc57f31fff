"""The read API as a Starlette application.

| request | answer |
|---|---|
| `POST /v1/query` `{"sql", "parameters"?, "limits"? {"seconds"?, "rows"?}}` | the rows as an Arrow IPC stream |
| `GET /v1/generation?after=N&timeout_s=S` | `{"generation"}`, as soon as it is greater than N, at the latest after S |
| `POST /v1/refresh` | `{"generation"}`, once the chain tables are up to date |
| `POST /v1/selftest/forget` `{"run_id"}` | `{"spans"}` of a selftest's run that were taken out |
| `GET /healthz` | 200 while the process answers |
| `GET /readyz` | 200 while the store answers |
| `GET /metrics` | what the receiver did, for Prometheus |
| `GET /`, `GET /chains/ID` | pages for a browser (`pages`) |

Whatever fails is answered with `{"error": {"kind", "message"}}`. Parameters are JSON as `store.attributes.to_json`
writes it, so bytes and large integers keep their type.
"""

import json
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from io import BytesIO
from typing import Any

import anyio
import anyio.to_thread
import pyarrow as pa
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from tracecheck.api.hosts import KnownHostsOnly
from tracecheck.api.metrics import exposition
from tracecheck.api.pages import page_routes
from tracecheck.api.tokens import TokenOnly
from tracecheck.errors import EnvironmentFault, QueryRefused, StoreUnavailable, TracecheckError, UsageError
from tracecheck.receiver import Counters, Security
from tracecheck.store import Limits, Store, forget_selftest
from tracecheck.store.attributes import from_json

ARROW_STREAM = "application/vnd.apache.arrow.stream"
MOST = Limits(seconds=30.0, rows=1_000_000)
"""What one query through the API may take; a request may ask for less, never for more."""

LONGEST_WAIT_S = 30.0
WAIT_SLICE_S = 1.0
"""How soon a wait notices that its client has gone. News itself is pushed."""

MOST_WAITS = 64
MOST_QUERIES = 4
LARGEST_BODY = 1 << 20
BODY_WITHIN_S = 25.0
ROWS_PER_BATCH = 65_536
OPEN_PATHS = ("/healthz", "/readyz")
"""Asked by orchestrators, which carry no token; they tell nothing but that the process is well."""

log = logging.getLogger(__name__)
Endpoint = Callable[[Request], Awaitable[Response]]


def api_app(
    store: Store,
    refresh: Callable[[], None],
    *,
    allowed_hosts: Sequence[str] = (),
    security: Security | None = None,
    counters: Callable[[], Counters] = Counters,
) -> Starlette:
    """The application; any ASGI server may serve it.

    `refresh` brings the chain tables up to date. `allowed_hosts` are names beside loopback under which the server may
    be addressed (`*` for any): a browser page that rebinds its own name to this machine is refused. There is no CORS.
    The token of `security` is asked for everywhere but at `OPEN_PATHS`; its TLS is the listener's.
    `counters` are those of the receiver that writes the store.
    """
    api = _Api(store, refresh, counters)
    routes = [
        Route("/v1/query", _answered(api.query), methods=["POST"]),
        Route("/v1/generation", _answered(api.generation), methods=["GET"]),
        Route("/v1/refresh", _answered(api.refresh), methods=["POST"]),
        Route("/v1/selftest/forget", _answered(api.forget), methods=["POST"]),
        Route("/healthz", api.healthz, methods=["GET"]),
        Route("/readyz", _answered(api.readyz), methods=["GET"]),
        Route("/metrics", _answered(api.metrics), methods=["GET"]),
        *page_routes(store, api.refreshed, _answered),
    ]
    guards = [
        Middleware(KnownHostsOnly, allowed_hosts=tuple(allowed_hosts)),
        Middleware(TokenOnly, security=security or Security(), open_paths=OPEN_PATHS),
    ]
    return Starlette(routes=routes, middleware=guards)


class _Api:
    """The endpoints. Store calls block, so they run in threads: queries and waits in pools that cannot starve each
    other."""

    def __init__(self, store: Store, refresh: Callable[[], None], counters: Callable[[], Counters]) -> None:
        self._store = store
        self._refresh = refresh
        self._counters = counters
        self._queries = anyio.CapacityLimiter(MOST_QUERIES)
        self._readiness = anyio.CapacityLimiter(1)
        self._waits = anyio.CapacityLimiter(MOST_WAITS)
        self._refreshing = anyio.Lock()

    async def query(self, request: Request) -> Response:
        asked = await _json_object(request)
        sql = asked.get("sql")
        if not isinstance(sql, str):
            raise UsageError('the request has no "sql"; expected {"sql": "select ...", "parameters": ...}')
        parameters = from_json(json.dumps(asked.get("parameters")))
        if not isinstance(parameters, list | dict | None):
            raise UsageError("parameters are neither a list (for ?) nor an object (for $name)")
        run = partial(self._store.query, sql, parameters, limits=_limits(asked.get("limits")))
        table = await anyio.to_thread.run_sync(run, limiter=self._queries)
        return StreamingResponse(_ipc_stream(table), media_type=ARROW_STREAM)

    async def generation(self, request: Request) -> Response:
        after = _number(request, "after", float("-inf"))
        deadline = anyio.current_time() + min(_number(request, "timeout_s", 0.0), LONGEST_WAIT_S)
        generation = self._store.generation()
        while generation <= after and not await request.is_disconnected():
            left = deadline - anyio.current_time()
            if left <= 0:
                break
            waiting = partial(self._store.wait, int(after), min(left, WAIT_SLICE_S))
            generation = await anyio.to_thread.run_sync(waiting, limiter=self._waits)
        return JSONResponse({"generation": generation})

    async def refresh(self, request: Request) -> Response:
        await _json_object(request)
        await self.refreshed()
        return JSONResponse({"generation": self._store.generation()})

    async def refreshed(self) -> None:
        async with self._refreshing:
            await anyio.to_thread.run_sync(self._refresh)

    async def forget(self, request: Request) -> Response:
        run_id = (await _json_object(request)).get("run_id")
        if not isinstance(run_id, str):
            raise UsageError('the request has no "run_id"')
        async with self._refreshing:
            removed = await anyio.to_thread.run_sync(partial(forget_selftest, self._store, run_id))
        return JSONResponse({"spans": removed})

    async def healthz(self, _: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def readyz(self, _: Request) -> Response:
        # Not with the queries: analysts who keep all of those busy must not have the service taken for dead.
        await anyio.to_thread.run_sync(partial(self._store.query, "select 1"), limiter=self._readiness)
        return JSONResponse({"status": "ready"})

    async def metrics(self, request: Request) -> Response:
        text, content_type = exposition(self._counters(), request.headers.get("accept", ""))
        return Response(text, headers={"Content-Type": content_type})


def _answered(endpoint: Endpoint) -> Endpoint:
    """Every failure as JSON with its kind, none as a page or a traceback."""

    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except TracecheckError as error:
            status, kind = _status(error)
            return _error(status, kind, str(error))
        except Exception:
            log.exception("%s %s failed", request.method, request.url.path)
            return _error(500, "bug", "tracecheck failed to answer; its log says why")

    return answer


def _status(error: TracecheckError) -> tuple[int, str]:
    match error:
        case QueryRefused():
            return 400, "query_refused"
        case UsageError():
            return 400, "usage"
        case StoreUnavailable():
            return 503, "store_unavailable"
        case EnvironmentFault():
            return 503, "environment"
        case _:
            return 500, "bug"


def _error(status: int, kind: str, message: str) -> Response:
    return JSONResponse({"error": {"kind": kind, "message": message}}, status)


async def _json_object(request: Request) -> dict[str, Any]:
    """The body. JSON alone is taken, so that a page elsewhere cannot post here without asking first."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise UsageError("the request's Content-Type is not application/json")
    body = bytearray()
    try:
        with anyio.fail_after(BODY_WITHIN_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > LARGEST_BODY:
                    raise UsageError(f"the request is larger than {LARGEST_BODY} bytes")
    except TimeoutError:
        raise UsageError(f"the request did not arrive within {BODY_WITHIN_S:g} s") from None
    try:
        found = json.loads(bytes(body) or b"{}")
    except (ValueError, RecursionError) as error:
        raise UsageError(f"the request is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise UsageError("the request is no JSON object")
    return found


def _limits(asked: object) -> Limits:
    asked = asked if isinstance(asked, dict) else {}
    seconds, rows = asked.get("seconds"), asked.get("rows")
    most_seconds, most_rows = MOST.seconds or 0.0, MOST.rows or 0
    return Limits(
        seconds=min(seconds, most_seconds) if isinstance(seconds, int | float) else most_seconds,
        rows=min(rows, most_rows) if isinstance(rows, int) else most_rows,
    )


def _number(request: Request, name: str, default: float) -> float:
    given = request.query_params.get(name)
    if given is None:
        return default
    try:
        number = float(given)
    except ValueError:
        number = float("nan")
    if number != number:
        raise UsageError(f"{name} is {given!r}; expected a number")
    return number


def _ipc_stream(table: pa.Table) -> Iterator[bytes]:
    """The table as an Arrow IPC stream, in pieces of a batch each."""
    buffer = BytesIO()
    with pa.ipc.new_stream(buffer, table.schema) as writer:
        for batch in table.to_batches(max_chunksize=ROWS_PER_BATCH):
            writer.write_batch(batch)
            yield _taken(buffer)
    yield _taken(buffer)


def _taken(buffer: BytesIO) -> bytes:
    taken = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return taken
