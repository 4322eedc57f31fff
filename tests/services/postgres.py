"""PostgreSQL: a database cluster of its own in a temporary folder, run by a user without rights, as it insists."""

import os
import pwd
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.services.installed import postgres_programs
from tests.services.process import Launch, log_has, provided, run_once
from tracecheck.demo.broker import HOST, free_port

SYSTEM_USER = "postgres"
# Nothing here outlives the test, so nothing needs to reach the disk.
SETTINGS = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", f"listen_addresses={HOST}")


@contextmanager
def postgres(shared_folder: Path | None = None) -> Iterator[str]:
    """Run PostgreSQL for the length of a `with` block and give the address of its database, `postgresql://...`.

    Whoever connects is the superuser, without a password.
    """
    with provided(_prepare, shared_folder) as url:
        yield url


def _prepare(folder: Path) -> Launch:
    programs, port = postgres_programs(), free_port()
    data = folder / "data"
    data.mkdir()
    unprivileged = _become(SYSTEM_USER, data) if os.geteuid() == 0 else []
    initdb = [str(programs / "initdb"), "--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8"]
    run_once([*unprivileged, *initdb, "--locale=C", "-D", str(data)], data)
    settings = [*SETTINGS, f"port={port}", "unix_socket_directories="]
    options = [part for setting in settings for part in ("-c", setting)]
    return Launch(
        name="PostgreSQL",
        command=[*unprivileged, str(programs / "postgres"), "-D", str(data), *options],
        address=f"postgresql://postgres@{HOST}:{port}/postgres",
        ready=log_has("database system is ready to accept connections"),
        stop_signal=signal.SIGINT,  # fast shutdown: does not wait for clients to leave
    )


def _become(user: str, data: Path) -> list[str]:
    account = pwd.getpwnam(user)
    data.parent.chmod(0o711)
    os.chown(data, account.pw_uid, account.pw_gid)
    return ["setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]
