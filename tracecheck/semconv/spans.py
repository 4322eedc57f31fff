"""One span, to the same span with its canonical columns filled."""

import re
from dataclasses import replace

from tracecheck.model import Attributes, Link, MessageIdentity, Messaging, Operation, Span, SpanKind
from tracecheck.semconv import names
from tracecheck.semconv.values import INT32_MAX, first_id, first_natural, first_text, first_true, text

SENDING = (Operation.CREATE, Operation.SEND)

POSITION_ID = re.compile(r"(?P<topic>.+)\.(?P<partition>\d{1,10})\.(?P<offset>\d{1,18})", re.DOTALL)
"""`topic.partition.offset`: what aiokafka's and confluent's instrumentations write as a Kafka message id."""

POSITION_LIKE = re.compile(r"\d+-(\d+-)?\d{10,}")
"""`offset-timestamp` or `first-last-timestamp`: FastStream's. Like the above it is made up by one side only."""


def canonical(span: Span) -> Span:
    """Fills service, instance, host, correlation id, run id, messaging and the links' identities from raw attributes.

    Pure and total: any attribute of any type is accepted, and what cannot be understood stays None. A value that the
    caller has set stays where the attributes say nothing. Applying it twice changes nothing.
    """
    resource = span.resource.attributes
    service = resource.get(names.SERVICE[0])
    messaging = messaging_of(span) or span.messaging
    return replace(
        span,
        service=service if isinstance(service, str) and service else span.service or names.UNKNOWN_SERVICE,
        instance=first_id(resource, names.INSTANCE) or span.instance,
        host=first_id(resource, names.HOST) or span.host,
        correlation_id=first_id(span.attributes, names.CORRELATION_ID) or span.correlation_id,
        run_id=first_id(span.attributes, names.RUN_ID) or first_id(resource, names.RUN_ID) or span.run_id,
        messaging=messaging,
        links=tuple(_identified(link, messaging) for link in span.links),
    )


def messaging_of(span: Span) -> Messaging | None:
    """What the span says about a message; None where it has nothing to do with one.

    A span has to do with messages if its kind says so, or if it names a messaging system, operation or destination.
    """
    attributes = span.attributes
    by_kind = span.kind in (SpanKind.PRODUCER, SpanKind.CONSUMER)
    if not by_kind and not any(key.startswith(names.MESSAGING_PREFIXES) for key in attributes):
        return None
    system = _system(attributes, by_kind)
    stated = _stated_operation(attributes)
    place = first_text(attributes, names.DESTINATION)
    if not by_kind and system is None and stated is None and place is None:
        return None
    operation = _operation(span, stated, system is not None and place is not None)
    destination = _destination(span, system, operation)
    identity = _identity(attributes, system, destination)
    event_id = _event_id(attributes, system)
    return Messaging(
        system=system,
        operation=operation,
        destination=destination,
        consumer_group=first_text(attributes, names.CONSUMER_GROUP),
        identity=replace(identity, message_id=identity.message_id or event_id),
        key=first_text(attributes, names.KEY),
        event_id=event_id,
        batch_count=first_natural(attributes, names.BATCH_COUNT, INT32_MAX),
        record_time_unix_nano=first_natural(attributes, names.RECORD_TIME),
        attempt=first_natural(attributes, names.ATTEMPT, INT32_MAX),
        retry_of=first_id(attributes, names.RETRY_OF),
        tombstone=first_true(attributes, names.TOMBSTONE),
    )


def _system(attributes: Attributes, by_kind: bool) -> str | None:
    stated = first_text(attributes, names.SYSTEM)
    if stated is not None:
        return names.SYSTEM_WORDS.get(stated.lower(), stated.lower())
    for prefix, system in names.SYSTEM_BY_PREFIX.items():
        if any(key.startswith(prefix) for key in attributes):
            return system
    peer = first_text(attributes, names.PEER) if by_kind else None
    return names.SYSTEM_WORDS.get(peer.lower()) if peer else None


def _stated_operation(attributes: Attributes) -> Operation | None:
    for name in names.OPERATION:
        word = text(attributes[name]) if name in attributes else None
        if word is not None and word.lower() in names.OPERATION_WORDS:
            return names.OPERATION_WORDS[word.lower()]
    return None


