"""Who may read: token and TLS of the read API, from the client's side that every command uses."""

import http.client
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.authority import Authority
from tracecheck.api import api_app
from tracecheck.api.listener import HttpListener
from tracecheck.errors import EnvironmentFault, StoreUnavailable, UsageError
from tracecheck.notebook import open_notebook
from tracecheck.receiver import Security
from tracecheck.store import Store, open_store
from tracecheck.store.access import Access

TOKEN = "correct-horse"


@contextmanager
def serving(store: Store, **security: object) -> Iterator[str]:
    asked = Security(**security)
    app = api_app(store, lambda: None, security=asked)
    listener = HttpListener(app, "127.0.0.1", 0, purpose="the read API", security=asked)
    try:
        yield f"{asked.scheme}://127.0.0.1:{listener.port}"
    finally:
        listener.stop()


@pytest.fixture
def store() -> Iterator[Store]:
    with open_store(":memory:") as opened:
        yield opened


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture(autouse=True)
def no_access_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TOKEN", "TOKEN_FILE", "CA_FILE", "CLIENT_CERT", "CLIENT_KEY"):
        monkeypatch.delenv(f"TRACECHECK_{name}", raising=False)


@pytest.mark.parametrize("wrong", [None, "correct-hors", "correct-horsf", "correct-horse-battery", "Correct-horse"])
def test_S12_without_the_exact_token_nothing_is_read_and_the_refusal_says_what_to_set(
    store: Store, monkeypatch: pytest.MonkeyPatch, wrong: str | None
) -> None:
    if wrong is not None:
        monkeypatch.setenv("TRACECHECK_TOKEN", wrong)
    with serving(store, token=TOKEN) as url:
        with pytest.raises(EnvironmentFault, match="set TRACECHECK_TOKEN") as refused:
            open_store(url)
        monkeypatch.setenv("TRACECHECK_TOKEN", TOKEN)
        assert open_store(url).query("select 1 as one").to_pylist() == [{"one": 1}]
    assert TOKEN not in str(refused.value)
    assert wrong is None or wrong not in str(refused.value)


def test_S12_every_path_but_health_asks_for_the_token(store: Store) -> None:
    with serving(store, token=TOKEN) as url:
        for method, path, status in (
            ("GET", "/healthz", 200),
            ("GET", "/readyz", 200),
            ("GET", "/metrics", 401),
            ("GET", "/v1/generation", 401),
            ("POST", "/v1/query", 401),
            ("POST", "/v1/refresh", 401),
            ("GET", "/nowhere", 401),
        ):
            connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
            connection.request(method, path, headers={"Content-Type": "application/json"})
            answer = connection.getresponse()
            assert answer.status == status, path
            if status == 401:
                assert answer.headers["www-authenticate"] == "Bearer"
                assert json.load(answer)["error"]["kind"] == "unauthenticated"
            connection.close()


def test_the_token_may_lie_in_a_file(store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    monkeypatch.setenv("TRACECHECK_TOKEN_FILE", str(tmp_path / "token"))
    with serving(store, token=TOKEN) as url:
        assert open_store(url).generation() >= 0


@pytest.mark.parametrize("empty", ["", "  ", "two words", "žluť"])
def test_a_token_that_is_set_and_unusable_is_refused_and_not_taken_for_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, empty: str
) -> None:
    monkeypatch.setenv("TRACECHECK_TOKEN", empty)
    with pytest.raises(UsageError, match="TRACECHECK_TOKEN holds no token"):
        Access.of_environment()
    monkeypatch.delenv("TRACECHECK_TOKEN")
    (tmp_path / "token").write_text(empty)
    monkeypatch.setenv("TRACECHECK_TOKEN_FILE", str(tmp_path / "token"))
    with pytest.raises(UsageError, match="holds no token"):
        Access.of_environment()
    monkeypatch.setenv("TRACECHECK_TOKEN_FILE", str(tmp_path / "absent"))
    with pytest.raises(UsageError, match="cannot be read"):
        Access.of_environment()


