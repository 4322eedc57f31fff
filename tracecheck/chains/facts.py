"""What is known of process instances and consumer groups: sums over all spans and hops, kept so that a check of a large
store reads thousands of rows and not millions.

A refresh keeps them for all appends so far once enough came in, and for whole blocks of chains. What is newer, or
belongs to a block in which a chain was replaced since, is counted when it is asked for, and added. So the sums are
those over everything stored, always: whether they were kept is never seen.
"""

from tracecheck.semconv import FLUSH_COUNT, FLUSH_SPAN, START_SPAN
from tracecheck.store import Writer

KEPT_FROM = 100_000
"""From so many spans on that are not covered they are summed up: to count them takes 15 ms."""

LONGEST_NS = 600_000_000_000
"""What comes in later than this after its end has a clock of its own, or was sent again from a file."""

BLOCK_BITS = 17
"""Chain numbers of a block, as a power of two. One chain in many numbers is one; where it is replaced, the hops of its
block (some 50,000, 10 ms) are counted until it is kept again."""

OF_RUN = "run_id = $run_id"

_NEWER = """ingest_number in (
    select unnest(range(
        coalesce((select max(ingest_number) from fact_progress), 0) + 1,
        (select max(ingest_number) from span_rows) + 1)))"""
"""Of appends that are not covered. As a list of numbers, since only that keeps DuckDB from reading all the others."""

# Attributes of the few spans that state something are read apart: those of all spans would take ten times as long.
_INSTANCES = f"""
    select service, instance, count(*) filter (name not in ('{FLUSH_SPAN}', '{START_SPAN}')) as spans,
        count(*) filter (name = '{FLUSH_SPAN}') as marks, null::bigint as marked_unix_nano,
        null::bigint as spans_marked, max(end_unix_nano) as last_seen_unix_nano,
        bool_or(regexp_matches(trace_state, '(^|,)ot=([^,]*;)?th:[0-9a-f]*[1-9a-f]')) filter (is_known) as is_sampled,
        (sum(dropped_links_count) filter (is_known))::bigint as links_dropped,
        min(export_ns) filter (is_known and export_ns >= 0) as soonest_ns,
        max(export_ns) filter (is_known and export_ns < {LONGEST_NS}) as latest_ns
    from (
        select *, end_unix_nano < 9223372036854775807 as is_known,
            ingested_unix_nano - end_unix_nano::bigint as export_ns
        from span_rows where {{among}}
    )
    group by service, instance
    union all
    select service, instance, 0, 0, start_unix_nano,
        attr_ints[list_position(string_split(attr_int_keys, chr(31)), '{FLUSH_COUNT}')] as count, null, null, 0, null,
        null
    from span_rows where name = '{FLUSH_SPAN}' and count is not null and {{among}}
    union all
    select service, instance, 0, 0, null, null, null, true, 0, null, null
    from span_rows
    where contains(attr_keys, 'sampler.type')
        and list_has_any(attr_vals, ['probabilistic', 'ratelimiting', 'lowerbound'])
        and end_unix_nano < 9223372036854775807 and {{among}}
"""  # noqa: S608 - constants

_SUMMED = """
    select service, instance, sum(spans)::bigint as spans, sum(marks)::bigint as marks,
        max(marked_unix_nano) filter (spans_marked is not null) as marked_unix_nano,
        arg_max(spans_marked, marked_unix_nano) as spans_marked, max(last_seen_unix_nano) as last_seen_unix_nano,
        bool_or(is_sampled) as is_sampled, sum(links_dropped)::bigint as links_dropped, min(soonest_ns) as soonest_ns,
        max(latest_ns) as latest_ns
    from ({parts}) group by service, instance
"""

_GROUPS = """
    select system, destination, consumer_group, service, max(end_unix_nano) as last_seen_unix_nano
    from span_rows
    where operation in ('receive', 'process') and destination is not null and {among}
    group by system, destination, consumer_group, service
"""

_HOPS = """
    select {block} system, destination, consumer_group, consumer_service as service, partition_id,
        max(message_offset) as max_offset, max(consumer_end_unix_nano) as last_seen_unix_nano
    from hop_rows
    where consumer_service is not null and destination is not null and {among}
    group by all
"""

