"""Brokers that ask for TLS and a password: who has them is let in, and who has not is told what was missing."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pika
import pytest

from tests.probe.broker_contract import read, values
from tests.services.secured import PASSWORD, USER, Doors
from tracecheck.config import KAFKA_CONFIG_VARIABLE
from tracecheck.errors import BrokerUnavailable, InvalidFile, TracecheckError, UsageError
from tracecheck.probe.brokers import Outgoing, apache_kafka, connect, kafka_config
from tracecheck.probe.brokers.kafka_config import client_settings, read_client_config
from tracecheck.probe.brokers.rabbitmq import parameters

Configure = Callable[..., Path]


@pytest.fixture
def configure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Configure:
    """Writes lines into a client properties file and names it in the environment."""

    def write(*lines: str) -> Path:
        file = tmp_path / "client.properties"
        file.write_text("\n".join(lines))
        monkeypatch.setenv(KAFKA_CONFIG_VARIABLE, str(file))
        return file

    return write


@pytest.fixture
def pem(tmp_path: Path) -> Path:
    file = tmp_path / "some.pem"
    file.write_text("-----BEGIN CERTIFICATE-----\n")
    return file


def secured(authority: str, password: str = PASSWORD) -> list[str]:
    return [
        "security.protocol=SASL_SSL",
        "sasl.mechanism=PLAIN",
        f"sasl.username={USER}",
        f"sasl.password={password}",
        f"ssl.ca.location={authority}",
    ]


@pytest.mark.service("kafka")
def test_kafka_behind_tls_and_a_password_is_written_to_watched_and_asked(
    kafka_doors: Doors, configure: Configure, unique_name: str
) -> None:
    connect("kafka", kafka_doors.plain).publish(Outgoing(destination=unique_name, value=b"by the open door"))
    configure(*secured(kafka_doors.authority))
    broker = connect("kafka", kafka_doors.secured)
    subscription = broker.subscribe([unique_name])
    broker.publish(Outgoing(destination=unique_name, value=b"by the secured door"))
    assert values(read(subscription, 1)) == [b"by the secured door"]
    assert broker.group_offsets(f"{unique_name}-group") == {}
    subscription.close()
    broker.close()


@pytest.mark.service("kafka")
def test_kafka_that_drops_us_is_an_error_that_says_how_it_was_spoken_to(
    kafka_doors: Doors, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_config, "BOOTSTRAP_WITHIN_MS", 300)
    monkeypatch.setattr(apache_kafka, "ACKNOWLEDGE_WITHIN_S", 0.3)
    monkeypatch.setattr(apache_kafka, "ANSWER_WITHIN_S", 0.3)
    stranger = connect("kafka", kafka_doors.secured)
    with pytest.raises(BrokerUnavailable, match=rf"without TLS and password.* set \${KAFKA_CONFIG_VARIABLE}"):
        stranger.publish(Outgoing(destination="orders", value=b"x"))
    file = configure(*secured(kafka_doors.authority, password="wrong"))
    with pytest.raises(BrokerUnavailable, match=rf"spoken to by SASL_SSL, as {file} says"):
        stranger.subscribe(["orders"])


@pytest.fixture
def queue(rabbitmq_doors: Doors, unique_name: str) -> Iterator[str]:
    with pika.BlockingConnection(pika.URLParameters(rabbitmq_doors.plain)) as connection:
        connection.channel().queue_declare(unique_name, auto_delete=True)
        yield unique_name


@pytest.mark.service("rabbitmq")
def test_rabbitmq_behind_tls_takes_messages_from_who_trusts_its_authority(rabbitmq_doors: Doors, queue: str) -> None:
    broker = connect("rabbitmq", f"{rabbitmq_doors.secured}?cacertfile={rabbitmq_doors.authority}")
    assert broker.publish(Outgoing(destination=queue, value=b"x")).offset is None
    broker.close()
    stranger = connect("rabbitmq", rabbitmq_doors.secured)
    with pytest.raises(BrokerUnavailable, match="certificate verify failed"):
        stranger.publish(Outgoing(destination=queue, value=b"x"))


def test_the_names_of_the_java_client_and_of_librdkafka_mean_the_same(configure: Configure, pem: Path) -> None:
    java = configure(
        "# as kafka-console-consumer takes it",
        "security.protocol=SASL_SSL",
        "sasl.mechanism = SCRAM-SHA-512",
        "sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required \\",
        '    username="probe" password="a\\"b";',
        "ssl.truststore.type=PEM",
        f"ssl.truststore.location={pem}",
        "ssl.endpoint.identification.algorithm=",
        "acks=all",
    )
    mine = read_client_config(java)
    assert mine == {
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "probe",
        "sasl_plain_password": 'a"b',
        "ssl_cafile": str(pem),
        "ssl_check_hostname": False,
    }
    theirs = configure(
        "security.protocol=sasl_ssl",
        "sasl.mechanisms=SCRAM-SHA-512",
        "sasl.username=probe",
        'sasl.password=a"b',
        f"ssl.ca.location={pem}",
        "ssl.endpoint.identification.algorithm=none",
    )
    assert read_client_config(theirs) == mine
    assert client_settings("a:1,b:2") == mine | {"bootstrap_servers": ["a:1", "b:2"], "bootstrap_timeout_ms": 5000}


def test_every_line_that_cannot_be_used_is_said_at_once_and_no_secret_with_it(configure: Configure) -> None:
    file = configure(
        "security.protocol=TLS",
        "sasl.mechanism=GSSAPI",
        "sasl.jaas.config=Module required username=probe password=hush-hush;",
        "ssl.truststore.type=JKS",
        "ssl.ca.location=/nowhere/ca.pem",
        "ssl.trustore.location=x",
    )
    with pytest.raises(InvalidFile) as invalid:
        client_settings("a:1")
    assert [problem.split(": ")[0] for problem in invalid.value.problems] == [f"{file}:{n}:1" for n in range(1, 7)]
    assert "hush" not in str(invalid.value)


@pytest.mark.parametrize("lines", [["security.protocol=SASL_PLAINTEXT"], ["security.protocol=SASL_SSL"]])
def test_a_protocol_with_a_password_needs_one(configure: Configure, lines: list[str]) -> None:
    configure(*lines)
    with pytest.raises(InvalidFile, match=r"sasl\.username"):
        client_settings("a:1")


def test_a_file_that_is_not_there_is_named_with_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KAFKA_CONFIG_VARIABLE, "/nowhere/client.properties")
    with pytest.raises(UsageError, match=rf"/nowhere/client.properties .*\${KAFKA_CONFIG_VARIABLE}"):
        client_settings("a:1")


@pytest.mark.parametrize(
    "address",
    [
        "rabbit://probe:hush-hush@h",
        "amqp://probe:hush#hush@h:1/",
        "amqp://probe:hush-hush@h/?cacertfile=/ca.pem",
        "amqps://probe:hush-hush@h/?cacertfile=/nowhere/ca.pem",
        "amqps://probe:hush-hush@h/?nonsense=1",
    ],
)
def test_a_rabbitmq_address_that_cannot_be_used_is_refused_without_its_password(address: str) -> None:
    with pytest.raises(TracecheckError) as refused:
        parameters(address)
    assert "expected" in str(refused.value)
    assert "hush" not in str(refused.value)
