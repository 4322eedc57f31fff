"""Rows S12 and S13: who may send, over TLS, by client certificate and by token."""

import http.client
import logging
import os
import ssl
from pathlib import Path
from urllib.parse import urlsplit

import grpc
import pytest

from tests.receiver.conftest import ANY_PORT, JSON, PROTOBUF, TRACES, call, post
from tests.support.authority import Authority
from tests.support.fake_store import FakeStore
from tests.support.otlp import a_message, a_request
from tracecheck.errors import UsageError
from tracecheck.receiver import ReceiverOptions, RunningReceiver, Security, security, start_receiver

BODY = a_request(a_message()).SerializeToString()
TOKEN = "correct-horse"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def over_http(receiver: RunningReceiver, root: Path, client: tuple[Path, Path] | None = None) -> tuple[int, bytes]:
    """The status and the server's certificate. Raises OSError when the handshake is refused."""
    context = ssl.create_default_context(cafile=str(root))
    if client:
        context.load_cert_chain(*client)
    address = urlsplit(receiver.http_endpoint)
    connection = http.client.HTTPSConnection(address.hostname or "", address.port, timeout=10, context=context)
    try:
        connection.request("POST", "/v1/traces", BODY, {"Content-Type": PROTOBUF})
        certificate = connection.sock.getpeercert(binary_form=True)
        return connection.getresponse().status, certificate
    finally:
        connection.close()


def over_grpc(receiver: RunningReceiver, root: Path, client: tuple[Path, Path] | None = None) -> str:
    """The code of one call."""
    key, chain = (client[1].read_bytes(), client[0].read_bytes()) if client else (None, None)
    credentials = grpc.ssl_channel_credentials(root.read_bytes(), key, chain)
    with grpc.secure_channel(urlsplit(receiver.grpc_endpoint).netloc, credentials) as channel:
        try:
            channel.unary_unary(f"/{TRACES}/Export")(BODY, timeout=10)
        except grpc.RpcError as error:
            return error.code().name
        return "OK"


def listening(store: FakeStore, **security: object) -> RunningReceiver:
    return start_receiver(store, ANY_PORT, options=ReceiverOptions(security=Security(**security), grace_s=2.0))


def test_S12_a_request_without_the_token_is_refused_and_the_token_never_shown(
    store: FakeStore, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with listening(store, token=TOKEN) as receiver:
        for wrong in (None, "", TOKEN, f"bearer {TOKEN}", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", "Bearer é"):
            headers = {} if wrong is None else {"Authorization": wrong.encode("latin-1").decode("latin-1")}
            refused = post(receiver, b"{}", JSON, headers=headers)
            assert (refused.code, refused.headers["www-authenticate"]) == (401, "Bearer")
            assert TOKEN not in refused.status.message
        refused = call(receiver, BODY)
        assert (refused.code, refused.status.code) == ("UNAUTHENTICATED", grpc.StatusCode.UNAUTHENTICATED.value[0])
        assert store.spans == []
        assert post(receiver, BODY, headers={"Authorization": f"Bearer {TOKEN}"}).ok
        with grpc.insecure_channel(urlsplit(receiver.grpc_endpoint).netloc) as channel:
            export = channel.unary_unary(f"/{TRACES}/Export")
            export(BODY, metadata=[("authorization", f"Bearer {TOKEN}")], timeout=10)
    assert TOKEN not in repr(ReceiverOptions(security=Security(token=TOKEN)))
    assert TOKEN not in caplog.text


def test_S13_tls_is_spoken_on_both_ports_and_nothing_else(store: FakeStore, authority: Authority) -> None:
    certificate, key = authority.issue("server")
    with listening(store, certificate=certificate, key=key) as receiver:
        assert receiver.http_endpoint.startswith("https://")
        assert over_http(receiver, authority.root)[0] == 200
        assert over_grpc(receiver, authority.root) == "OK"
        with pytest.raises((OSError, http.client.HTTPException)):
            post(receiver, BODY)
        assert call(receiver, BODY).code == "UNAVAILABLE"


def test_S13_a_client_of_the_wrong_authority_or_of_none_is_refused(
    store: FakeStore, authority: Authority, tmp_path: Path
) -> None:
    certificate, key = authority.issue("server")
    stranger = Authority(tmp_path, "other").issue("stranger")
    friend = authority.issue("friend")
    with listening(store, certificate=certificate, key=key, client_ca=authority.root) as receiver:
        for client in (None, stranger):
            with pytest.raises((OSError, http.client.HTTPException)):
                over_http(receiver, authority.root, client)
            assert over_grpc(receiver, authority.root, client) == "UNAVAILABLE"
        assert over_http(receiver, authority.root, friend)[0] == 200
        assert over_grpc(receiver, authority.root, friend) == "OK"
    assert len(store.spans) == 1


def test_S13_renewed_certificates_are_used_without_a_restart(store: FakeStore, authority: Authority) -> None:
    certificate, key = authority.issue("server")
    with listening(store, certificate=certificate, key=key) as receiver:
        before = over_http(receiver, authority.root)[1]
        newer = Authority(authority.folder, "newer")
        newer.issue("server")
        for path in (certificate, key):
            os.utime(path, ns=(0, 0))
        status, after = over_http(receiver, newer.root)
        assert (status, over_grpc(receiver, newer.root)) == (200, "OK")
        assert after != before


@pytest.mark.parametrize("given", ["certificate", "key", "client_ca"])
def test_half_a_pair_is_refused_with_what_to_do(store: FakeStore, authority: Authority, given: str) -> None:
    with pytest.raises(UsageError, match="give both"):
        listening(store, **{given: authority.root})


def test_files_that_are_no_pair_are_refused_before_anything_listens(store: FakeStore, authority: Authority) -> None:
    certificate, _ = authority.issue("one")
    _, key = authority.issue("two")
    with pytest.raises(UsageError, match=r"one\.crt cannot be used"):
        listening(store, certificate=certificate, key=key)


def test_an_open_door_beyond_loopback_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    listening = logging.Handler()
    monkeypatch.setattr(listening, "emit", lambda record: told.append(record.getMessage()))
    log = logging.Logger("of its own, whatever other tests did to the process's")
    log.addHandler(listening)
    monkeypatch.setattr(security, "_log", log)

    Security().check("127.0.0.1")
    Security().check("localhost")
    assert told == []
    Security().check("0.0.0.0")
    assert "whoever reaches this address" in told.pop()
    Security(token=TOKEN).check("10.0.0.1")
    assert "learns the token" in told[0]
    assert TOKEN not in told[0]
