"""Row S40: nothing is acknowledged before the disk has it. (That the disk keeps its word cannot be tested here.)"""

import os
import shutil
import threading

from tests.receiver.conftest import ANY_PORT, wait_until
from tests.receiver.durable.conftest import numbers, send
from tracecheck.receiver import journal, replay, start_receiver
from tracecheck.store import open_store
from tracecheck.store.progress import journal_folder


def test_S40_no_answer_is_given_while_the_disk_is_being_waited_for(store, patient, monkeypatch) -> None:
    asked, done = threading.Event(), threading.Event()

    def slow(fd: int) -> None:
        asked.set()
        assert done.wait(30)
        os.fdatasync(fd)

    monkeypatch.setattr(journal, "_sync", slow)
    answers: list[bool] = []
    with start_receiver(store, ANY_PORT) as running:
        sender = threading.Thread(target=lambda: answers.append(send(running, 1).ok))
        sender.start()
        assert asked.wait(30)
        assert (answers, running.counters.hot_spans) == ([], 0)
        done.set()
        sender.join(30)
        assert answers == [True]


def test_S40_what_the_disk_had_at_the_last_sync_holds_all_that_was_acknowledged(
    store, path, patient, monkeypatch, tmp_path
) -> None:
    """The copy that is made when a sync returns is what a power cut would leave, and its folder's entry as well."""
    synced: list[set[str]] = []
    copies = tmp_path / "copies"
    shutil.copytree(path.parent, tmp_path / "0", ignore=shutil.ignore_patterns("0", "copies"))
    folders: set[tuple[int, int]] = set()
    real = os.fsync

    def of_folder(fd: int) -> None:
        real(fd)
        found = os.fstat(fd)
        folders.add((found.st_dev, found.st_ino))

    def copied(fd: int) -> None:
        os.fdatasync(fd)
        into = copies / str(len(synced))
        shutil.copytree(journal_folder(path), into)
        synced.append({each.name for each in into.iterdir()})

    monkeypatch.setattr(journal.os, "fsync", of_folder)
    monkeypatch.setattr(journal, "_sync", copied)
    with start_receiver(store, ANY_PORT) as running:
        for number in range(1, 6):
            assert send(running, number).ok
            cut = tmp_path / f"cut-{number}"
            shutil.copytree(tmp_path / "0", cut)
            shutil.copytree(copies / str(len(synced) - 1), journal_folder(cut / path.name))
            with open_store(str(cut / path.name)) as left:
                replay(left)
                assert numbers(left) == list(range(1, number + 1))
        entries = {(each.stat().st_dev, each.stat().st_ino) for each in (path.parent, journal_folder(path))}
        assert entries <= folders, "a file whose folder is not synced may be gone with the power"
        wait_until(lambda: running.counters.hot_spans == 5)
