"""`vacuum`, and the options by which `serve` keeps its store small."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from tracecheck.cli.options import output_option, store_option
from tracecheck.cli.output import emit
from tracecheck.cli.reading import asked
from tracecheck.config import store_location
from tracecheck.errors import UsageError

if TYPE_CHECKING:
    from tracecheck.store import Retention

F = TypeVar("F", bound=Callable[..., Any])

UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}
_SIZE = re.compile(r"(\d{1,15}(?:\.\d{1,3})?) ?([KMGT]?I?B)?", re.IGNORECASE)
_DAYS = re.compile(r"(\d{1,5})d")
NS_PER_DAY = 86_400_000_000_000


class Age(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.4 on only
    """`7d`, `12h`, `90m`: nanoseconds."""

    name = "age"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Nanoseconds, or a usage error that says what was expected."""
        if isinstance(value, int):
            return value
        from tracecheck.expect.durations import duration_ns

        if days := _DAYS.fullmatch(value):
            return int(days[1]) * NS_PER_DAY
        try:
            return duration_ns(value)
        except ValueError:
            self.fail(f"expected an age such as 7d, 12h or 90m, got {value!r}", param, ctx)


class Size(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.4 on only
    """`5GB`, `500MiB`, `1000000`: bytes."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Bytes, or a usage error that says what was expected."""
        if isinstance(value, int):
            return value
        parts = _SIZE.fullmatch(value)
        unit = UNITS.get((parts[2] or "B").upper()) if parts else None
        if parts is None or unit is None:
            self.fail(f"expected a size such as 5GB or 500MiB, got {value!r}", param, ctx)
        return int(float(parts[1]) * unit)


def retention_options(function: F) -> F:
    """`--keep` and `--keep-at-most`; `retention_of` takes them together."""
    for option in (
        click.option("--keep-at-most", type=Size(), help="Remove the oldest chains beyond so many bytes, such as 5GB."),
        click.option("--keep", type=Age(), help="Remove chains stored longer ago, such as 7d."),
    ):
        function = option(function)
    return function


def retention_of(keep: int | None, keep_at_most: int | None) -> "Retention":
    """What `retention_options` gave."""
    from tracecheck.store import Retention

    return Retention(keep_ns=keep, keep_bytes=keep_at_most)


@click.command()
@retention_options
@click.option("--compact", is_flag=True, help="Then rewrite the file, so that the disk gets the freed space back.")
@store_option
@output_option("text", "json")
def vacuum(keep: int | None, keep_at_most: int | None, compact: bool, store: str | None, output: str) -> None:
    """Remove old spans from a store, whole chains at a time.

    Age counts from when a span was stored. A running serve does it by itself: see its --keep and --keep-at-most.
    """
    from tracecheck.report import documents
    from tracecheck.store import compact as rewrite
    from tracecheck.store import vacuum as remove

    if keep is None and keep_at_most is None and not compact:
        raise UsageError("vacuum needs to know what to keep: give --keep, --keep-at-most or --compact")
    with asked(store) as held:
        done = remove(held, older_than_ns=keep, larger_than_bytes=keep_at_most)
    if compact:
        rewrite(store_location(store))
    if output == "json":
        emit(documents.dump(documents.vacuumed(done)))
    else:
        emit(f"{done.spans_removed} spans removed; {done.bytes_before} bytes before, {done.bytes_after} after")


COMMANDS: tuple[click.Command, ...] = (vacuum,)
