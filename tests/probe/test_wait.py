"""Waiting closes what polling libraries leave open: by a fake clock, for threads and event loops alike."""

import asyncio
import contextvars
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.fake_time import HANG, FakeClock, FakeNews, LoopWorld, ThreadWorld
from tests.support.polling import until
from tracecheck.probe.bell import Bell
from tracecheck.probe.timeline import KEPT
from tracecheck.probe.wait import SYSTEM, FailedFast, Looked, NotReached, await_until
from tracecheck.probe.wait_async import await_until_async
from tracecheck.probe.waiting import LAST_LOOK_S

World = ThreadWorld | LoopWorld
CLOCK_S = 2e-6
"""The fake clock is read in microseconds."""


@pytest.fixture(params=[ThreadWorld, LoopWorld], ids=["thread", "loop"])
def world(request: pytest.FixtureRequest) -> World:
    return request.param()


def from_(instant: float, value: object = "done") -> Callable[[float], object]:
    """A state that is reached at an instant and stays."""
    return lambda now: value if now >= instant else None


def test_the_value_that_satisfied_is_returned(world: World) -> None:
    assert world.wait_for(from_(0.5, "shipped"), at_most_s=10) == "shipped"


def test_what_holds_already_is_not_waited_for(world: World) -> None:
    world.wait_for(from_(0.0), at_most_s=10)
    assert (world.now, world.looks) == (0.0, [0.0])


def test_a_state_that_comes_in_the_last_pause_is_seen_by_a_last_look_at_the_deadline(world: World) -> None:
    assert world.wait_for(from_(0.999999), at_most_s=1.0) == "done"
    assert world.looks[-1] == 1.0


def test_looks_come_after_2_ms_then_back_off_and_are_never_more_than_25_ms_apart(world: World) -> None:
    with pytest.raises(NotReached):
        world.wait_for(lambda _: None, at_most_s=5.0)
    apart = [round(later - earlier, 6) for earlier, later in zip(world.looks, world.looks[1:], strict=False)]
    assert apart[:3] == [0.002, 0.002, 0.002]
    assert apart[:-1] == sorted(apart[:-1])
    assert max(apart) == 0.025


@pytest.mark.parametrize("reached_s", [0.003, 0.05, 0.3, 2.0])
def test_a_state_is_seen_within_a_twentieth_of_the_wait_or_25_ms(world: World, reached_s: float) -> None:
    world.wait_for(from_(reached_s), at_most_s=10)
    assert world.now - reached_s <= max(min(reached_s / 20, 0.025), 0.002) + 1e-6


def test_what_answers_slowly_is_left_in_peace_for_as_long_as_it_took(world: World) -> None:
    with pytest.raises(NotReached):
        world.wait_for(lambda _: None, at_most_s=10.0, took_s=1.0)
    assert world.looks == pytest.approx([0, 2, 4, 6, 8, 10])


def test_a_condition_that_hangs_is_left_behind_at_the_deadline_and_the_report_says_where_it_was(world: World) -> None:
    with pytest.raises(NotReached, match=r"(?s)had not answered; it was in .*(hang|look) \(") as failure:
        world.wait_for(lambda now: HANG if now > 0.5 else "pending", at_most_s=2.0, until=lambda one: one == "shipped")
    assert world.now == 2.0
    assert "'pending'" in str(failure.value)


def test_a_look_begun_just_before_the_deadline_ends_a_quarter_second_after_it_began_at_the_latest(
    world: World,
) -> None:
    with pytest.raises(NotReached):
        world.wait_for(lambda now: HANG if now >= 2.0 else None, at_most_s=2.0)
    assert world.now == pytest.approx(2.0 + LAST_LOOK_S)


def test_a_look_that_was_under_way_at_the_deadline_still_counts(world: World) -> None:
    assert world.wait_for(from_(0.9), at_most_s=1.0, took_s=0.2) == "done"


