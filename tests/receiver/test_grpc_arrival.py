"""gRPC bodies on their way in are bounded in number and in time, for no budget counts them before they are there."""

import threading
from collections.abc import Iterator
from typing import Any, cast
from urllib.parse import urlsplit

import grpc
import pytest

from tests.receiver.conftest import TRACES, call, wait_until
from tracecheck.receiver import ReceiverOptions, RunningReceiver, grpc_arrival
from tracecheck.receiver.grpc_arrival import Arrivals
from tracecheck.receiver.intake import Overloaded
from tracecheck.receiver.options import MIB


class TestABodyThatNeverArrives:
    @pytest.fixture
    def options(self) -> ReceiverOptions:
        """One body may arrive at a time."""
        return ReceiverOptions(grace_s=2.0, inflight_bytes=8 * MIB, max_message_bytes=8 * MIB, body_timeout_s=0.2)

    def test_is_cut_off_and_keeps_nobody_out(self, receiver: RunningReceiver) -> None:
        over = threading.Event()

        def nothing() -> Iterator[bytes]:
            over.wait()
            yield from ()

        with grpc.insecure_channel(urlsplit(receiver.grpc_endpoint).netloc) as channel:
            stalled = channel.stream_unary(f"/{TRACES}/Export").future(nothing())
            try:
                assert stalled.exception(timeout=30).code() == grpc.StatusCode.CANCELLED
                wait_until(lambda: call(receiver, b"").ok)
            finally:
                over.set()


def test_so_many_bodies_arrive_at_once_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grpc_arrival, "ROOM_WAIT_S", 0.01)
    arrivals = Arrivals(2, 60.0)
    arriving, arrived = threading.Semaphore(0), threading.Event()

    def body() -> Iterator[bytes]:
        arriving.release()
        assert arrived.wait(30)
        yield b"body"

    taken: list[bytes] = []
    callers = [
        threading.Thread(target=lambda: taken.append(arrivals.receive(body(), cast(Any, object())))) for _ in range(2)
    ]
    try:
        for caller in callers:
            caller.start()
            assert arriving.acquire(timeout=30)
        with pytest.raises(Overloaded):
            arrivals.receive(iter([b"a third"]), cast(Any, object()))
        arrived.set()
        for caller in callers:
            caller.join(30)
        assert taken == [b"body", b"body"]
        assert arrivals.receive(iter([b"a third"]), cast(Any, object())) == b"a third"
    finally:
        arrived.set()
        arrivals.close()
