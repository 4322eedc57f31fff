"""Refuses requests whose Host header names nobody we are: a page in a browser that rebinds its own name to this machine
(DNS rebinding) would otherwise read the store."""

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from tracecheck.config import is_loopback


class KnownHostsOnly:
    """ASGI middleware: loopback names and addresses pass, and `allowed_hosts`; `*` lets all pass."""

    def __init__(self, app: ASGIApp, allowed_hosts: tuple[str, ...]) -> None:
        self._app = app
        self._allowed = {host.lower() for host in allowed_hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on, or answers 421."""
        if scope["type"] != "http" or self._is_known(scope):
            await self._app(scope, receive, send)
            return
        message = "this Host is not served here; address the server as localhost, or allow the name when starting it"
        await JSONResponse({"error": {"kind": "usage", "message": message}}, 421)(scope, receive, send)

    def _is_known(self, scope: Scope) -> bool:
        hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        if "*" in self._allowed:
            return True
        if len(hosts) != 1:
            return False
        name = host_name(hosts[0])
        return name in self._allowed or is_loopback(name)


def host_name(host: str) -> str:
    """The name or address of a Host header, without port and brackets, in lower case."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.rpartition(":")[0].lower() if host.count(":") == 1 else host.lower()
