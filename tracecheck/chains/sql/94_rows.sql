-- What was found, into the stored tables, one chain after another.

create or replace temp table c_chain_finding as
select distinct origin, code from (
    select chain_number - getvariable('last_chain') as origin, unnest(findings) as code
    from hop_rows where chain_number > getvariable('last_chain') and len(findings) > 0
    union all
    select s.origin, 'orphan' from c_entry e join c_span_chain s on s.n = e.n
    where e.parent_span_id is not null
    union all
    select s.origin, 'conflicting_span' from c_conflicting c join c_span_chain s on s.n = c.n
    union all
    select origin, 'cycle' from c_circular
    union all
    select origin, 'batch_fan_in' from c_feed
    union all
    select s.origin, 'duplicate_effect' from c_effect e join c_span_chain s on s.n = e.n
    group by s.origin, e.service, e.effect_key having count(*) > 1
);

-- A chain's part in one trace, by what its spans say: a few rows each, and only these are gathered into lists.
create or replace temp table c_chain_trace as
select c.origin, s.trace_id, s.correlation_id, s.run_id, min(s.n) as n, count(*) as spans,
    min(s.start_unix_nano) as start_unix_nano, max(greatest(s.start_unix_nano, s.end_unix_nano)) as end_unix_nano
from c_span_chain c join c_spans s on s.n = c.n
group by c.origin, s.trace_id, s.correlation_id, s.run_id;

create or replace temp table c_chain as
select g.*, concat(replace(o.trace_id::varchar, '-', ''), ':', lpad(lower(hex(o.span_id)), 16, '0')) as chain_id,
    o.trace_id as origin_trace_id, o.span_id as origin_span_id, w.service as origin_service, w.name as origin_name,
    o.parent is null and o.n not in (select n from c_links where target is not null)
        and (o.parent_span_id is not null or o.n in (select n from c_links)) as cause_absent
from (
    select origin, sum(spans) as spans, min(start_unix_nano) as start_unix_nano, max(end_unix_nano) as end_unix_nano,
        arg_min(correlation_id, n) as correlation_id, arg_min(run_id, n) as run_id,
        coalesce(list_sort(list(distinct correlation_id) filter (correlation_id is not null)), []) as correlation_ids,
        coalesce(list_sort(list(distinct run_id) filter (run_id is not null)), []) as run_ids,
        list_sort(list(distinct trace_id)) as trace_ids
    from c_chain_trace group by origin
) g join c_spans o on o.n = g.origin join c_stored w on w.place = o.place;

insert into chain_rows
select c.origin + getvariable('last_chain'), c.chain_id, c.origin_trace_id, c.origin_span_id, c.origin_service,
    c.origin_name, c.cause_absent, c.correlation_id, c.run_id, c.correlation_ids, c.run_ids, c.trace_ids,
    c.start_unix_nano, c.end_unix_nano, c.spans, coalesce(h.hops, 0), coalesce(f.findings, [])
from c_chain c
left join (select origin, count(*) as hops from c_hop group by origin) h on h.origin = c.origin
left join (select origin, list(code order by code) as findings from c_chain_finding group by origin) f
    on f.origin = c.origin
order by c.origin;

-- A parent stays unsaid where it sent what the span consumed: an edge says that.
insert into chain_span_rows
select x.origin + getvariable('last_chain'), s.trace_id, s.span_id,
    case when s.parent is not null and m.is_message is not true then s.parent_span_id end, m.role
from c_spans s
join c_span_chain x on x.n = s.n
left join (
    select g.n, g.role, k.consumer is not null as is_message
    from c_messaging g
    left join (
        select consumer from c_candidate where is_parent and (
            (consumer, message) in (select consumer, message from c_edge)
            or (consumer, message) in (select n, message from c_stale))
    ) k on k.consumer = g.n
) m on m.n = s.n
order by x.origin, s.n;

insert into edge_rows
select x.origin + getvariable('last_chain'), a.trace_id, a.span_id, b.trace_id, b.span_id,
    case e.evidence when 0 then 'context' when 1 then 'identity' when 2 then 'correlation' else 'inferred' end,
    e.via, e.is_message
from c_edge_pair e
join c_spans a on a.n = e.n
join c_spans b on b.n = e.cause
join c_span_chain x on x.n = e.n
order by x.origin, e.n, e.cause;

insert into message_rows
select x.origin + getvariable('last_chain'), m.trace_id, m.span_id, coalesce(d.part, ''), m.service, m.system,
    m.destination, coalesce(m.partition_id, d.partition_id), coalesce(m.message_offset, d.message_offset),
    coalesce(m.message_id, d.message_id), m.event_id, m.retry_of, m.correlation_id, m.run_id,
    m.start_unix_nano, m.end_unix_nano, m.failed, coalesce(d.deliveries, 0),
    o.trace_id, o.span_id, o.destination, o.consumer_group
from c_message m
join c_span_chain x on x.n = m.n
left join (
    select message, part, max(partition_id) as partition_id, max(message_offset) as message_offset,
        max(message_id) as message_id, count(*) as deliveries
    from c_delivery group by message, part
) d on d.message = m.n
left join c_owner w on w.n = m.n
left join c_consumer o on o.n = w.owner
order by x.origin, m.n, d.part;

insert into chain_feed_rows
select c.origin + getvariable('last_chain'), k.chain_id
from c_feed f join c_chain c on c.origin = f.origin join c_chain k on k.origin = f.feeding
order by c.origin, k.chain_id;

insert into chain_trace_rows
select origin + getvariable('last_chain'), unnest(trace_ids), false from c_chain
union all
select distinct x.origin + getvariable('last_chain'), l.target_trace_id, true
from c_links l join c_span_chain x on x.n = l.n join c_spans s on s.n = l.n
where l.target_trace_id <> s.trace_id;

insert into chain_key_rows
select distinct x.origin + getvariable('last_chain'), k.key_hash
from (
    select n, hash('p', destination, partition_id, message_offset) as key_hash
    from c_messaging where message_offset is not null and partition_id is not null
    union all select n, hash('i', message_id) from c_messaging where message_id is not null
    union all select n, hash('i', event_id) from c_messaging where event_id is not null
    union all select n, hash('p', destination, partition_id, message_offset)
        from c_link_name where message_offset is not null and partition_id is not null
    union all select n, hash('i', message_id) from c_link_name where message_id is not null
) k join c_span_chain x on x.n = k.n;
