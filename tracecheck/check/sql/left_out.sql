-- Messages that a group left out: it handled an earlier offset of their partition, and has no delivery of them. One row
-- per group and state, with the first of its kind as the example.
-- past: it went on behind them; behind: it handled something after they were sent; silent: it did not.
with lanes as (
    select destination, partition_id, consumer_group,
        min(message_offset) as first_offset, max(message_offset) as last_offset,
        max(consumer_end_unix_nano) as last_seen_unix_nano, min(consumer_service) as service
    from hop_rows
    where consumer_group is not null and consumer_trace_id is not null and message_offset is not null
    group by destination, partition_id, consumer_group
), found as (
    select c.chain_id, c.correlation_id, m.destination, l.consumer_group, l.service,
        m.start_unix_nano as at_unix_nano,
        case when l.last_offset > m.message_offset then 'past'
            when l.last_seen_unix_nano > m.end_unix_nano then 'behind' else 'silent' end as state,
        struct_pack(
            trace_id := replace(m.trace_id::varchar, '-', ''),
            span_id := lpad(lower(hex(m.span_id)), 16, '0'),
            service := m.service, name := concat('send ', m.destination),
            start_unix_nano := m.start_unix_nano, end_unix_nano := m.end_unix_nano,
            destination := m.destination, partition := m.partition_id, "offset" := m.message_offset) as producer
    from message_rows m
    join chain_rows c using (chain_number)
    join lanes l on l.destination = m.destination and l.partition_id = m.partition_id
        and l.first_offset < m.message_offset
    where ($chain_id::varchar is null or c.chain_id = $chain_id)
        and ($run_id::varchar is null or list_contains(c.run_ids, $run_id))
        and not m.failed
        and not exists (
            select 1 from hop_rows h
            where h.producer_trace_id = m.trace_id and h.producer_span_id = m.span_id
                and (h.consumer_group = l.consumer_group
                    or (h.outcome = 'unobserved' and coalesce(h.attempt_spans[1].service, l.service) = l.service)))
)
select *,
    count(*) over kind as count,
    min(at_unix_nano) over kind as first_unix_nano,
    max(at_unix_nano) over kind as last_unix_nano
from found
window kind as (partition by destination, consumer_group, service, state)
qualify row_number() over (
    partition by destination, consumer_group, service, state order by at_unix_nano, chain_id, producer) = 1