def _operation(span: Span, stated: Operation | None, is_placed: bool) -> Operation | None:
    operation = stated or _split_name(span.name)[0]
    match span.kind:
        case SpanKind.PRODUCER:
            return operation if stated or operation in SENDING else Operation.SEND
        case SpanKind.CONSUMER if operation in SENDING:
            # FastStream names the span that opens a batch `create`; a consumer does not send.
            return Operation.RECEIVE
        case SpanKind.CONSUMER:
            return operation or Operation.PROCESS
        case SpanKind.SERVER if operation is None and is_placed:
            # What a service is handed from a named place of a messaging system, it consumes.
            return Operation.PROCESS
        case _:
            return operation


def _destination(span: Span, system: str | None, operation: Operation | None) -> str | None:
    stated = first_text(span.attributes, names.DESTINATION)
    if stated in names.NO_DESTINATION:
        stated = None
    if stated is not None and system == "rabbitmq" and operation in SENDING:
        stated = _without_routing_key(stated)
    peer = first_text(span.attributes, names.PEER)
    is_broker = system is not None or peer is None
    return (
        stated
        or first_text(span.attributes, names.ROUTING_KEY)
        or (_queue_of(span.attributes) if system == "aws_sqs" else None)
        or _agreed_by_links(span)
        or _split_name(span.name)[1]
        or (None if is_broker else peer)
    )


def _without_routing_key(destination: str) -> str:
    """Undoes aio-pika's `exchange,routing_key`, which its consumers never write: they name the one or the other."""
    exchange, comma, routing_key = destination.partition(",")
    return (exchange or routing_key or destination) if comma else destination


def _queue_of(attributes: Attributes) -> str | None:
    """The last part of a queue's address: `https://sqs.eu-west-1.amazonaws.com/123456789012/orders`."""
    address = first_text(attributes, names.QUEUE_ADDRESS)
    return (address.rstrip("/").rpartition("/")[2] or None) if address else None


def _agreed_by_links(span: Span) -> str | None:
    """A batch that says where each message came from on the links alone, if they all say the same."""
    destinations = {first_text(link.attributes, names.DESTINATION) for link in span.links}
    return destinations.pop() if len(destinations) == 1 else None


def _split_name(name: str) -> tuple[Operation | None, str | None]:
    """Operation and destination by a span's name: `orders send` (old order), `send orders` (new), `run/task` (Celery).

    The old order is tried first: libraries that leave the reader with nothing but the name are the old ones.
    """
    before, _, last = name.rpartition(" ")
    if last.lower() in names.OPERATION_WORDS:
        return names.OPERATION_WORDS[last.lower()], _named(before)
    first, _, after = name.partition(" ")
    if first.lower() in names.OPERATION_WORDS:
        return names.OPERATION_WORDS[first.lower()], _named(after)
    action, slash, task = name.partition("/")
    if slash and action in ("apply_async", "run"):
        return names.OPERATION_WORDS[action], _named(task)
    return None, None


def _named(destination: str) -> str | None:
    return None if destination in names.NO_DESTINATION else destination or None


def _identity(attributes: Attributes, system: str | None, destination: str | None) -> MessageIdentity:
    partition = first_id(attributes, names.PARTITION)
    offset = first_natural(attributes, names.OFFSET)
    message_id = first_id(attributes, names.MESSAGE_ID)
    position = POSITION_ID.fullmatch(message_id) if message_id and system in (None, "kafka") else None
    if position and (position["topic"] == destination or (destination is None and system == "kafka")):
        partition = partition or position["partition"]
        offset = int(position["offset"]) if offset is None else offset
    return MessageIdentity(partition=partition, offset=offset, message_id=message_id)


def _event_id(attributes: Attributes, system: str | None) -> str | None:
    stated = first_id(attributes, names.EVENT_ID)
    if stated is not None or system not in names.WITHOUT_OWN_MESSAGE_ID:
        return stated
    message_id = first_id(attributes, names.MESSAGE_ID)
    made_up = message_id and (POSITION_ID.fullmatch(message_id) or POSITION_LIKE.fullmatch(message_id))
    return None if made_up else message_id


def _identified(link: Link, messaging: Messaging | None) -> Link:
    destination = first_text(link.attributes, names.DESTINATION) or (messaging.destination if messaging else None)
    identity = _identity(link.attributes, messaging.system if messaging else None, destination)
    event_id = first_id(link.attributes, names.EVENT_ID)
    identity = replace(identity, message_id=identity.message_id or event_id)
    return link if identity == MessageIdentity() else replace(link, identity=identity)
