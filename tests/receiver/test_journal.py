"""The journal's files: what was written is read again, and torn or damaged places cost nothing but themselves."""

import os
import stat
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracecheck.errors import StoreUnavailable
from tracecheck.receiver import journal as journals
from tracecheck.receiver.journal import Journal, segments
from tracecheck.receiver.journal_format import FIRST_OFFSET, ForeignSegment, Gap, Record, read_segment
from tracecheck.store.progress import JournalPosition

STORE = 7
BODIES = [b"one", b"", b"three" * 1000, b"\0" * 50]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "t.duckdb.journal"


def written(folder: Path, bodies: list[bytes] = BODIES) -> Path:
    """One segment that holds these bodies."""
    journal = Journal(folder, STORE, 1)
    for number, body in enumerate(bodies):
        journal.write(body, number % 2)
    journal.sync()
    journal.close(stored=False)
    (path,) = segments(folder).values()
    return path


def read(path: Path, offset: int = 0) -> list[Record | Gap]:
    return list(read_segment(path, STORE, offset))


def test_requests_come_back_in_order_with_their_encoding(folder: Path) -> None:
    found = read(written(folder))
    assert [(each.body, each.encoding) for each in found if isinstance(each, Record)] == [
        (body, number % 2) for number, body in enumerate(BODIES)
    ]
    assert (found[0].start, found[-1].end) == (FIRST_OFFSET, (folder / "000000000001.segment").stat().st_size)


def test_reading_goes_on_where_the_last_record_ended(folder: Path) -> None:
    path = written(folder)
    whole = read(path)
    assert read(path, whole[1].end) == whole[2:]
    assert read(path, whole[-1].end) == []


def test_S69_folder_and_segments_are_for_their_owner_alone(folder: Path) -> None:
    before = os.umask(0)
    try:
        path = written(folder)
    finally:
        os.umask(before)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@settings(max_examples=50, deadline=None)
@given(st.lists(st.binary(max_size=300), min_size=1, max_size=6), st.data())
def test_S41_a_journal_cut_anywhere_keeps_every_whole_record_and_ends_torn(bodies: list[bytes], data) -> None:
    with tempfile.TemporaryDirectory() as name:
        path = written(Path(name) / "j", bodies)
        whole = read(path)
        size = data.draw(st.integers(0, path.stat().st_size - 1))
        os.truncate(path, size)
        found = read(path)
        kept = [each for each in whole if each.end <= size]
        assert found[: len(kept)] == kept
        for gap in found[len(kept) :]:
            assert gap == Gap(kept[-1].end if kept else gap.start, size, torn=True)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.binary(max_size=300), min_size=2, max_size=6), st.data())
def test_S42_a_flipped_bit_costs_one_record_and_is_seen(bodies: list[bytes], data) -> None:
    with tempfile.TemporaryDirectory() as name:
        path = written(Path(name) / "j", bodies)
        whole = read(path)
        place = data.draw(st.integers(FIRST_OFFSET, path.stat().st_size - 1))
        content = bytearray(path.read_bytes())
        content[place] ^= 1 << data.draw(st.integers(0, 7))
        path.write_bytes(content)
        found = read(path)
        sound = [each for each in whole if not each.start <= place < each.end]
        assert [each for each in found if isinstance(each, Record)] == sound
        (gap,) = (each for each in found if isinstance(each, Gap))
        assert (gap.start, gap.end) == next((each.start, each.end) for each in whole if each.start <= place < each.end)
        is_last = gap.end == whole[-1].end
        assert not gap.torn or is_last


def test_a_body_that_looks_like_a_record_is_never_taken_for_one(folder: Path) -> None:
    other = written(folder.with_name("other"), [b"forged"])
    path = written(folder, [b"first", other.read_bytes(), b"last"])
    content = bytearray(path.read_bytes())
    content[FIRST_OFFSET + 1] ^= 1
    path.write_bytes(content)
    assert [each.body for each in read(path) if isinstance(each, Record)] == [other.read_bytes(), b"last"]