def test_S13_the_server_must_prove_who_it_is(
    store: Store, authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    certificate, key = authority.issue("server")
    with serving(store, certificate=certificate, key=key) as url:
        with pytest.raises(StoreUnavailable, match=r"not trusted.*TRACECHECK_CA_FILE"):
            open_store(url)
        monkeypatch.setenv("TRACECHECK_CA_FILE", str(Authority(tmp_path, "other").root))
        with pytest.raises(StoreUnavailable, match="not trusted"):
            open_store(url)
        monkeypatch.setenv("TRACECHECK_CA_FILE", str(authority.root))
        assert open_store(url).query("select 1 as one").num_rows == 1
        with pytest.raises(StoreUnavailable):
            open_store(url.replace("https", "http"))


def test_S13_a_client_without_a_certificate_of_the_authority_is_refused(
    store: Store, authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    certificate, key = authority.issue("server")
    monkeypatch.setenv("TRACECHECK_CA_FILE", str(authority.root))
    with serving(store, certificate=certificate, key=key, client_ca=authority.root) as url:
        for client in (None, Authority(tmp_path, "other").issue("stranger")):
            if client:
                monkeypatch.setenv("TRACECHECK_CLIENT_CERT", str(client[0]))
                monkeypatch.setenv("TRACECHECK_CLIENT_KEY", str(client[1]))
            with pytest.raises(StoreUnavailable):
                open_store(url)
        friend = authority.issue("friend")
        monkeypatch.setenv("TRACECHECK_CLIENT_CERT", str(friend[0]))
        monkeypatch.setenv("TRACECHECK_CLIENT_KEY", str(friend[1]))
        assert open_store(url).query("select 1 as one").num_rows == 1


def test_a_notebook_reads_through_tls_and_token_as_commands_do(
    store: Store, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = authority.issue("server")
    with serving(store, certificate=certificate, key=key, token=TOKEN) as url:
        monkeypatch.setenv("TRACECHECK_CA_FILE", str(authority.root))
        monkeypatch.setenv("TRACECHECK_TOKEN", TOKEN)
        monkeypatch.setenv("TRACECHECK_STORE", url)
        with open_notebook() as look:
            assert len(look.spans()) == 0
        assert TOKEN not in repr(Access.of_environment())


@pytest.mark.parametrize("variable", ["TRACECHECK_CA_FILE", "TRACECHECK_CLIENT_CERT"])
def test_tls_files_that_are_none_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str) -> None:
    (tmp_path / "nonsense.pem").write_text("nonsense")
    monkeypatch.setenv(variable, str(tmp_path / "nonsense.pem"))
    with pytest.raises(UsageError, match=variable):
        open_store("https://127.0.0.1:1")


def test_a_token_that_leaves_the_machine_unencrypted_is_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("TRACECHECK_TOKEN", TOKEN)
    for url, warned in (("http://localhost:1", False), ("http://nowhere.invalid:1", True)):
        caplog.clear()
        with pytest.raises(StoreUnavailable):
            open_store(url)
        assert ("unencrypted" in caplog.text) == warned
        assert TOKEN not in caplog.text


@pytest.mark.parametrize("url", ["https://me:hunter2@127.0.0.1:1", "http://hunter2@host", "http://x:hunter2@[::1/"])
def test_a_secret_in_an_address_is_neither_taken_nor_shown(url: str) -> None:
    with pytest.raises(UsageError, match="TRACECHECK_TOKEN") as refused:
        open_store(url)
    assert "hunter2" not in str(refused.value)


def test_S3_a_request_that_never_ends_is_ended(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tracecheck.api.app.BODY_WITHIN_S", 0.2)
    with serving(store) as url:
        address = urlsplit(url)
        with socket.create_connection((address.hostname or "", address.port or 0), timeout=10) as client:
            head = b"POST /v1/query HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            client.sendall(head + b"Content-Length: 100\r\n\r\n{")
            answer = http.client.HTTPResponse(client)
            answer.begin()
            assert (answer.status, b"did not arrive within" in answer.read()) == (400, True)
