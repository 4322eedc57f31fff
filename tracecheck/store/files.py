"""A store's file: created for its owner's eyes only, opened with safe settings, its schema applied or recognised."""

import os
import shutil
import tempfile
import time
from importlib import resources
from pathlib import Path

import duckdb

from tracecheck.errors import StoreForeign, StoreUnavailable
from tracecheck.store.faults import opening_fault
from tracecheck.store.recovery import is_log_damage, set_damaged_log_aside

MEMORY = ":memory:"
PRODUCT = "tracecheck"
SCHEMA_VERSION = 5
SCHEMA_FILES = ("version.sql", "spans.sql", "probe.sql", "views.sql", "chains.sql", "facts.sql")
"""In the order in which they are executed; a view may use what stands before it."""

COMMENTS_FILE = "comments.sql"
"""What each column holds, for whoever meets the file elsewhere. Not in memory, where it would double the opening."""

CHECKPOINT_THRESHOLD = "256MB"
"""Of write-ahead log before it is folded into the file. Small batches go through the log, and each checkpoint rewrites
their row groups: 16 MB (the default) costs a quarter of the rate. 271 MB of log were replayed in 0.84 s."""

MEMORY_LIMIT_BYTES = 4 << 30
"""Of database buffers, or half of the machine's memory if that is less."""


def connect(location: str, *, read_only: bool) -> duckdb.DuckDBPyConnection:
    """Opens a database with tracecheck's settings. Raises `StoreLocked`, `StoreForeign` or `StoreUnavailable`.

    Queries can reach nothing but this database: no files, no network, no extensions, no variables of this process,
    and no way to switch that back on. A damaged write-ahead log is set aside, unless only reading (`recovery`).
    """
    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": f"{_memory_limit()}B",
        "checkpoint_threshold": CHECKPOINT_THRESHOLD,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "python_enable_replacements": False,
        "enable_external_access": False,
        "lock_configuration": True,
    }
    for keep_beginning in (True, False):
        try:
            return duckdb.connect(location, read_only=read_only, config=settings)
        except duckdb.Error as error:
            if read_only or not is_log_damage(error):
                raise opening_fault(location, error) from error
            set_damaged_log_aside(Path(location), error, keep_beginning=keep_beginning)
    try:
        return duckdb.connect(location, read_only=read_only, config=settings)
    except duckdb.Error as error:
        raise opening_fault(location, error) from error


def create(path: Path) -> None:
    """Makes a new, empty store file that only its owner may read.

    DuckDB creates files readable by all, so this happens in a private folder beside it; a file that another process
    creates at the same moment wins.
    """
    try:
        folder = Path(tempfile.mkdtemp(prefix=".tracecheck-", dir=path.parent))
    except OSError as error:
        raise _not_created(path, error) from error
    try:
        connection = connect(str(folder / path.name), read_only=False)
        try:
            apply_schema(connection)
            connection.execute(schema_text(COMMENTS_FILE))
        finally:
            connection.close()
        (folder / path.name).chmod(0o600)
        os.link(folder / path.name, path)
    except FileExistsError:
        pass
    except OSError as error:
        raise _not_created(path, error) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def apply_schema(connection: duckdb.DuckDBPyConnection) -> None:
    """Creates every table, macro and view in an empty database, and says in it which version they are."""
    connection.execute("begin transaction")
    for name in SCHEMA_FILES:
        connection.execute(schema_text(name))
    connection.execute(
        "insert into schema_version values ($product, $version, $now)",
        {"product": PRODUCT, "version": SCHEMA_VERSION, "now": time.time_ns()},
    )
    connection.execute("commit")
    connection.execute("checkpoint")


def schema_text(name: str) -> str:
    """Text of one schema file."""
    return resources.files("tracecheck.store").joinpath("schema", name).read_text("utf-8")


def require_schema(connection: duckdb.DuckDBPyConnection, location: str) -> None:
    """Raises `StoreForeign` unless the database is one of ours, in the version this release works with."""
    try:
        found = connection.execute("select product, version from schema_version").fetchall()
    except duckdb.CatalogException:
        found = []
    except duckdb.Error as error:
        raise opening_fault(location, error) from error
    products = {product for product, _ in found}
    if products != {PRODUCT}:
        raise StoreForeign(
            f"{location} is a DuckDB database, but no tracecheck store; name another file with --store, or move it away"
        )
    version = max(version for _, version in found)
    if version > SCHEMA_VERSION:
        raise StoreForeign(
            f"{location} has schema version {version}, written by a newer tracecheck; expected {SCHEMA_VERSION}; "
            "upgrade tracecheck, or name another file"
        )
    if version < SCHEMA_VERSION:
        raise StoreForeign(
            f"{location} has schema version {version}, written by an older tracecheck; expected {SCHEMA_VERSION}; "
            "export it with that release and import it into a new file"
        )


def _not_created(path: Path, error: OSError) -> StoreUnavailable:
    return StoreUnavailable(f"{path} cannot be created: {error.strerror}; expected a folder that may be written")


def _memory_limit() -> int:
    try:
        machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return MEMORY_LIMIT_BYTES
    return min(MEMORY_LIMIT_BYTES, machine // 2)
