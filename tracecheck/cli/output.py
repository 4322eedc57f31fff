"""Where words go: data to standard output, all else to standard error; colour and progress only to a terminal."""

import os
import sys
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

NEVER_COLOUR = "NO_COLOR"
ALWAYS_COLOUR = "FORCE_COLOR"


def emit(text: str) -> None:
    """Writes data to standard output. A reader that has gone away (`| head`) ends the output, not the command."""
    try:
        sys.stdout.write(text if text.endswith("\n") or not text else text + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def say(message: str) -> None:
    """Writes to standard error what is not data, each line made safe for a terminal."""
    from tracecheck.report.sanitise import terminal

    lines = [terminal(line, 2000) for line in message.splitlines() or [""]]
    sys.stderr.write("".join(f"{'tracecheck: ' if number == 0 else '  '}{line}\n" for number, line in enumerate(lines)))
    sys.stderr.flush()


def wants_colour(stream: TextIO) -> bool:
    """`NO_COLOR` forbids, `FORCE_COLOR` demands, else a terminal that is not dumb."""
    if os.environ.get(NEVER_COLOUR):
        return False
    if os.environ.get(ALWAYS_COLOUR):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


@contextmanager
def progress(label: str) -> Iterator[Callable[[str], None]]:
    """Yields a function that shows how far a long task is; on anything but a terminal it does nothing."""
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield lambda _: None
        return
    from rich.console import Console
    from rich.text import Text

    from tracecheck.report.sanitise import terminal

    with Console(stderr=True).status(Text(label)) as status:
        yield lambda text: status.update(Text(terminal(f"{label}: {text}")))


def table(headers: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[str] = ()) -> str:
    """Columns aligned with spaces, never wrapped or cut, so that it can be read by eye and by `awk` alike.

    Cells must be safe for a terminal already. `right` names the headers of right-aligned columns.
    """
    widths = [max(map(_width, column)) for column in zip(headers, *rows, strict=True)]
    lines = []
    for row in (headers, *rows):
        cells = [
            " " * (width - _width(cell)) + cell if name in right else cell + " " * (width - _width(cell))
            for name, cell, width in zip(headers, row, widths, strict=True)
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines) + "\n"


def _width(text: str) -> int:
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
