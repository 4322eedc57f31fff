"""Events fall due by the clock alone; figures are values that occurred."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracecheck.errors import UsageError
from tracecheck.scenario.load.figures import quantiles
from tracecheck.scenario.load.schedule import NS_PER_S, Schedule

rates = st.floats(min_value=0.5, max_value=500)
durations = st.integers(min_value=4 * NS_PER_S, max_value=60 * NS_PER_S)


@given(rates, durations, st.floats(min_value=0, max_value=1))
def test_events_ascend_within_the_duration_and_their_number_is_the_area_under_the_rate(
    rate: float, duration_ns: int, ramp: float
) -> None:
    schedule = Schedule(rate_per_s=rate, duration_ns=duration_ns, ramp_ns=int(duration_ns * ramp))
    due = list(schedule.due_ns())

    assert due == sorted(due)
    assert len(due) == schedule.events
    assert due[0] >= 0
    assert due[-1] <= duration_ns
    assert abs(len(due) - rate * duration_ns * (1 - ramp / 2) / NS_PER_S) <= 1


def test_a_steady_rate_is_evenly_spaced() -> None:
    due = list(Schedule(rate_per_s=4, duration_ns=2 * NS_PER_S).due_ns())
    assert due == [number * NS_PER_S // 4 for number in range(8)]


def test_a_ramp_rises_evenly_to_the_rate() -> None:
    due = list(Schedule(rate_per_s=100, duration_ns=4 * NS_PER_S, ramp_ns=2 * NS_PER_S).due_ns())
    by_half = [sum(start <= 2 * each / NS_PER_S < start + 1 for each in due) for start in range(8)]
    assert by_half == pytest.approx([6, 19, 31, 44, 50, 50, 50, 50], abs=1)


@pytest.mark.parametrize(
    ("rate", "duration", "ramp", "why"),
    [
        (0, 1, 0, "is none"),
        (float("nan"), 1, 0, "is none"),
        (10, 0, 0, "is none"),
        (10, 1, 2, "does not fit"),
        (1_000_000, 60, 0, "cannot be followed"),
        (0.1, 1, 0, "cannot be followed"),
    ],
)
def test_a_load_that_is_none_is_refused(rate: float, duration: int, ramp: int, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        Schedule(rate_per_s=rate, duration_ns=duration * NS_PER_S, ramp_ns=ramp * NS_PER_S)


@given(st.lists(st.integers(min_value=-(2**62), max_value=2**62), min_size=1))
def test_a_quantile_is_the_smallest_value_that_enough_others_do_not_exceed(durations_ns: list[int]) -> None:
    found = quantiles(durations_ns)
    assert found is not None
    for percent, value in ((50, found.p50_ns), (90, found.p90_ns), (95, found.p95_ns), (99, found.p99_ns)):
        assert value in durations_ns
        assert 100 * sum(each <= value for each in durations_ns) >= percent * len(durations_ns)
        assert 100 * sum(each < value for each in durations_ns) < percent * len(durations_ns)
    assert found.max_ns == max(durations_ns)


def test_nothing_measured_is_not_zero() -> None:
    assert quantiles([]) is None
