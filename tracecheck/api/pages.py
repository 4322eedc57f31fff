"""Pages over a store, for a browser: what broke and where messages pass (`/`), and one chain over time (`/chains/ID`).

They are the pages that `tracecheck report` writes to files, with links between them.
"""

import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from tracecheck.chains import broken_hops, find, load, stages, summaries
from tracecheck.check import check_store, diagnose
from tracecheck.errors import UsageError
from tracecheck.expect import Expectation
from tracecheck.report import redacted
from tracecheck.report.pages import Overview, chain_page, overview_page
from tracecheck.store import Store

LATEST = 200
"""Chains listed on the first page."""

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


Endpoint = Callable[[Request], Awaitable[Response]]


def page_routes(
    store: Store, refreshed: Callable[[], Awaitable[None]], answered: Callable[[Endpoint], Endpoint]
) -> list[Route]:
    """The routes. `refreshed` brings the chain tables up to date; `answered` words what an endpoint raises."""

    async def first(_: Request) -> Response:
        await refreshed()
        return _page(await anyio.to_thread.run_sync(partial(overview_html, store)))

    async def chain(request: Request) -> Response:
        await refreshed()
        try:
            html = await anyio.to_thread.run_sync(partial(_named, store, request.path_params["needle"]))
        except UsageError as unknown:
            return Response(str(unknown), 404, HEADERS, "text/plain; charset=utf-8")
        return _page(html)

    return [
        Route("/", answered(first), methods=["GET"]),
        Route("/chains/{needle}", answered(chain), methods=["GET"]),
    ]


def overview_html(store: Store, *, run_id: str | None = None, links: bool = True) -> str:
    """The first page, of all that is stored or of one run."""
    latest = summaries(store, run_id=run_id, limit=LATEST)
    return overview_page(
        Overview(
            chains=tuple(reversed(redacted(tuple(latest)))),
            broken=broken_hops(store, [one.chain_id for one in latest]),
            findings=redacted(tuple(diagnose(store, run_id=run_id))),
            stages=stages(store, run_id=run_id),
            as_of_unix_nano=time.time_ns(),
        ),
        links=links,
    )


def chain_html(store: Store, chain_id: str, expectations: Sequence[Expectation] = (), *, links: bool = False) -> str:
    """The page of one chain. Raises `UsageError` if it is not stored.

    With expectations it tells what they find in it, else what its spans prove by themselves.
    """
    if expectations:
        report = check_store(store, expectations, needle=chain_id)
        findings = tuple(each for result in report.results for each in result.findings)
    else:
        findings = tuple(diagnose(store, chain_id))
    return chain_page(redacted(load(store, chain_id)), redacted(findings), links=links)


def _named(store: Store, needle: str) -> str:
    """The page of the chain that `needle` names: any id of it, or a prefix. Raises `UsageError` unless it is one."""
    found = find(store, needle)
    if len(found) != 1:
        raise UsageError(f"{needle!r} names {len(found)} chains; expected an id of one, or a prefix that only one has")
    return chain_html(store, found[0], links=True)


def _page(html: str) -> Response:
    return HTMLResponse(html, headers=HEADERS)
