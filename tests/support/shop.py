"""An order system in one process, light enough for a test: five consumer groups on one broker, a thread each.

    orders -> inventory -> reservations -+-> shipping -> shipments -+-> mailer
           -> billing   -> payments -----+                          +-> projector -> table orders_view

An event's value may say what goes wrong with it, which no span shows: `{"id": "o-1", "fault": "billing fails"}`.
Consumers are given their partition, so that none waits for a group to assemble. Run by `tests.support.shops`.
"""

import json
import os
import signal
import sqlite3
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kafka import KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition
from opentelemetry import trace
from tracecheck_instrumentation import SqlSeen, capture, configure, effect, join, once, process

Body = dict[str, Any]
GROUPS = {
    "inventory": ("orders",),
    "billing": ("orders",),
    "shipping": ("reservations", "payments"),
    "mailer": ("shipments",),
    "projector": ("shipments",),
}
TOPICS = ("orders", "reservations", "payments", "shipments", "orders.dlq")
SLOW_S = 1.5
ATTEMPTS = 2

stopping = threading.Event()


class Worker(threading.Thread):
    """One consumer group: takes its messages in order, and commits each once it is through."""

    def __init__(self, group: str, producer: KafkaProducer, folder: Path) -> None:
        super().__init__(daemon=True)
        self.group = group
        self.producer = producer
        self.folder = folder

    def run(self) -> None:
        try:
            self.consume()
        except BaseException:  # noqa: BLE001 - with one thread gone, the service would look alive and handle nothing
            traceback.print_exc()
            os._exit(1)

    def consume(self) -> None:
        self.database = sqlite3.connect(self.folder / "shop.db", isolation_level=None, timeout=30)
        consumer = KafkaConsumer(
            bootstrap_servers=os.environ["KAFKA"],
            group_id=self.group,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            fetch_max_wait_ms=50,
        )
        consumer.assign([TopicPartition(topic, 0) for topic in GROUPS[self.group]])
        while not stopping.is_set():
            for records in consumer.poll(timeout_ms=100).values():
                for record in records:
                    self.handle_all(consumer, record)
        consumer.close()

    def handle_all(self, consumer: KafkaConsumer, record: Any) -> None:
        body = json.loads(record.value)
        fault = str(body.get("fault", "")).removeprefix(f"{self.group} ")
        for _ in range(ATTEMPTS):
            try:
                with process(record, consumer=consumer):
                    self.handle_one(record, body, fault)
                break
            except ValueError:
                continue
        else:
            if fault == "fails into dlq":
                self.send("orders.dlq", body)
        place = TopicPartition(record.topic, record.partition)
        if fault in ("is killed", "takes twice") and self.first_time(f"{fault} {body['id']}"):
            if fault == "is killed":
                trace.get_tracer_provider().force_flush()  # type: ignore[attr-defined]
                os.kill(os.getpid(), signal.SIGKILL)
            consumer.seek(place, record.offset)
            return
        consumer.commit({place: OffsetAndMetadata(record.offset + 1, "", -1)})

    def handle_one(self, record: Any, body: Body, fault: str) -> None:
        if fault in ("fails", "fails into dlq") or (fault == "fails once" and self.first_time(f"{fault} {body['id']}")):
            raise ValueError(f"{self.group} cannot take this")
        if fault == "fails until mended" and not (self.folder / "mended").exists():
            raise ValueError(f"{self.group} cannot take this yet")
        if fault == "is slow":
            time.sleep(SLOW_S)
        HANDLERS[self.group](self, record, body, fault == "sends nothing")

    def first_time(self, what: str) -> bool:
        try:
            (self.folder / what.replace("/", "_")).touch(exist_ok=False)
        except FileExistsError:
            return False
        return True

    def send(self, topic: str, body: Body) -> None:
        self.producer.send(topic, key=body["id"].encode(), value=json.dumps(body).encode()).get(timeout=10)


def reserve(worker: Worker, record: Any, body: Body, silent: bool) -> None:
    if not silent:
        worker.send("reservations", body)


def charge(worker: Worker, record: Any, body: Body, silent: bool) -> None:
    """Careful: the ledger takes each event once. Careless, where the order says so: it charges whenever it is asked."""
    if body.get("careless"):
        worker.database.execute("insert into ledger values (?, ?)", (body["id"], body.get("total", 0)))
        effect(f"charge:{body['id']}")
    else:
        with once(record, SqlSeen(worker.database, consumer="billing"), effect_key=f"charge:{body['id']}") as first:
            if first:
                worker.database.execute("insert into ledger values (?, ?)", (body["id"], body.get("total", 0)))
    if not silent:
        worker.send("payments", body)


def ship(worker: Worker, record: Any, body: Body, silent: bool) -> None:
    halves = worker.database.execute("select topic, cause from halves where id = ?", (body["id"],)).fetchall()
    if record.topic not in dict(halves):
        worker.database.execute(
            "insert into halves values (?, ?, ?)", (body["id"], record.topic, json.dumps(capture()))
        )
    others = [cause for topic, cause in halves if topic != record.topic]
    if not others or silent or not worker.first_time(f"shipped {body['id']}"):
        return
    join(*map(json.loads, others))
    worker.send("shipments", body)


def mail(worker: Worker, record: Any, body: Body, silent: bool) -> None:
    if not silent:
        effect(f"mail:{body['id']}")


def project(worker: Worker, record: Any, body: Body, silent: bool) -> None:
    if delay_s := float(os.environ.get("PROJECTOR_DELAY_S", "0")):
        time.sleep(max(0.0, record.timestamp / 1000 + delay_s - time.time()))
    if not silent:
        row = (body["id"], "SHIPPED", time.time_ns())
        worker.database.execute("insert or ignore into orders_view values (?, ?, ?)", row)


Handler = Callable[[Worker, Any, Body, bool], None]
HANDLERS: dict[str, Handler] = {
    "inventory": reserve,
    "billing": charge,
    "shipping": ship,
    "mailer": mail,
    "projector": project,
}


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    folder = Path(os.environ["SHOP_FOLDER"])
    database = sqlite3.connect(folder / "shop.db", isolation_level=None)
    database.execute("pragma journal_mode=wal")
    database.execute("create table if not exists ledger (id, total)")
    database.execute("create table if not exists halves (id, topic, cause)")
    database.execute("create table if not exists orders_view (id text primary key, status, written_unix_nano)")
    SqlSeen(database).create_table()
    configure("shop")
    producer = KafkaProducer(bootstrap_servers=os.environ["KAFKA"], acks="all")
    workers = [Worker(group, producer, folder) for group in GROUPS]
    for worker in workers:
        worker.start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    threading.Thread(target=lambda: (sys.stdin.read(), stopping.set()), daemon=True).start()
    stopping.wait()
    for worker in workers:
        worker.join(5)
    producer.close()


if __name__ == "__main__":
    main()
