"""The contract for a store behind its read API, and what only a remote store can get wrong."""

import http.server
import socket
import threading
from collections.abc import Iterator

import pytest

from tests.api.serving import served
from tests.store.contract import Contract, Opened
from tests.support.spans import a_span
from tracecheck.errors import StoreUnavailable, UsageError
from tracecheck.store import open_store


class TestRemoteStore(Contract):
    @pytest.fixture
    def opened(self) -> Iterator[Opened]:
        owner = open_store(":memory:")
        with served(owner) as url:
            store = open_store(url)
            yield Opened(store, owner)
            store.close()
        owner.close()


def test_a_remote_store_does_not_write():
    owner = open_store(":memory:")
    with served(owner) as url:
        store = open_store(url)
        with pytest.raises(UsageError, match="OTLP"):
            store.append([a_span()])
        with pytest.raises(UsageError, match="owner"):
            store.write(lambda _: None)
    owner.close()


def test_a_refresh_is_done_by_the_owner():
    owner = open_store(":memory:")
    done = []
    with served(owner, refresh=lambda: done.append("owner")) as url:
        open_store(url).refresh(lambda _: done.append("client"))
    assert done == ["owner"]
    owner.close()


def test_nothing_that_listens_is_said_plainly():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(StoreUnavailable, match=rf"nothing listens at http://127\.0\.0\.1:{port}.*tracecheck serve"):
        open_store(f"http://127.0.0.1:{port}")


def test_something_else_that_listens_is_said_plainly():
    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>")

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with pytest.raises(StoreUnavailable, match="no tracecheck read API"):
        open_store(f"http://127.0.0.1:{server.server_port}")
    server.shutdown()
    server.server_close()


def test_a_server_whose_store_is_gone_says_so():
    owner = open_store(":memory:")
    with served(owner) as url:
        store = open_store(url)
        owner.close()
        with pytest.raises(StoreUnavailable, match="closed"):
            store.query("select 1")


def test_an_address_without_a_host_is_a_usage_error():
    with pytest.raises(UsageError, match="HOST:PORT"):
        open_store("http://")
