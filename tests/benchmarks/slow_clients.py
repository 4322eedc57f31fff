"""How long HTTP servers keep clients that never finish: the choice of a server for the receiver (row S3).

`python -m tests.benchmarks.slow_clients FOLDER` measures the receiver as it is, hypercorn as it comes, and uvicorn and
granian where their programs lie in FOLDER; it prints a table of seconds until the server ended the connection.
"""

import contextlib
import select
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

from tracecheck.config import Listen
from tracecheck.demo.broker import free_port
from tracecheck.receiver import start_receiver
from tracecheck.store import open_store

LONGEST_S = 75.0
HEAD = b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
APP = """
async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"{}"})
"""
CASES: dict[str, tuple[bytes, bytes]] = {
    "silent": (b"", b""),
    "half a header": (HEAD[:20], b""),
    "dripped headers": (b"POST /v1/traces HTTP/1.1\r\nX: ", b"x"),
    "stalled body": (HEAD + b"Content-Length: 100000\r\n\r\n{", b""),
    "dripped body": (HEAD + b"Content-Length: 100000\r\n\r\n{", b"{"),
}


def main(folder: Path) -> None:
    """Prints a row per server, a column per way of being slow."""
    say(f"| server | {' | '.join(CASES)} |\n|---|{'---:|' * len(CASES)}")
    for name, server in {"the receiver (its own limits over httptools)": receiver, **candidates(folder)}.items():
        with server() as port, ThreadPoolExecutor(len(CASES)) as clients:
            seconds = list(clients.map(lambda case, port=port: kept_s(port, *case), CASES.values()))
        say(f"| {name} | {' | '.join(f'{each:.0f} s' if each < LONGEST_S else 'open' for each in seconds)} |")


def say(text: str) -> None:
    """A line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def kept_s(port: int, begun: bytes, dripped: bytes) -> float:
    """Seconds until the server ends the connection; answers before that are read and do not count."""
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", port)) as client, contextlib.suppress(OSError):
        client.sendall(begun)
        while (passed := time.monotonic() - began) < LONGEST_S:
            readable, _, _ = select.select([client], [], [], 1.0)
            if readable and not client.recv(65536):
                return passed
            client.sendall(dripped)
        return LONGEST_S
    return time.monotonic() - began


@contextlib.contextmanager
def receiver() -> Iterator[int]:
    """The receiver with its default limits."""
    with open_store(":memory:") as store, start_receiver(store, Listen(grpc_port=0, http_port=0)) as running:
        yield urlsplit(running.http_endpoint).port or 0


def candidates(folder: Path) -> dict[str, Callable[[], contextlib.AbstractContextManager[int]]]:
    """Servers as they come, by name."""
    own = Path(sys.executable).parent
    commands = {
        "hypercorn": [own / "hypercorn", "--bind", "127.0.0.1:{port}", "slow_app:app"],
        "uvicorn": [folder / "uvicorn", "--port", "{port}", "slow_app:app"],
        "granian": [folder / "granian", "--interface", "asgi", "--port", "{port}", "slow_app:app"],
    }
    return {
        name: (lambda command=command: started([str(part) for part in command]))
        for name, command in commands.items()
        if command[0].exists()
    }


@contextlib.contextmanager
def started(command: list[str]) -> Iterator[int]:
    """A server of a small application in a process of its own."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "slow_app.py").write_text(APP)
        ready = [part.replace("{port}", str(port)) for part in command]
        process = subprocess.Popen(ready, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + 30
            while time.monotonic() < deadline:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
            yield port
        finally:
            process.terminate()
            process.wait(30)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("/nowhere"))
