"""Many events come of a template, a file or a table, and when they are due does not depend on the system."""

import io
import json
from pathlib import Path

import pytest

from tests.probe.test_inject import RecordingBroker
from tests.support.fake_time import FakeClock
from tracecheck.errors import InvalidFile, UsageError
from tracecheck.probe.brokers.protocol import Outgoing, Published
from tracecheck.probe.events import Event, inject_all, injections, read_cases, read_events


def test_an_event_is_made_as_often_as_asked_and_numbered() -> None:
    event = Event(destination="orders", key="o-{n}", value={"id": "o-{run}-{n}", "n": "{n}"}, run_id="r")
    made = list(injections(event, count=3))
    assert [one.key for one in made] == [b"o-0", b"o-1", b"o-2"]
    assert [json.loads(one.value or b"") for one in made] == [{"id": f"o-r-{n}", "n": n} for n in range(3)]
    assert {one.content_type for one in made} == {"application/json"}
    assert {one.run_id for one in made} == {"r"}


@pytest.mark.parametrize(
    ("value", "body", "content_type"),
    [("text {n}", b"text 0", None), (b"\x00{", b"\x00{", None), ([1], b"[1]", "application/json"), (None, None, None)],
)
def test_texts_and_bytes_go_as_they_are_and_all_else_as_json(
    value: object, body: bytes | None, content_type: str | None
) -> None:
    (made,) = injections(Event(destination="orders", value=value))
    assert (made.value, made.content_type) == (body, content_type)


def test_each_row_of_a_table_is_an_event_and_a_greater_count_begins_again(tmp_path: Path) -> None:
    table = tmp_path / "cases.csv"
    table.write_text("id,total\no-1,5\n\no-2,7\n")
    event = Event(destination="orders", key="{id}", value='{"total":{total},"n":{n}}', correlation_id="{id}")
    made = list(injections(event, cases=read_cases(table), count=3))
    assert [(one.key, one.value, one.correlation_id) for one in made] == [
        (b"o-1", b'{"total":5,"n":0}', "o-1"),
        (b"o-2", b'{"total":7,"n":1}', "o-2"),
        (b"o-1", b'{"total":5,"n":2}', "o-1"),
    ]


def test_a_line_of_a_file_says_what_differs_from_the_template() -> None:
    lines = io.StringIO('{"key": 7, "value": {"id": "o-{n}"}}\n\n{"destination": "refunds", "event_id": "e"}\n')
    template = Event(destination="orders", key="k", value="v", headers={"tenant": "a"})
    first, second = injections(template, events=read_events(lines, "events.jsonl", template))
    assert (first.destination, first.key, first.value) == ("orders", b"7", b'{"id": "o-0"}')
    assert (second.destination, second.key, second.value, second.event_id) == ("refunds", b"k", b"v", "e")
    assert first.headers == second.headers == (("tenant", b"a"),)


def test_every_line_that_is_no_event_is_named() -> None:
    lines = io.StringIO('{"key": "k"}\n[]\n{"kye": "k"}\n{"key": {}}\nnonsense\n')
    with pytest.raises(InvalidFile) as refused:
        read_events(lines, "events.jsonl", Event(destination="orders"))
    assert [problem.split(":1: ")[0] for problem in refused.value.problems] == [
        f"events.jsonl:{line}" for line in (2, 3, 4, 5)
    ]
    assert "unknown field 'kye'" in refused.value.problems[1]


@pytest.mark.parametrize(
    ("text", "problem"),
    [("", "first row"), ("a,a\n1,2\n", "first row"), ("a,b\n1\n", "1 values for 2 columns"), ('a\n"x', "CSV table")],
)
def test_a_table_that_is_none_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "cases.csv").write_text(text)
    with pytest.raises(InvalidFile, match=problem):
        read_cases(tmp_path / "cases.csv")
    with pytest.raises(UsageError, match="cannot be read"):
        read_cases(tmp_path / "absent.csv")


class SlowBroker(RecordingBroker):
    """Needs its time to acknowledge the second message."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self.clock, self.at_s = clock, list[float]()

    def publish(self, message: Outgoing) -> Published:
        self.at_s.append(round(self.clock.now, 6))
        if len(self.at_s) == 2:
            self.clock.now += 0.35
        return super().publish(message)


def test_events_are_due_at_the_rate_whatever_the_broker_does_and_say_how_late_they_were() -> None:
    clock = FakeClock()
    broker = SlowBroker(clock)
    messages = injections(Event(destination="orders"), count=7)
    late = [round(one.late_ns / 1e9, 6) for one in inject_all(messages, broker, bool, rate_per_s=10, clock=clock)]
    assert broker.at_s == [0, 0.1, 0.45, 0.45, 0.45, 0.5, 0.6]
    assert late == [0, 0, 0.25, 0.15, 0.05, 0, 0]


def test_each_event_twice_has_one_event_id_and_two_spans_of_one_trace() -> None:
    broker = RecordingBroker()
    done = list(inject_all(injections(Event(destination="orders"), count=2), broker, bool, twice=True))
    assert len(broker.taken) == len(done) == 4
    ids = [one.injected.event_id for one in done]
    traces = [one.injected.span.trace_id for one in done]
    assert ids[0] == ids[1] != ids[2] == ids[3]
    assert traces[0] == traces[1] != traces[2] == traces[3]
    assert len({one.injected.span.span_id for one in done}) == 4