_LATEST = """
    select system, destination, consumer_group, service, partition_id, max(max_offset) as max_offset,
        max(last_seen_unix_nano) as last_seen_unix_nano
    from (
        {hops}
        union all
        select system, destination, consumer_group, service, null, null, last_seen_unix_nano from ({spans})
    ) group by all
"""

_BLOCKS = """
    select unnest(range(0, ((select max(chain_number) from chain_rows) >> {bits}) + {more})) as block
    except select block from fact_block_rows
"""

_IN_BLOCKS = "chain_number in (select unnest(range(block << {bits}, (block + 1) << {bits})) from ({blocks}))"


def instances_of(among: str | None) -> str:
    """A SELECT of the columns of `instance_fact_rows`, of the spans among which a condition holds, or of all."""
    if among is not None:
        return _SUMMED.format(parts=_INSTANCES.format(among=among))
    return _instances(_NEWER)


def groups_of(spans: str | None, hops: str | None) -> str:
    """A SELECT of system, destination, consumer_group, service, partition_id, max_offset and last_seen_unix_nano, the
    latest in each: of the spans and hops among which conditions hold, or of all."""
    of_hops = _HOPS.format(block="", among=hops or _in_blocks(_blocks(more=1)))
    of_spans = _GROUPS.format(among=spans or _NEWER)
    if hops is None:
        kept = "select * exclude (block) from hop_fact_rows where block in (select block from fact_block_rows)"
        of_hops = f"{of_hops} union all {kept}"
    if spans is None:
        of_spans = f"from group_fact_rows union all {of_spans}"
    return _LATEST.format(hops=of_hops, spans=of_spans)


def keep_facts(writer: Writer) -> None:
    """Sums up all appends, if enough of them are not covered yet, and the blocks of chains that are complete."""
    # What is known when a statement is planned costs no join.
    (covered,) = _column(writer, "select coalesce(max(ingest_number), 0) from fact_progress")
    newer = f"ingest_number > {covered}"
    if _column(writer, f"select count(*) from span_rows where {newer}")[0] < KEPT_FROM:  # noqa: S608 - a number
        return
    blocks = _column(writer, f"{_blocks(more=0)} order by block")
    writer.execute(
        f"""
        create or replace temp table c_instance_fact as {_instances(newer)};
        create or replace temp table c_group_fact as
        select system, destination, consumer_group, service, max(last_seen_unix_nano)
        from (from group_fact_rows union all {_GROUPS.format(among=newer)}) group by all;
        delete from instance_fact_rows;
        insert into instance_fact_rows from c_instance_fact;
        delete from group_fact_rows;
        insert into group_fact_rows from c_group_fact;
        delete from hop_fact_rows where block not in (select block from fact_block_rows);
        delete from fact_progress;
        insert into fact_progress select max(ingest_number) from span_rows having count(*) > 0;
        """  # noqa: S608 - constants
    )
    if blocks:
        bounds = f"between {blocks[0] << BLOCK_BITS} and {((blocks[-1] + 1) << BLOCK_BITS) - 1}"
        block = f"chain_number >> {BLOCK_BITS}"
        among = f"chain_number {bounds} and {block} in ({', '.join(map(str, blocks))})"
        writer.execute(f"insert into hop_fact_rows {_HOPS.format(block=block + ' as block,', among=among)}")
        writer.execute("insert into fact_block_rows select unnest($blocks::bigint[])", {"blocks": blocks})


def _instances(newer: str) -> str:
    return _SUMMED.format(parts=f"from instance_fact_rows union all {_INSTANCES.format(among=newer)}")


def _column(writer: Writer, sql: str) -> list[int]:
    rows = writer.execute(sql)
    assert rows is not None
    return [int(value) for value in rows.column(0).to_pylist()]


def _blocks(*, more: int) -> str:
    return _BLOCKS.format(bits=BLOCK_BITS, more=more)


def _in_blocks(blocks: str) -> str:
    return _IN_BLOCKS.format(bits=BLOCK_BITS, blocks=blocks)
