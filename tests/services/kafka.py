"""Apache Kafka: one node, broker and controller at once (KRaft), on loopback ports, its data in its own folder.

Beside its open door it has one that asks for TLS and a password.
"""

import uuid
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.services.installed import kafka_jars
from tests.services.process import Launch, log_has, provided, run_once
from tests.services.secured import PASSWORD, USER, Doors, server_files
from tracecheck.demo.broker import HOST, free_port

# A small heap and the first compiler only: a broker for tests lives for minutes.
JVM_OPTIONS = ("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData")
LOG_OPTIONS = (
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info",
)
SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    # The default of 3 s waits for group members that a test does not have.
    "group.initial.rebalance.delay.ms": "200",
    "group.min.session.timeout.ms": "1000",
}


@contextmanager
def kafka_broker(shared_folder: Path | None = None) -> Iterator[str]:
    """Run Apache Kafka for the length of a `with` block and give its bootstrap address. `provided` tells of sharing."""
    with kafka_doors(shared_folder) as doors:
        yield doors.plain


@contextmanager
def kafka_doors(shared_folder: Path | None = None) -> Iterator[Doors]:
    """The same with the address of its secured door, which takes `secured.USER` by SASL PLAIN over TLS."""
    with provided(_prepare, shared_folder) as address:
        yield Doors.of(address)


def _prepare(folder: Path) -> Launch:
    bootstrap, controller, secured = (f"{HOST}:{free_port()}" for _ in range(3))
    files = server_files(folder)
    chain = folder / "server.pem"
    chain.write_bytes(files.key.read_bytes() + files.certificate.read_bytes())
    settings = SETTINGS | {
        "listeners": f"PLAINTEXT://{bootstrap},SASL_SSL://{secured},CONTROLLER://{controller}",
        "advertised.listeners": f"PLAINTEXT://{bootstrap},SASL_SSL://{secured}",
        "controller.quorum.voters": f"1@{controller}",
        "log.dirs": str(folder / "data"),
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(chain),
        "sasl.enabled.mechanisms": "PLAIN",
        "listener.name.sasl_ssl.plain.sasl.jaas.config": (
            f'org.apache.kafka.common.security.plain.PlainLoginModule required user_{USER}="{PASSWORD}";'
        ),
    }
    properties = folder / "server.properties"
    properties.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    java = ["java", *JVM_OPTIONS, *LOG_OPTIONS, "-cp", kafka_jars()]
    run_once([*java, "kafka.tools.StorageTool", "format", "-t", _cluster_id(), "-c", str(properties)], folder)
    return Launch(
        name="Apache Kafka",
        command=[*java, "kafka.Kafka", str(properties)],
        address=Doors(plain=bootstrap, secured=secured, authority=str(files.authority)).written(),
        ready=log_has("Kafka Server started"),
        grace_s=3.0,
    )


def _cluster_id() -> str:
    return urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode().replace("-", "a")
