"""Which names spans speak, how a handled message hangs on its sender, and which test run this process belongs to.

All read from the environment when clients are instrumented, since a look at it takes as long as parsing a header.

`OTEL_SEMCONV_STABILITY_OPT_IN` is a list with commas; words about anything but messaging are not ours.

- Unset, or `messaging`: the current messaging conventions. The conventions ask a library to stay with the names it
  always had, unless told otherwise; this one never had others.
- `messaging/dup`: the old names beside them, those of version 1.11 that most upstream instrumentations still write
  (the Kafka offset by its name of 1.27: in 1.11 it had none). Span names and kinds are the current ones.

`TRACECHECK_LINK_ONLY=true` leaves the sender's span to a link, as the conventions do by default: the process span is a
child of whatever span is current, or begins a trace of its own. Baggage is current in the handler all the same.

`TRACECHECK_RUN_ID` is the run of whatever does not carry one already.
"""

import os
from collections.abc import Mapping

from opentelemetry.util.types import AttributeValue

from tracecheck_instrumentation import names
from tracecheck_instrumentation.headers import identifier

OLD_NAMES: Mapping[str, str] = {
    names.DESTINATION: "messaging.destination",
    names.OPERATION_TYPE: "messaging.operation",
    names.PARTITION: "messaging.kafka.partition",
    names.OFFSET: "messaging.kafka.message.offset",
    names.KEY: "messaging.kafka.message_key",
    names.TOMBSTONE: "messaging.kafka.tombstone",
    names.ROUTING_KEY: "messaging.rabbitmq.routing_key",
    names.GROUP: "messaging.kafka.consumer_group",
    names.CLIENT_ID: "messaging.kafka.client_id",
    names.MESSAGE_ID: "messaging.message_id",
    names.CONVERSATION_ID: "messaging.conversation_id",
    names.BODY_SIZE: "messaging.message_payload_size_bytes",
    names.SERVER_ADDRESS: "net.peer.name",
    names.SERVER_PORT: "net.peer.port",
}
"""Current name, to what the same thing was called."""


def read_environment() -> None:
    """Take all choices from the environment, for every span from now on."""
    global _old_beside, _link_only, _run_id
    words = os.environ.get("OTEL_SEMCONV_STABILITY_OPT_IN", "").split(",")
    _old_beside = "messaging/dup" in {word.strip() for word in words}
    _link_only = os.environ.get("TRACECHECK_LINK_ONLY", "").strip().lower() == "true"
    _run_id = identifier(os.environ.get("TRACECHECK_RUN_ID"))


def link_only() -> bool:
    """Return whether a sender's span is linked and never made the parent."""
    return _link_only


def run_id() -> str | None:
    """Return the test run of this process, or None."""
    return _run_id


def spelled(attributes: dict[str, AttributeValue]) -> dict[str, AttributeValue]:
    """Return `attributes`, with the old names beside the current ones where they were asked for."""
    if _old_beside:
        for current, old in OLD_NAMES.items():
            if current in attributes:
                attributes[old] = _as_it_was(current, attributes[current])
    return attributes


def _as_it_was(name: str, value: AttributeValue) -> AttributeValue:
    if name == names.OPERATION_TYPE and value == "send":
        return "publish"
    if name == names.PARTITION and isinstance(value, str) and value.isdigit():
        return int(value)
    return value


_old_beside = False
_link_only = False
_run_id: str | None = None
read_environment()
