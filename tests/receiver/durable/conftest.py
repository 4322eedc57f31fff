"""A receiver over a store in a file, whose rows wait for a reader, and what is left of it when it is killed."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.receiver.conftest import ANY_PORT, Answer, post
from tests.support.otlp import a_message, a_request
from tracecheck.receiver import RunningReceiver, hot_tier, start_receiver
from tracecheck.store import Store, open_store
from tracecheck.store.duckdb_store import DuckDBStore

ROOT = Path(__file__).parents[3]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "t.duckdb"


@pytest.fixture
def store(path: Path) -> Iterator[DuckDBStore]:
    with open_store(str(path)) as opened:
        assert isinstance(opened, DuckDBStore)
        yield opened


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows wait for a reader: time alone has nothing appended."""
    for name in ("QUIET_S", "MOST_WAIT_S"):
        monkeypatch.setattr(hot_tier, name, 600.0)


@pytest.fixture
def receiver(store: DuckDBStore, patient: None) -> Iterator[RunningReceiver]:
    with start_receiver(store, ANY_PORT) as running:
        yield running


def send(receiver: RunningReceiver, first: int, count: int = 1, **fields: object) -> Answer:
    """Numbered spans over HTTP."""
    messages = [a_message(number, **fields) for number in range(first, first + count)]
    return post(receiver, a_request(*messages).SerializeToString())


def numbers(store: Store) -> list[int]:
    return sorted(store.query("select span_id from span_rows")["span_id"].to_pylist())


def killed(path: Path, folder: Path) -> Path:
    """A copy of the store as it would be found if its process were killed now."""
    folder.mkdir()
    for each in path.parent.glob(path.name + "*"):
        if each.is_dir():
            shutil.copytree(each, folder / each.name)
        else:
            shutil.copy(each, folder / each.name)
    return folder / path.name


def raising(error: Exception) -> Callable[..., None]:
    """A function that raises it, whatever it is given."""

    def fail(*_: object) -> None:
        raise error

    return fail
