"""Runs one service until nobody uses it any more: `guard.py LOCK SIGNAL GRACE_S PROGRAM [ARGUMENT...]`.

Users hold LOCK shared. The system takes it from a user that ends, however it ends; once it can be had alone, the
service gets SIGNAL, its whole process group is killed after GRACE_S at the latest, and the folder it ran in is removed.
The file `address` beside LOCK goes first, so that a newcomer, who waits for LOCK meanwhile, starts the service anew.
Needs no site packages, to start fast.
"""

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path


def main(lock: Path, stop_signal: int, grace_s: float, command: list[str]) -> int:
    """Run `command`; return its exit status, or 0 when it was ended because nobody used it."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    unused = threading.Event()
    threading.Thread(target=_end_when_unused, args=(child, lock, stop_signal, grace_s, unused), daemon=True).start()
    status = child.wait()
    _signal_group(child.pid, signal.SIGKILL)
    if not unused.is_set():
        return status
    shutil.rmtree(Path.cwd(), ignore_errors=True)
    return 0


def _end_when_unused(
    child: subprocess.Popen[bytes], lock: Path, stop_signal: int, grace_s: float, unused: threading.Event
) -> None:
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT)  # stays open, and so locked, until this process ends
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    unused.set()
    lock.with_name("address").unlink(missing_ok=True)
    _signal_group(child.pid, stop_signal)
    try:
        child.wait(grace_s)
    except subprocess.TimeoutExpired:
        _signal_group(child.pid, signal.SIGKILL)


def _signal_group(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


if __name__ == "__main__":
    # Ctrl-C is for the users of the service: when they end, so does it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), sys.argv[4:]))