def test_holding_for_a_while_takes_that_while_without_a_break(world: World) -> None:
    world.wait_for(lambda now: now >= 1.0 and not 1.2 < now < 1.3, at_most_s=10, hold_s=0.5)
    assert world.now == pytest.approx(1.8, abs=0.03)


def test_a_hold_that_began_in_time_may_end_after_the_deadline(world: World) -> None:
    world.wait_for(from_(0.95), at_most_s=1.0, hold_s=3.0)
    assert world.now == pytest.approx(3.95, abs=0.03)


def test_a_hold_that_breaks_after_the_deadline_is_over_and_says_when_it_broke(world: World) -> None:
    with pytest.raises(NotReached, match=r"within 1 s and hold for 3 s"):
        world.wait_for(lambda now: 0.5 <= now < 2.0, at_most_s=1.0, hold_s=3.0)
    assert world.now == pytest.approx(2.0, abs=0.03)


def test_the_end_of_a_hold_is_looked_at(world: World) -> None:
    with pytest.raises(NotReached):
        world.wait_for(lambda now: now < 0.999999, at_most_s=0.5, hold_s=1.0)
    assert world.looks[-1] == pytest.approx(1.0)


def test_a_value_may_be_judged_by_a_predicate_so_that_zero_is_a_value(world: World) -> None:
    assert world.wait_for(lambda now: 5 - int(now), at_most_s=10, until=lambda left: left == 0) == 0


def test_a_failed_assertion_means_not_yet_and_is_the_cause_in_the_end(world: World) -> None:
    def assertion(now: float) -> bool:
        assert now >= 9, "too early"
        return True

    with pytest.raises(NotReached, match="AssertionError: too early") as failure:
        world.wait_for(assertion, at_most_s=1.0)
    assert isinstance(failure.value.__cause__, AssertionError)
    assert failure.value.last_error is failure.value.__cause__


def test_any_other_exception_ends_the_wait_at_once_as_it_is(world: World) -> None:
    mistake = KeyError("status")

    def raising(_: float) -> None:
        raise mistake

    with pytest.raises(KeyError) as raised:
        world.wait_for(raising, at_most_s=10)
    assert raised.value is mistake
    assert world.looks == [0.0]


@pytest.mark.parametrize("ignored", [ConnectionError, lambda error: "refused" in str(error)], ids=["class", "function"])
def test_exceptions_that_are_ignored_mean_not_yet_subclasses_too(world: World, ignored: Any) -> None:
    def refused_at_first(now: float) -> str:
        if now < 1:
            raise ConnectionRefusedError("refused")
        return "up"

    assert world.wait_for(refused_at_first, at_most_s=5, ignoring=[ignored]) == "up"


@pytest.mark.parametrize("hopeless", [True, "the order was cancelled"])
def test_a_wait_that_can_no_longer_come_true_ends_before_the_next_look_with_the_reason(
    world: World, hopeless: object
) -> None:
    looks = world.looks
    with pytest.raises(FailedFast, match=r"cancelled|fail-fast") as failure:
        world.wait_for(lambda _: None, at_most_s=10, fail_fast=lambda: hopeless if len(looks) == 3 else None)
    assert len(looks) == 3
    assert failure.value.waited_ns < 10**9


def test_a_failed_assertion_of_the_fail_fast_condition_is_its_reason(world: World) -> None:
    def alive() -> None:
        raise AssertionError("billing has ended with status 1")

    with pytest.raises(FailedFast, match="billing has ended with status 1"):
        world.wait_for(lambda _: None, at_most_s=10, fail_fast=alive)


def test_a_listener_hears_of_each_look(world: World) -> None:
    heard: list[Looked[Any]] = []
    world.wait_for(from_(1.0), at_most_s=4.0, hold_s=0.5, listener=heard.append)
    assert len(heard) == len(world.looks)
    assert (heard[0].satisfied, heard[0].value, heard[0].held_ns) == (False, None, None)
    assert heard[0].elapsed_ns + heard[0].remaining_ns == 4 * 10**9
    assert (heard[-1].satisfied, heard[-1].value) == (True, "done")
    assert heard[-1].held_ns is not None
    assert heard[-1].held_ns >= 5 * 10**8