@pytest.mark.parametrize("place", [0, 9, 17, 25])
def test_a_damaged_beginning_is_said(folder: Path, place: int) -> None:
    path = written(folder)
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    with pytest.raises(ForeignSegment):
        read(path)


def test_a_segment_of_another_store_is_refused(folder: Path) -> None:
    path = written(folder)
    with pytest.raises(ForeignSegment, match="another store"):
        list(read_segment(path, STORE + 1))


def test_what_the_database_holds_is_given_back_segment_by_segment(folder: Path, monkeypatch) -> None:
    monkeypatch.setattr(journals, "SEGMENT_BYTES", 150)
    journal = Journal(folder, STORE, 1)
    ends = [journal.write(bytes(60), 0) for _ in range(6)]
    assert [end.segment for end in ends] == [1, 1, 2, 2, 3, 3]
    journal.sync()
    journal.forget(ends[2])
    assert list(segments(folder)) == [2, 3]
    assert journal.held_bytes == sum(path.stat().st_size for path in segments(folder).values())
    journal.keep(2)
    journal.forget(ends[4])
    assert [path.name for path in sorted(folder.iterdir())] == ["000000000002.refused", "000000000003.segment"]
    journal.close(stored=True)
    assert [path.name for path in folder.iterdir()] == ["000000000002.refused"]


def test_nothing_is_left_of_a_journal_whose_requests_are_all_stored(folder: Path) -> None:
    journal = Journal(folder, STORE, 1)
    journal.write(b"x", 0)
    journal.close(stored=True)
    assert not folder.exists()


def test_S43_a_write_that_fails_leaves_nothing_behind(folder: Path, monkeypatch) -> None:
    journal = Journal(folder, STORE, 1)
    journal.write(b"first", 0)
    real = os.writev

    def half(fd: int, pieces) -> int:
        monkeypatch.setattr(os, "writev", full)
        return real(fd, [bytes(pieces[0])[:10]])

    def full(fd: int, pieces) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "writev", half)
    with pytest.raises(StoreUnavailable, match="No space left"):
        journal.write(b"second", 0)
    monkeypatch.setattr(os, "writev", real)
    end = journal.write(b"third", 0)
    journal.sync()
    journal.close(stored=False)
    found = read(segments(folder)[1])
    assert [each.body for each in found] == [b"first", b"third"]
    assert end == JournalPosition(1, found[-1].end)


def test_S43_after_a_failed_sync_the_next_record_gets_a_new_segment(folder: Path, monkeypatch) -> None:
    journal = Journal(folder, STORE, 1)
    journal.write(b"durable", 0)
    journal.sync()
    journal.write(b"unknown", 0)

    def broken(fd: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(journals, "_sync", broken)
    with pytest.raises(StoreUnavailable, match="Input/output"):
        journal.sync()
    monkeypatch.undo()
    assert journal.write(b"later", 0).segment == 2
    journal.sync()
    journal.close(stored=False)
    assert [[each.body for each in read(path)] for path in segments(folder).values()] == [[b"durable"], [b"later"]]


def test_a_record_written_while_a_sync_fails_is_known_to_be_lost(folder: Path, monkeypatch) -> None:
    journal = Journal(folder, STORE, 1)
    durable = journal.write(b"durable", 0)
    journal.sync()
    meanwhile: list[JournalPosition] = []

    def broken(fd: int) -> None:
        meanwhile.append(journal.write(b"meanwhile", 0))
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(journals, "_sync", broken)
    with pytest.raises(StoreUnavailable):
        journal.sync()
    monkeypatch.undo()
    later = journal.write(b"later", 0)
    journal.sync()
    assert [journal.has_lost(each) for each in (durable, *meanwhile, later)] == [False, True, False]
    journal.close(stored=False)
