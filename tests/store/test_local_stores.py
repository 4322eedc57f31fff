"""The contract, for the two stores of one process."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.store.contract import Contract, Opened
from tracecheck.store import open_store


class TestMemoryStore(Contract):
    @pytest.fixture
    def opened(self) -> Iterator[Opened]:
        store = open_store(":memory:")
        yield Opened(store, store)
        store.close()


class TestFileStore(Contract):
    @pytest.fixture
    def opened(self, tmp_path: Path) -> Iterator[Opened]:
        store = open_store(str(tmp_path / "spans.duckdb"))
        yield Opened(store, store)
        store.close()
