"""Options and types that several commands share."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from tracecheck.config import DEFAULT_STORE, STORE_VARIABLE

F = TypeVar("F", bound=Callable[..., Any])


class Duration(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.4 on only
    """`30s`, `200ms`, `1.5m`: nanoseconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Nanoseconds, or a usage error that says what was expected."""
        if isinstance(value, int):
            return value
        from tracecheck.expect.durations import duration_ns

        try:
            return duration_ns(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Since(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.4 on only
    """An instant: ISO 8601 (UTC unless it says otherwise), unix nanoseconds, or how long ago (`10m`)."""

    name = "instant"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Unix nanoseconds, or a usage error that says what was expected."""
        import time

        from tracecheck.expect.durations import duration_ns

        text = str(value)
        if text.isdecimal() and len(text) > 9:
            return int(text)
        try:
            return time.time_ns() - duration_ns(text)
        except ValueError:
            pass
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            self.fail(
                f"expected an instant such as 2026-01-01T12:00:00, or how long ago such as 10m, got {text!r}",
                param,
                ctx,
            )
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return int(moment.timestamp() * 1_000_000) * 1_000


class ReportFile(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.4 on only
    """`FORMAT=FILE`: the format's name and where its report goes."""

    name = "format=file"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, Path]:
        """(format, path), or a usage error: a long run must not end with a report that cannot be written."""
        if isinstance(value, tuple):
            return value
        from tracecheck.report.reporter import reporter_names

        name, separator, path = str(value).partition("=")
        if not separator or not path:
            self.fail(f"expected FORMAT=FILE such as junit=report.xml, got {value!r}", param, ctx)
        if name not in reporter_names():
            self.fail(f"there is no report format {name!r}; use one of {', '.join(reporter_names())}", param, ctx)
        if not Path(path).absolute().parent.is_dir():
            self.fail(f"the folder of {path} does not exist; create it first", param, ctx)
        return name, Path(path)


DURATION = Duration()
SINCE = Since()

store_option = click.option(
    "--store",
    metavar="PATH|URL",
    help=f"Store to work on: a file, or http://HOST:PORT of a running serve. [${STORE_VARIABLE}, else {DEFAULT_STORE}]",
)
verbose_option = click.option("-v", "--verbose", is_flag=True, help="Tell everything, also what passed.")
redact_option = click.option("--no-redact", is_flag=True, help="Show what looks like a secret, too.")


def output_option(*formats: str) -> Callable[[F], F]:
    """`--output` with these formats, the first being the default."""
    return click.option(
        "-o", "--output", type=click.Choice(formats), default=formats[0], show_default=True, help="Format on stdout."
    )


def verdict_options(function: F) -> F:
    """What `check`, `run` and `wait` share: how the verdict is shown and where reports go."""
    for option in (
        redact_option,
        verbose_option,
        click.option(
            "--report",
            "reports",
            type=ReportFile(),
            multiple=True,
            help="Also write a report to a file: junit, html, json, markdown, mermaid, github, text. Repeatable.",
        ),
        click.option(
            "-o",
            "--output",
            type=click.Choice(["text", "json", "github", "markdown"]),
            help="Format on stdout.  [default: text; github under GitHub Actions]",
        ),
        store_option,
    ):
        function = option(function)
    return function
