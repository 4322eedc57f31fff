"""State in databases, by any SQLAlchemy URL. PostgreSQL and SQLite are tested."""

from collections.abc import Mapping
from contextlib import suppress
from threading import Lock
from typing import Any

from tracecheck.errors import StateUnavailable, UsageError
from tracecheck.probe.json_path import MISSING

CONNECT_WITHIN_S = 5
SQL_EXTRA = "SQLAlchemy is not installed; run: pip install 'tracecheck[sql]'"


def sql_probe(
    url: str, query: str, params: Mapping[str, object] | None = None, *, name: str | None = None
) -> "SqlProbe":
    """A probe that runs `query` (with `:name` parameters, bound and never spliced) on the database at `url`.

    Its state is the value of a query for one column that gives one row, a mapping by column for one row of several,
    a list of these for more rows, and `MISSING` for none. Raises `UsageError` for a URL that SQLAlchemy does not take
    or whose driver is not installed; connects only when sampled.
    """
    return SqlProbe(url, query, dict(params or {}), name or query)


def open_engine(url: str, **options: Any) -> Any:
    """An SQLAlchemy engine that pools nothing and waits 5 s at most to connect. `options` are `create_engine`'s.

    Raises `UsageError` for a URL that SQLAlchemy does not take, or where it or the driver is not installed.
    """
    try:
        import sqlalchemy
    except ImportError as absent:
        raise UsageError(SQL_EXTRA) from absent
    try:
        address = sqlalchemy.make_url(_with_driver(url))
        return sqlalchemy.create_engine(
            address,
            poolclass=sqlalchemy.NullPool,
            connect_args=_connect_args(address.get_backend_name()),
            **options,
        )
    except ImportError as absent:
        msg = f"the driver for this database is not installed: {absent}"
        raise UsageError(msg) from absent
    except (sqlalchemy.exc.SQLAlchemyError, ValueError) as fault:
        msg = f"this is no database URL: {first_line(fault)}; expected one such as postgresql://user@host/db"
        raise UsageError(msg) from fault


class SqlProbe:
    """See `sql_probe`. Each sample is a transaction of its own, so that it sees what was committed meanwhile."""

    def __init__(self, url: str, query: str, params: Mapping[str, object], name: str) -> None:
        self._engine = open_engine(url, isolation_level="AUTOCOMMIT")
        import sqlalchemy

        self.name, self.query, self._params = name, query, params
        self._faults: tuple[type[Exception], ...] = (sqlalchemy.exc.SQLAlchemyError, OSError)
        self._statement = sqlalchemy.text(query)
        self._shown = self._engine.url.render_as_string(hide_password=True)
        self._connection: Any = None
        self._using = Lock()

    def sample(self) -> object:
        """See `StateProbe.sample`. A connection that was lost is opened anew by the next sample."""
        with self._using:
            try:
                if self._connection is None:
                    self._connection = self._engine.connect()
                rows = self._connection.execute(self._statement, self._params).mappings().all()
            except self._faults as fault:
                self._drop()
                msg = f"the database {self._shown} could not be asked: {first_line(fault)}"
                raise StateUnavailable(msg) from fault
        states = [next(iter(row.values())) if len(row) == 1 else dict(row) for row in rows]
        return MISSING if not states else states[0] if len(states) == 1 else states

    def close(self) -> None:
        """Disconnects."""
        with self._using:
            self._drop()
            self._engine.dispose()

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(*self._faults):
                connection.close()


def _with_driver(url: str) -> str:
    # SQLAlchemy takes psycopg 2 for a plain postgresql URL; psycopg 3 is its successor and ours.
    for plain in ("postgresql://", "postgres://"):
        if url.startswith(plain):
            return "postgresql+psycopg://" + url.removeprefix(plain)
    return url


def _connect_args(backend: str) -> dict[str, object]:
    if backend == "sqlite":
        return {"check_same_thread": False}  # one thread at a time samples, but not always the same one
    return {"connect_timeout": CONNECT_WITHIN_S} if backend in ("postgresql", "mysql", "mariadb") else {}


def first_line(fault: Exception) -> str:
    """What a driver said, without the statement and the link to documentation that SQLAlchemy adds."""
    return str(getattr(fault, "orig", None) or fault).strip().partition("\n")[0]
