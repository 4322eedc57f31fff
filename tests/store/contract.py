"""What every store must hold. `Contract` runs once per kind of store; a new kind adds one fixture and no test."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings

from tests.support.any_span import exactly, raw_spans
from tests.support.spans import START, a_link, a_span
from tracecheck.errors import QueryRefused, StoreUnavailable
from tracecheck.model import Event, SpanKind
from tracecheck.semconv import canonical
from tracecheck.store import Appended, Limits, Store
from tracecheck.store.spans import read_spans
from tracecheck.store.traces import IN_TRACE

SOON_S = 10.0


@dataclass
class Opened:
    """A store under test, and the local store that holds its data (the same one, unless it is remote)."""

    store: Store
    owner: Store


class Contract:
    @pytest.fixture
    def opened(self) -> Iterator[Opened]:
        raise NotImplementedError

    def test_a_span_comes_back_as_it_was_appended(self, opened: Opened):
        span = canonical(
            a_span(
                "orders process",
                kind=SpanKind.CONSUMER,
                attributes={
                    "messaging.system": "kafka",
                    "n": 1,
                    "d": 1.0,
                    "none": None,
                    "list": [1, "a", {"x": b"\xff"}],
                },
                links=(a_link(messaging__kafka__offset=7),),
                events=(Event(time_unix_nano=1, name="e", attributes={"y": 2.5}),),
                parent_span_id="00000000000000ff",
            )
        )
        opened.owner.append([span])
        assert read_spans(opened.store, "trace_id = ?::uuid", [span.trace_id]) == [span]

    @settings(suppress_health_check=list(HealthCheck), deadline=None, max_examples=50)
    @given(raw=raw_spans)
    def test_any_span_comes_back_as_it_was_appended(self, opened: Opened, raw):
        span = canonical(raw)
        appended = opened.owner.append([span])
        condition = "trace_id = $trace::uuid and span_id = $span"
        found = read_spans(opened.store, condition, {"trace": span.trace_id, "span": int(span.span_id, 16)})
        assert appended.stored + appended.duplicates == 1
        assert exactly(span) in [exactly(replace(each, conflicting=False)) for each in found]

    def test_an_identical_repeat_is_dropped_and_counted_whenever_it_comes(self, opened: Opened):
        first, second = a_span(attributes={"a": "1", "b": 2}), a_span()
        assert opened.owner.append([first, first]) == Appended(stored=1, duplicates=1)
        assert opened.owner.append([second]) == Appended(stored=1)
        assert opened.owner.append([second, first]) == Appended(stored=0, duplicates=2)
        assert len(read_spans(opened.store)) == 2

    def test_a_trace_is_found_by_its_id_alone_after_every_kind_of_append(self, opened: Opened):
        first, *others = (a_span() for _ in range(600))
        late, conflicting = a_span(trace_id=first.trace_id), replace(first, name="another")
        for batch in ([first], others, [late, others[0]], [first], [conflicting]):
            opened.owner.append(batch)
        found = {
            span.trace_id: read_spans(opened.store, IN_TRACE, {"trace_id": span.trace_id})
            for span in (first, others[0], others[-1], a_span())
        }
        assert [len(spans) for spans in found.values()] == [3, 1, 1, 0]
        assert {span.trace_id for spans in found.values() for span in spans} == set(list(found)[:3])

    def test_a_repeat_with_its_attributes_in_another_order_is_identical(self, opened: Opened):
        span = a_span(attributes={"a": "1", "b": 2, "c": "3", "d": 4})
        opened.owner.append([span])
        turned = replace(span, attributes=dict(reversed(span.attributes.items())))
        assert opened.owner.append([turned]) == Appended(stored=0, duplicates=1)

    @pytest.mark.parametrize(
        "difference",
        [
            {"name": "other"},
            {"start_unix_nano": 1},
            {"attributes": {"a": "2"}},
            {"attributes": {"a": True}},
            {"links": (a_link(),)},
            {"events": (Event(time_unix_nano=1, name="e"),)},
            {"dropped_links_count": 1},
        ],
        ids=lambda difference: next(iter(difference)),
    )
    def test_a_different_span_under_the_same_ids_is_kept_and_both_are_marked(self, opened: Opened, difference):
        span, neighbour = a_span(attributes={"a": "1"}), a_span()
        other = replace(span, **difference)
        assert opened.owner.append([span, neighbour]) == Appended(stored=2)
        assert opened.owner.append([other]) == Appended(stored=1, conflicting=1)
        assert opened.owner.append([span, other]) == Appended(stored=0, duplicates=2)
        stored = {each.key: [] for each in (span, neighbour)}
        for each in read_spans(opened.store):
            stored[each.key].append(each)
        assert all(each.conflicting for each in stored[span.key])
        assert {exactly(replace(each, conflicting=False)) for each in stored[span.key]} == {
            exactly(span),
            exactly(other),
        }
        assert stored[neighbour.key] == [neighbour]

    def test_conflicts_are_counted_alike_in_one_batch_and_in_two(self, opened: Opened):
        span = a_span()
        assert opened.owner.append([span, replace(span, name="b"), replace(span, name="c")]) == Appended(
            stored=3, conflicting=2
        )

    def test_one_span_id_in_two_traces_is_two_spans(self, opened: Opened):
        span = a_span()
        assert opened.owner.append([span, replace(span, trace_id="f" * 32)]) == Appended(stored=2)

    def test_nothing_appended_is_nothing_stored(self, opened: Opened):
        before = opened.store.generation()
        assert opened.owner.append([]) == Appended(stored=0)
        assert opened.store.generation() == before

    def test_concurrent_appends_store_each_span_once(self, opened: Opened):
        shared = [a_span() for _ in range(40)]
        own = [[a_span() for _ in range(10)] for _ in range(8)]
        counted: list[Appended] = []
        threads = [
            threading.Thread(target=lambda spans=spans: counted.append(opened.owner.append(shared + spans)))
            for spans in own
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(SOON_S)
        assert sum(each.stored for each in counted) == 40 + 80
        assert sum(each.duplicates for each in counted) == 7 * 40
        assert opened.store.query(
            "select count(*) n, count(distinct (trace_id, span_id)) d from spans"
        ).to_pylist() == [{"n": 120, "d": 120}]

    def test_lone_surrogates_and_nul_cost_nothing_but_themselves(self, opened: Opened):
        opened.owner.append([a_span("a\ud800b\0", attributes={"k\ud800": "v\ud800", "x": ["\ud800"]})])
        (found,) = read_spans(opened.store)
        assert found.name == "a�b\0"
        assert found.attributes == {"k�": "v�", "x": ["�"]}

    # --- queries ------------------------------------------------------------------------------------------------------

    def test_parameters_are_bound_by_name_or_place(self, opened: Opened):
        text = "'; drop table span_rows; --"
        assert opened.store.query("select $a as a, $b as b", {"a": text, "b": 2**62}).to_pylist() == [
            {"a": text, "b": 2**62}
        ]
        assert opened.store.query("select ?::blob as a, ? as b", [b"\0\xff", None]).to_pylist() == [
            {"a": b"\0\xff", "b": None}
        ]

    def test_a_list_can_be_a_parameter(self, opened: Opened):
        assert opened.store.query("select list_contains($ids, 'b') as found", {"ids": ["a", "b"]})[
            "found"
        ].to_pylist() == [True]

    @pytest.mark.parametrize(
        "sql",
        [
            "",
            "-- nothing",
            "select 1; select 2",
            "selec 1",
            "select * from no_such_table",
            "select no_such_column from spans",
            "drop table span_rows",
            "delete from span_rows",
            "insert into runs (run_id, started_unix_nano) values ('x', 1)",
            "insert into runs (run_id, started_unix_nano) values ('x', 1) returning run_id",
            "create table x as select 1",
            "copy (select 1) to '/tmp/tracecheck-must-not-exist.csv'",
            "attach ':memory:' as other",
            "set threads = 1",
            "pragma disable_optimizer",
            "begin transaction",
            "commit",
            "install httpfs",
            "load httpfs",
            "checkpoint",
            "explain analyze delete from span_rows",
            "select * from read_text('/etc/passwd')",
            "from '/etc/passwd'",
            "select * from glob('/etc/*')",
            "select * from query('drop table span_rows')",
            "select error('on purpose')",
            "select ? as missing_parameter",
        ],
    )
    def test_anything_but_one_valid_select_over_the_store_is_refused(self, opened: Opened, sql):
        opened.owner.append([a_span()])
        with pytest.raises(QueryRefused) as refused:
            opened.store.query(sql)
        assert str(refused.value)
        assert opened.store.query("select count(*) as n from spans").to_pylist() == [{"n": 1}]
        assert opened.store.query("select count(*) as n from runs").to_pylist() == [{"n": 0}]

    @pytest.mark.parametrize(
        "sql",
        [
            "with a as (select 1 as x) select * from a",
            "from (values (1)) t(x)",
            "select x from range(3) t(x) order by x -- the last line; really",
            "describe spans",
        ],
    )
    def test_every_way_to_write_one_select_is_taken(self, opened: Opened, sql):
        assert opened.store.query(sql).num_rows > 0

    def test_a_query_over_its_row_limit_is_refused_not_cut(self, opened: Opened):
        assert opened.store.query("select * from range(10)", limits=Limits(rows=10)).num_rows == 10
        with pytest.raises(QueryRefused, match="more than 10 rows"):
            opened.store.query("select * from range(11)", limits=Limits(rows=10))

    def test_a_query_over_its_time_limit_is_refused_and_the_store_lives(self, opened: Opened):
        with pytest.raises(QueryRefused, match=r"longer than 0\.2 s"):
            opened.store.query("select count(*) from range(1000000000000)", limits=Limits(seconds=0.2))
        assert opened.store.query("select 1 as x")["x"].to_pylist() == [1]

    def test_an_empty_result_keeps_its_columns(self, opened: Opened):
        assert opened.store.query("select trace_id, start_unix_nano from spans").schema.names == [
            "trace_id",
            "start_unix_nano",
        ]

    def test_many_rows_arrive_whole(self, opened: Opened):
        found = opened.store.query("select i, 'x' || i as s from range(200000) t(i)")
        assert (found.num_rows, found["s"][-1].as_py()) == (200_000, "x199999")

    # --- generation and wait ------------------------------------------------------------------------------------------

    def test_the_generation_grows_with_every_change_and_only_then(self, opened: Opened):
        seen = [opened.store.generation()]
        span = a_span()
        for change in (
            lambda: opened.owner.append([span]),
            lambda: opened.owner.refresh(_a_run("r-1")),
            lambda: opened.owner.write(_a_run("r-2")),
        ):
            change()
            seen.append(opened.store.generation())
        assert seen == sorted(set(seen))
        opened.owner.append([span])
        opened.owner.write(lambda _: None)
        opened.store.query("select 1")
        assert opened.store.generation() == seen[-1]

    def test_a_wait_ends_with_the_news_it_waits_for(self, opened: Opened):
        before = opened.store.generation()
        found: list[int] = []
        waiting = threading.Thread(target=lambda: found.append(opened.store.wait(before, 60)))
        waiting.start()
        opened.owner.append([a_span()])
        waiting.join(SOON_S)
        assert found == [opened.store.generation()]
        assert found[0] > before

    def test_a_wait_for_what_has_come_already_does_not_wait(self, opened: Opened):
        before = opened.store.generation()
        opened.owner.append([a_span()])
        assert opened.store.wait(before, 60) > before

    def test_a_wait_without_news_ends_at_its_timeout(self, opened: Opened):
        before = opened.store.generation()
        assert opened.store.wait(before, 0.05) == before
        assert opened.store.wait(before, 0) == before

    # --- the end ------------------------------------------------------------------------------------------------------

    def test_a_closed_store_says_so_and_closing_again_is_nothing(self, opened: Opened):
        opened.store.close()
        opened.store.close()
        with pytest.raises(StoreUnavailable, match="closed"):
            opened.store.query("select 1")

    def test_what_one_reads_is_an_arrow_table(self, opened: Opened):
        opened.owner.append([a_span(start_unix_nano=START)])
        found = opened.store.query("select trace_id, start_unix_nano, attributes from spans")
        assert found.schema.field("trace_id").type == pa.string()
        assert found.schema.field("start_unix_nano").type == pa.int64()
        assert found.schema.field("attributes").type == pa.map_(pa.string(), pa.string())


def _a_run(run_id: str):
    def work(writer) -> None:
        writer.execute("insert into runs (run_id, started_unix_nano) values (?, 1)", [run_id])

    return work
