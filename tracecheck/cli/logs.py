"""What a command that keeps running writes to standard error: sentences for people, or JSON lines for machines.

Secrets that are named are masked in every line, whoever wrote them.
"""

import json
import logging
from collections.abc import Sequence
from datetime import UTC, datetime

import click

LOG_FORMAT_VARIABLE = "TRACECHECK_LOG_FORMAT"
MASK = "***"
QUIET = ("tracecheck.http", "asyncio")
"""These tell how they work, too; only their warnings are of use."""

log_format_option = click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    envvar=LOG_FORMAT_VARIABLE,
    help=f"Log for people, or a JSON object per line.  [${LOG_FORMAT_VARIABLE}]",
)


def log_to_stderr(log_format: str, secrets: Sequence[str | None] = ()) -> None:
    """From now on, logs of this process go to standard error in this format, with `secrets` masked."""
    handler = logging.StreamHandler()
    masked = [secret for secret in secrets if secret]
    handler.setFormatter(JsonLines(masked) if log_format == "json" else Sentences(masked))
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


class Sentences(logging.Formatter):
    """`12:00:03 WARNING what happened`, safe for a terminal; a fault's traceback below it."""

    def __init__(self, secrets: Sequence[str] = ()) -> None:
        super().__init__()
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        """One record as text."""
        from tracecheck.report.sanitise import terminal

        time = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S")
        lines = [terminal(line, 2000) for line in record.getMessage().splitlines() or [""]]
        if record.exc_info:
            lines += [terminal(line, 2000) for line in self.formatException(record.exc_info).splitlines()]
        level = "" if record.levelno == logging.INFO else f"{record.levelname} "
        return _masked(f"{time} {level}" + "\n  ".join(lines), self._secrets)


class JsonLines(logging.Formatter):
    """One JSON object per line: `time` (RFC 3339, UTC), `time_unix_nano`, `level`, `logger`, `message`, and
    `exception` for a fault."""

    def __init__(self, secrets: Sequence[str] = ()) -> None:
        super().__init__()
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        """One record as one line."""
        said: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "time_unix_nano": int(record.created * 1_000_000) * 1_000,
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _masked(record.getMessage(), self._secrets),
        }
        if record.exc_info:
            said["exception"] = _masked(self.formatException(record.exc_info), self._secrets)
        return json.dumps(said, ensure_ascii=False)


def _masked(text: str, secrets: Sequence[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, MASK)
    return text
