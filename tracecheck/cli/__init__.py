"""The command line: one file per group of commands; each parses, calls the library, prints."""

import sys
from collections.abc import Sequence

__all__ = ["main"]

INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit status; see `entry.main`. An interrupt counts from the first moment,
    while the commands are still being loaded."""
    try:
        from tracecheck.cli import entry
    except KeyboardInterrupt:
        sys.stderr.write("tracecheck: interrupted\n")
        return INTERRUPTED
    return entry.main(arguments)