def test_the_report_has_the_alias_and_every_distinct_state_with_the_time_it_was_first_seen(world: World) -> None:
    def state(now: float) -> str:
        return "NEW" if now < 1 else "PAID" if now < 2 else "NEW"

    with pytest.raises(NotReached) as failure:
        world.wait_for(state, at_most_s=3.0, until=lambda one: one == "SHIPPED", alias="order o-1 shipped")
    first, *states = str(failure.value).splitlines()
    assert first.startswith("order o-1 shipped did not come true within 3 s (waited 3.000 s and ")
    assert [line.split()[-1] for line in states] == ["'NEW'", "'PAID'", "'NEW'"]
    assert [float(line.split()[0]) for line in states] == pytest.approx([0, 1, 2], abs=0.03)
    seen = failure.value.timeline.states
    assert sum(one.looks for one in seen) == len(world.looks) == failure.value.timeline.looks


def test_a_state_that_never_rests_keeps_its_beginning_and_its_end(world: World) -> None:
    with pytest.raises(NotReached, match="states between are not kept") as failure:
        world.wait_for(lambda now: now, at_most_s=20.0, until=lambda _: False)
    timeline = failure.value.timeline
    assert len(timeline.states) == 2 * KEPT
    assert len(timeline.states) + timeline.left_out == len(world.looks)
    assert (timeline.states[0].shown, timeline.states[-1].shown) == ("0.0", "20.0")


def test_a_value_too_long_for_a_line_is_cut_there_and_nowhere_else(world: World) -> None:
    with pytest.raises(NotReached, match=r"… \(1002 characters\)") as failure:
        world.wait_for(lambda _: "x" * 1000, at_most_s=0.1, until=lambda _: False)
    assert len(failure.value.timeline.states[0].shown) == 1002


@given(
    reached_s=st.floats(0, 3),
    lasts_s=st.floats(0, 3),
    at_most_s=st.floats(0, 2),
    hold_s=st.floats(0, 1),
    took_s=st.sampled_from([0.0, 0.01, 0.3]),
)
@settings(max_examples=60, deadline=None)
def test_no_wait_outlives_its_deadline_and_no_lasting_state_is_missed(
    reached_s: float, lasts_s: float, at_most_s: float, hold_s: float, took_s: float
) -> None:
    world = ThreadWorld()
    try:
        world.wait_for(
            lambda now: reached_s <= now < reached_s + lasts_s, at_most_s=at_most_s, hold_s=hold_s, took_s=took_s
        )
        reached = True
        assert reached_s <= world.looks[-1] < reached_s + lasts_s
        assert lasts_s >= hold_s - CLOCK_S or hold_s == 0
    except NotReached:
        reached = False
    # One look may be under way at the deadline, one at the end of the hold, and one is the last.
    assert world.now <= at_most_s + hold_s + 3 * max(LAST_LOOK_S, took_s)
    seen_s = max(0.0, 0.025, took_s * 2)
    if reached_s <= at_most_s - seen_s and lasts_s >= hold_s + 2 * seen_s + took_s:
        assert reached, "it was there in time and for long enough"
    if reached_s <= at_most_s - CLOCK_S and at_most_s + CLOCK_S < reached_s + lasts_s and hold_s == 0 and took_s == 0:
        assert reached, "it was there at the deadline"


# --- where news is pushed ---------------------------------------------------------------------------------------------


def wait_for_news(news: FakeNews, state: Callable[[float], object], **rules: Any) -> tuple[object, int]:
    """What was returned (or the failure), and the number of looks."""
    looks = 0

    def look() -> object:
        nonlocal looks
        looks += 1
        return state(news.clock.now)

    try:
        return await_until(look, wake=news, clock=news.clock, **rules), looks
    except NotReached as failure:
        return failure, looks


