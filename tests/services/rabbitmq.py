"""RabbitMQ: one node with ports, folders and an Erlang name service of its own, apart from any the system runs."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.services.installed import rabbitmq_server
from tests.services.process import Launch, log_has, provided
from tests.services.secured import Doors, server_files
from tracecheck.demo.broker import HOST, free_port

# Erlang's name service would else stay behind as a daemon; in the foreground it ends with the node's process group.
START = 'epmd -address 127.0.0.1 & exec "$0"'


@contextmanager
def rabbitmq_doors(shared_folder: Path | None = None) -> Iterator[Doors]:
    """Run RabbitMQ for the length of a `with` block; give its address, `amqp://guest:guest@127.0.0.1:port/`, and the
    secured one, with `amqps`. `provided` tells of sharing."""
    with provided(_prepare, shared_folder) as address:
        yield Doors.of(address)


def _prepare(folder: Path) -> Launch:
    port, secured, names_port, distribution_port = (free_port() for _ in range(4))
    files = server_files(folder)
    config = folder / "rabbitmq.conf"
    config.write_text(
        f"listeners.tcp.1 = {HOST}:{port}\nlog.console = true\nlog.console.level = info\nlog.file = false\n"
        f"listeners.ssl.1 = {HOST}:{secured}\nssl_options.cacertfile = {files.authority}\n"
        f"ssl_options.certfile = {files.certificate}\nssl_options.keyfile = {files.key}\n"
    )
    (folder / "enabled_plugins").write_text("[].\n")
    environment = {
        "HOME": str(folder),  # the Erlang cookie is written there
        "ERL_EPMD_PORT": str(names_port),
        "RABBITMQ_CONFIG_FILE": str(config),
        "RABBITMQ_CONF_ENV_FILE": os.devnull,
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
        "RABBITMQ_NODENAME": f"tracecheck-{port}@localhost",
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_NODE_IP_ADDRESS": HOST,
        "RABBITMQ_DIST_PORT": str(distribution_port),
        "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_PID_FILE": str(folder / "pid"),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
    }
    return Launch(
        name="RabbitMQ",
        command=["sh", "-c", START, str(rabbitmq_server())],
        address=Doors(
            plain=f"amqp://guest:guest@{HOST}:{port}/",
            secured=f"amqps://guest:guest@{HOST}:{secured}/",
            authority=str(files.authority),
        ).written(),
        environment=environment,
        ready=log_has("Server startup complete"),
        grace_s=1.0,
    )
