"""A receiver that runs: both listeners over one intake, started together and stopped together."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from types import TracebackType

from tracecheck.config import Listen
from tracecheck.receiver.grpc_server import GrpcServer
from tracecheck.receiver.http_server import HttpServer
from tracecheck.receiver.intake import Intake, OnAppended
from tracecheck.receiver.metrics import Counters
from tracecheck.receiver.options import ReceiverOptions
from tracecheck.receiver.ports import url_host
from tracecheck.store.protocol import Store

_DECODERS = 2
"""Threads that inflate and decode HTTP bodies. Requests are decoded into one batch, so more would only take turns."""


def start_receiver(
    store: Store,
    listen: Listen,
    on_appended: OnAppended | None = None,
    options: ReceiverOptions | None = None,
) -> "RunningReceiver":
    """Listens for OTLP on gRPC and HTTP, and appends what comes to `store`.

    `on_appended` is called with the rows of each committed group, from the writer's thread. Raises `PortInUse` when a
    port is taken (the other listener is stopped then), and `UsageError` when the TLS files cannot be used. The store
    stays the caller's to close.
    """
    return RunningReceiver(store, listen, on_appended, options or ReceiverOptions())


class RunningReceiver:
    """A listening receiver; a context manager. Endpoints are what `OTEL_EXPORTER_OTLP_ENDPOINT` takes."""

    def __init__(
        self,
        store: Store,
        listen: Listen,
        on_appended: OnAppended | None,
        options: ReceiverOptions,
    ) -> None:
        security = options.security
        security.check(listen.host)
        with ExitStack() as undo:
            self._intake = Intake(
                store,
                inflight_bytes=options.inflight_bytes,
                hot_bytes=options.hot_bytes,
                limits=options.span_limits,
                on_appended=on_appended,
            )
            undo.callback(self._intake.close)
            executor = ThreadPoolExecutor(_DECODERS, thread_name_prefix="tracecheck-decode")
            undo.callback(executor.shutdown)
            grpc_server = GrpcServer(self._intake, listen.host, listen.grpc_port, options)
            undo.callback(grpc_server.stop)
            http = HttpServer(self._intake, listen.host, listen.http_port, options, executor)
            undo.callback(http.stop)
            self._close = undo.pop_all()
        host = url_host(listen.host)
        self.grpc_endpoint = f"{security.scheme}://{host}:{grpc_server.port}"
        self.http_endpoint = f"{security.scheme}://{host}:{http.port}"

    @property
    def counters(self) -> Counters:
        """What went through so far."""
        return self._intake.counters

    def close(self) -> None:
        """Answers what is in flight, then stops. Nothing is stored after it returns. Idempotent."""
        self._close.close()

    def __enter__(self) -> "RunningReceiver":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
