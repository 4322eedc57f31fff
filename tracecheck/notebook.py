"""A store as data frames, for notebooks: `with open_notebook("tracecheck.duckdb") as look: look.hops()`.

Columns keep their names and units (`*_unix_nano`, `*_ns`); instants also come as a timestamp column that plots well.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from tracecheck.chains import refresh
from tracecheck.check import check_store, diagnose
from tracecheck.config import store_location
from tracecheck.expect import load_expectations
from tracecheck.model import Finding
from tracecheck.receiver import replay
from tracecheck.report import sentence
from tracecheck.store import Store, open_store

if TYPE_CHECKING:
    import pandas as pd

FINDING_COLUMNS = (
    "code", "verdict", "chain_id", "correlation_id", "step", "service", "destination", "consumer_group",
    "measured_ns", "limit_ns", "count",
)  # fmt: skip


@contextmanager
def open_notebook(store: Path | str | None = None) -> Iterator["Notebook"]:
    """Open a database file or the address of a running `tracecheck serve`; by default `$TRACECHECK_STORE`.

    The chains are brought up to date first. Raises `StoreLocked` while another process owns the file.
    """
    with closing(open_store(store_location(str(store) if store else None), create=False)) as opened:
        replay(opened)  # what a receiver acknowledged and could not store before it was killed
        refresh(opened)
        yield Notebook(opened)


class Notebook:
    """Frames over one open store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def sql(self, query: str) -> "pd.DataFrame":
        """Return the rows of one SELECT over the documented tables."""
        frame: pd.DataFrame = self._store.query(query).to_pandas()
        return frame

    def spans(self) -> "pd.DataFrame":
        """Return all spans, by start, with `start` as a timestamp."""
        return self.sql("select *, make_timestamp_ns(start_unix_nano) as start from spans order by start_unix_nano")

    def chains(self) -> "pd.DataFrame":
        """Return all chains, by start, with `start` as a timestamp."""
        return self.sql("select *, make_timestamp_ns(start_unix_nano) as start from chains order by start_unix_nano")

    def hops(self) -> "pd.DataFrame":
        """Return all hops with their chain's correlation id; `start` is that of the producer (else consumer) span."""
        return self.sql(
            "select h.*, c.correlation_id, "
            "make_timestamp_ns(coalesce(h.producer_start_unix_nano, h.consumer_start_unix_nano)) as start "
            "from hops h join chains c using (chain_id) order by start"
        )

    def findings(self, *expectations: Path | str) -> "pd.DataFrame":
        """Return what is wrong, a row per finding: against expectation files, or what the spans alone prove.

        `text` says it in a sentence. Raises `InvalidFile` with every problem of a file.
        """
        import pandas as pd

        if expectations:
            report = check_store(self._store, [each for path in expectations for each in load_expectations(Path(path))])
            found: Sequence[Finding] = [finding for result in report.results for finding in result.findings]
        else:
            found = diagnose(self._store)
        rows = [{**{name: asdict(one)[name] for name in FINDING_COLUMNS}, "text": sentence(one)} for one in found]
        return pd.DataFrame(rows, columns=[*FINDING_COLUMNS, "text"])
