"""A wait keeps the collector's hands off what was there before, and gives it back."""

import gc
import threading
from collections.abc import Iterator

import pytest

from tracecheck.scenario.pauses import without_long_pauses


@pytest.fixture(autouse=True)
def _nothing_frozen() -> Iterator[None]:
    gc.unfreeze()
    yield
    gc.unfreeze()


def test_what_was_there_before_is_frozen_until_the_last_of_several_waits_ends() -> None:
    begun, may_end = threading.Event(), threading.Event()

    def wait() -> None:
        with without_long_pauses():
            begun.set()
            may_end.wait()

    other = threading.Thread(target=wait)
    with without_long_pauses():
        assert gc.get_freeze_count() > 0
        other.start()
        assert begun.wait(60)
    assert gc.get_freeze_count() > 0
    may_end.set()
    other.join()
    assert gc.get_freeze_count() == 0


def test_it_is_given_back_when_a_wait_raises() -> None:
    with pytest.raises(KeyError), without_long_pauses():
        raise KeyError
    assert gc.get_freeze_count() == 0


def test_a_process_that_froze_objects_itself_is_left_alone() -> None:
    gc.freeze()
    with without_long_pauses():
        pass
    assert gc.get_freeze_count() > 0
