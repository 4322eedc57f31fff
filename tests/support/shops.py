"""Runs the shop of `tests.support.shop` as a process, which is started again when it dies."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kafka import KafkaAdminClient
from kafka.admin import NewTopic

from tests.support.shop import TOPICS
from tracecheck.config import Endpoints
from tracecheck.demo.supervisor import Supervisor
from tracecheck.scenario.run import child_environment

ORDER = """\
chain: order
steps:
  placed:    {send: orders}
  reserved:  {process: orders, group: inventory, after: placed, within: 5s}
  charged:   {process: orders, group: billing, after: placed, within: 5s}
  shipped:   {send: shipments, after: {all: [reserved, charged]}, within: 5s}
  mailed:    {process: shipments, group: mailer, after: shipped, within: 5s}
  projected: {process: shipments, group: projector, after: shipped, within: 5s}
"""
"""What should become of an order: six steps."""

SEED = """\
seed: {kafka: orders, key: "o-{run}", value: {id: "o-{run}", total: 42}}
"""


@contextmanager
def running_shop(kafka: str, endpoints: Endpoints, folder: Path, **environment: str) -> Iterator[Supervisor]:
    """The shop on the broker at `kafka`, sending its spans to `endpoints`, its database at `folder / "shop.db"`."""
    create_topics(kafka)
    added = child_environment(endpoints, "shop", {}) | {"KAFKA": kafka, "SHOP_FOLDER": str(folder)} | environment
    # What happens to orders says which run it is of; the services live longer than any.
    del added["TRACECHECK_RUN_ID"], added["OTEL_RESOURCE_ATTRIBUTES"]
    with Supervisor({"tests.support.shop": added}, folder) as shop:
        shop.await_ready()
        yield shop


def create_topics(kafka: str) -> None:
    """The shop's topics, of one partition each."""
    admin = KafkaAdminClient(bootstrap_servers=kafka)
    try:
        missing = [topic for topic in TOPICS if topic not in admin.list_topics()]
        if missing:
            admin.create_topics([NewTopic(topic, 1, 1) for topic in missing])
    finally:
        admin.close()
