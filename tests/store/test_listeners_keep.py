"""What listeners are handed is theirs: the memory that a decoder lent is written over by the next request."""

import pyarrow as pa

from tracecheck.store import open_store


def test_rows_that_were_handed_on_outlive_the_memory_they_came_from():
    lent = bytearray((7).to_bytes(8, "little") * 3)
    column = pa.Array.from_buffers(pa.int64(), 3, [None, pa.py_buffer(lent)])
    heard: list[pa.Table] = []
    store = open_store(":memory:")
    store.listen(heard.append)  # type: ignore[attr-defined]
    store.announce(pa.table({"number": column}))  # type: ignore[attr-defined]
    lent[:] = bytes(24)
    store.close()
    assert heard[0]["number"].to_pylist() == [7, 7, 7]
