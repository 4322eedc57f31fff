"""Keeping a store small, by hand and by a running serve."""

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.support.polling import until
from tests.support.spans import Traces
from tracecheck.cli.vacuum import Age, Size
from tracecheck.config import Listen
from tracecheck.service import Service
from tracecheck.store import Retention


def test_what_is_old_is_removed_and_the_file_rewritten(tracecheck: Run, orders: Path, tmp_path: Path) -> None:
    shutil.copy(orders / "orders.duckdb", tmp_path / "t.duckdb")
    kept = tracecheck("vacuum", "--keep", "7d", "--keep-at-most", "1GB", "--store", "{tmp}/t.duckdb", "-o", "json")
    document = json.loads(kept.out)
    assert (document["schema"], document["spans_removed"]) == ("tracecheck/vacuum/v1", 0)
    done = tracecheck("vacuum", "--keep", "0", "--compact", "--store", "{tmp}/t.duckdb")
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith("3 spans removed")
    assert tracecheck("chains", "--store", "{tmp}/t.duckdb").status == 0
    assert tracecheck("sql", "select count(*) as n from spans", "--store", "{tmp}/t.duckdb").out.split()[1] == "0"


def test_a_running_service_removes_what_is_too_much_by_itself(tmp_path: Path) -> None:
    traces = Traces(run_id="run-1")
    traces.send("checkout", "orders", partition="0", offset=1)
    any_port = Listen(grpc_port=0, http_port=0, api_port=0)
    with Service(str(tmp_path / "t.duckdb"), any_port) as service:
        service.store.append(traces.spans)
    with Service(str(tmp_path / "t.duckdb"), any_port, retention=Retention(keep_ns=0)) as service:
        until(lambda: service.store.query("select count(*) as n from spans").to_pylist() == [{"n": 0}])


@pytest.mark.parametrize(
    ("kind", "written", "expected"),
    [
        (Age(), "7d", 604_800_000_000_000),
        (Age(), "90m", 5_400_000_000_000),
        (Size(), "5GB", 5_000_000_000),
        (Size(), "1.5 mib", 1_572_864),
        (Size(), "1000", 1000),
    ],
)
def test_ages_and_sizes_are_read_as_people_write_them(kind: Age | Size, written: str, expected: int) -> None:
    assert kind.convert(written, None, None) == expected


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ([], "give --keep"),
        (["--keep", "a week"], "expected an age such as 7d"),
        (["--keep-at-most", "5 apples"], "expected a size such as 5GB"),
    ],
)
def test_what_to_keep_must_be_said_plainly(tracecheck: Run, options: list[str], told: str) -> None:
    done = tracecheck("vacuum", *options)
    assert (done.status, told in done.err) == (2, True)
