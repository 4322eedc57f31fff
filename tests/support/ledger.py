"""The last service of the books: takes bookings off RabbitMQ and writes them into PostgreSQL, each once.

See `tests.support.bookkeeping` for where they come from, and for what goes wrong with some.
"""

import json
import os
import signal
import time
from pathlib import Path

import pika
import psycopg
from opentelemetry import trace
from tracecheck_instrumentation import effect, process

from tests.support.bookkeeping import BOOKINGS, PLAN_VARIABLE, fault_of, serve, stopping

SLOW_S = 4.0


def keep() -> None:
    connection = pika.BlockingConnection(pika.URLParameters(os.environ["RABBITMQ"]))
    channel = connection.channel()
    channel.basic_qos(prefetch_count=1)
    database = psycopg.connect(os.environ["POSTGRES"], autocommit=True)
    while not stopping.is_set():
        method, properties, content = channel.basic_get(BOOKINGS)
        if method is None:
            connection.process_data_events(0.05)
            continue
        fault = fault_of(content, "ledger")
        try:
            with process((method, properties, content), consumer=channel):
                write(database, json.loads(content)["id"], fault)
        except ValueError:
            channel.basic_nack(method.delivery_tag, requeue=False)
            continue
        if fault == "is killed" and first_time(content):
            trace.get_tracer_provider().force_flush()  # type: ignore[attr-defined]
            os.kill(os.getpid(), signal.SIGKILL)
        if fault == "takes twice" and first_time(content):
            channel.basic_nack(method.delivery_tag, requeue=True)
        else:
            channel.basic_ack(method.delivery_tag)
    connection.close()


def write(database: "psycopg.Connection[tuple[object, ...]]", order: str, fault: str) -> None:
    if fault == "fails":
        raise ValueError("the ledger cannot take this")
    if fault == "is slow":
        time.sleep(SLOW_S)
    if fault != "is blind":
        insert = "insert into ledger values (%s, 'BOOKED') on conflict do nothing"
        if database.execute(insert, (order,)).rowcount:
            effect(f"book:{order}")


def first_time(content: bytes) -> bool:
    try:
        Path(os.environ[PLAN_VARIABLE]).with_name(f"{json.loads(content)['id']}.done").touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


if __name__ == "__main__":
    serve("ledger", keep)
