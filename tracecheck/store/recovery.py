"""A damaged write-ahead log is set aside under a new name, and what stands before the damage is kept.

DuckDB refuses a file whose log fails its checksum, and would refuse it again at every start. The file itself is whole
as of the last checkpoint, and the log's entries are sound up to the damage: nothing but what follows is lost, and that
is said. (A log that merely ends in the middle of an entry is no damage: DuckDB cuts it there by itself.)
"""

import logging
import re
import time
from pathlib import Path

LOG_FAILED = "failure while replaying wal"
DAMAGED_AT = re.compile(r"entry at byte position (?P<position>\d+)")

log = logging.getLogger(__name__)


def is_log_damage(error: Exception) -> bool:
    """Whether a database could not be opened because of its write-ahead log."""
    return LOG_FAILED in str(error).lower()


def set_damaged_log_aside(path: Path, error: Exception, *, keep_beginning: bool) -> None:
    """Renames the log of the database and, if asked, leaves in its place what stands before the damage.

    `error` is DuckDB's refusal; where it does not say how far the log is sound, the whole log is set aside.
    """
    damaged = path.with_name(path.name + ".wal")
    aside = path.with_name(f"{path.name}.wal.damaged-{time.time_ns()}")
    found = DAMAGED_AT.search(str(error))
    sound = int(found["position"]) if found and keep_beginning else 0
    size = damaged.stat().st_size
    damaged.rename(aside)
    aside.chmod(0o600)
    if sound:
        with aside.open("rb") as source:
            damaged.touch(mode=0o600)
            damaged.write_bytes(source.read(sound))
    log.error(
        "%s: its write-ahead log is damaged after %d of %d bytes; spans stored after that point are lost, unless their "
        "senders try again; the damaged log is kept as %s",
        path,
        sound,
        size,
        aside.name,
    )
