"""Asks every request for the bearer token, when there is one, before anything else of it is read."""

from collections.abc import Collection

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from tracecheck.config import TOKEN_VARIABLE
from tracecheck.receiver.security import Security

_MESSAGE = f"a bearer token is asked for, and none or a wrong one was given; set {TOKEN_VARIABLE} to it"


class TokenOnly:
    """ASGI middleware: passes requests that carry the token; `open_paths` pass without (probes carry none)."""

    def __init__(self, app: ASGIApp, security: Security, open_paths: Collection[str]) -> None:
        self._app = app
        self._security = security
        self._open_paths = open_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on, or answers 401."""
        if scope["type"] != "http" or scope["path"] in self._open_paths or self._is_allowed(scope):
            await self._app(scope, receive, send)
            return
        error = {"error": {"kind": "unauthenticated", "message": _MESSAGE}}
        await JSONResponse(error, 401, {"WWW-Authenticate": "Bearer"})(scope, receive, send)

    def _is_allowed(self, scope: Scope) -> bool:
        given = [value.decode("latin-1") for name, value in scope["headers"] if name == b"authorization"]
        return self._security.allows(given[0] if len(given) == 1 else None)
