"""Checkout: takes orders over HTTP and tells everyone by an `orders` event."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from opentelemetry import trace
from tracecheck_instrumentation import correlation

from tracecheck.demo import faults
from tracecheck.demo.services import Body, Send
from tracecheck.demo.services.worker import announce_ready, sender, start_tracing, stop_signal

SERVICE = "checkout"


def place(_: str, order: Body, send: Send) -> None:
    """Accept one order."""
    send("orders", {"id": order["id"], "total": order["total"]})


class OrderRequest(BaseHTTPRequestHandler):
    """`POST /orders` with `{"id", "total"}`. The order's id is the correlation id of all that follows."""

    tracer = trace.get_tracer("checkout")
    send: Send

    def do_POST(self) -> None:
        """Answer 202 once the order is on its way."""
        order = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        try:
            with (
                correlation(order["id"]),
                self.tracer.start_as_current_span("POST /orders", kind=trace.SpanKind.SERVER),
            ):
                go = faults.prepared(SERVICE, "POST /orders", order, self.send, place)
                go()
        except Exception as error:  # noqa: BLE001 - any failure is the client's 500
            self.log_error("order %s: %s", order["id"], error)
            self.send_error(500)
        else:
            self.send_response(202)
            self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keep quiet about what went well."""


def main() -> None:
    """Serve on a free port, which is announced, until told to stop."""
    stopping = stop_signal()
    producer = start_tracing(SERVICE)
    OrderRequest.send = staticmethod(sender(producer))
    with ThreadingHTTPServer(("127.0.0.1", 0), OrderRequest) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        announce_ready(server.server_port)
        stopping.wait()
        server.shutdown()
    producer.close()


if __name__ == "__main__":
    main()