def test_where_news_is_pushed_nothing_is_polled_and_the_wait_ends_with_the_news() -> None:
    news = FakeNews(FakeClock(), 3.0)
    assert wait_for_news(news, from_(3.0), at_most_s=60) == ("done", 2)
    assert (news.clock.now, news.waits, news.clock.pauses) == (3.0, 1, [])


def test_without_news_there_is_one_wake_up_for_the_last_look_at_the_deadline() -> None:
    news = FakeNews(FakeClock())
    failure, looks = wait_for_news(news, lambda _: None, at_most_s=60)
    assert isinstance(failure, NotReached)
    assert (news.clock.now, news.waits, looks) == (60.0, 1, 2)


def test_each_piece_of_news_is_one_look() -> None:
    news = FakeNews(FakeClock(), 1.0, 2.0, 3.0)
    assert wait_for_news(news, from_(3.0), at_most_s=60) == ("done", 4)
    assert news.waits == 3


def test_news_that_comes_during_a_look_is_not_lost() -> None:
    clock = FakeClock()
    news = FakeNews(clock, 0.5)

    def look() -> bool:
        done = clock.now >= 0.5
        clock.now = max(clock.now, 0.6)  # the news comes after the look has read and before it returns
        return done

    assert await_until(look, at_most_s=60, wake=news, clock=clock)
    assert clock.now == 0.6


def test_a_hold_is_waited_for_without_polling_and_broken_by_news() -> None:
    news = FakeNews(FakeClock(), 1.0, 1.5, 2.0)
    held, looks = wait_for_news(news, lambda now: now >= 1.0 and not 1.5 <= now < 2.0, at_most_s=60, hold_s=1.0)
    assert (held, news.clock.now, looks) == (True, 3.0, 5)


def test_a_bell_wakes_who_waits_in_another_thread() -> None:
    bell, reached, returned = Bell(), threading.Event(), list[bool]()
    looked = threading.Event()

    def look() -> bool:
        looked.set()
        return reached.is_set()

    waiting = threading.Thread(target=lambda: returned.append(await_until(look, at_most_s=60, wake=bell)))
    waiting.start()
    assert looked.wait(30)
    reached.set()
    bell.ring()
    waiting.join(30)
    assert returned == [True]


def test_a_bell_wakes_who_waits_in_an_event_loop() -> None:
    bell, state = Bell(), list[str]()

    async def both() -> list[str]:
        waiting = asyncio.create_task(await_until_async(lambda: state, at_most_s=60, wake=bell))
        await asyncio.sleep(0)
        state.append("done")
        bell.ring()
        return await waiting

    assert asyncio.run(both()) == ["done"]


def test_an_async_wait_that_is_cancelled_cancels_its_condition_and_lets_the_loop_close() -> None:
    cancelled = threading.Event()

    async def look() -> bool:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise
        return True

    async def main() -> None:
        for wait in (await_until_async(look, at_most_s=600), await_until_async(bool, at_most_s=600, wake=Bell())):
            task = asyncio.create_task(wait)
            await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(main())
    assert cancelled.is_set()


def test_a_plain_function_is_a_condition_in_an_event_loop_too() -> None:
    assert asyncio.run(await_until_async(lambda: "value", at_most_s=1)) == "value"


# --- in this process --------------------------------------------------------------------------------------------------


def test_the_condition_sees_the_context_variables_of_who_waits() -> None:
    variable = contextvars.ContextVar("variable", default="nothing")
    variable.set("run-1")
    assert await_until(variable.get, at_most_s=1) == "run-1"


def test_a_clock_on_the_wall_that_jumps_moves_no_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 0.0)
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    began = SYSTEM.now_ns()
    with pytest.raises(NotReached):
        await_until(lambda: None, at_most_s=0.02)
    assert SYSTEM.now_ns() - began >= 20_000_000


def test_the_thread_of_a_wait_ends_with_it() -> None:
    looking = await_until(threading.current_thread, at_most_s=1)
    assert looking.name == "tracecheck-wait"
    until(lambda: not looking.is_alive(), timeout_s=10)
