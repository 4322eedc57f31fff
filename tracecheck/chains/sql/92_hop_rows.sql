-- Hops as rows: instants, durations and what is wrong with each. Nothing is clamped or moved.
-- transit = the first attempt's instant (start of a process or CONSUMER receive, end of a CLIENT poll) - producer's end.
-- A receive has a processing time only if it wraps the handler, which its child spans show, or the handler follows it.

create or replace temp table c_hop_ghost as
select h.hop, g.trace_id, g.missing_span_id as span_id, g.service, '' as name, g.start_unix_nano, g.end_unix_nano,
    'span never arrived' as error
from c_ghost g join c_hop h on h.message = g.message and h.part = g.part and h.grp is not distinct from g.grp
    and (g.grp is not null or h.service = g.service)
where g.service is not null;

-- Only where there is more than the one attempt that the row names anyway.
create or replace temp table c_hop_attempt_span as
select hop, list(struct_pack(trace_id := trace_id, span_id := span_id, service := service, name := name,
        start_unix_nano := start_unix_nano, end_unix_nano := end_unix_nano, error := error)
    order by start_unix_nano, trace_id, span_id) as attempt_spans
from (
    select a.hop, s.trace_id, s.span_id, s.service, s.name, s.start_unix_nano, s.end_unix_nano,
        case when s.failed then coalesce(s.status_message, '') when x.failed then x.message end as error
    from c_hop_attempt a join c_consumer s on s.n = a.n left join c_handler x on x.n = a.n
    where a.hop in (select hop from c_hop where attempts > 1 union all select hop from c_hop_ghost)
    union all
    select * from c_hop_ghost
) group by hop;

-- Receives of one message in one service that names no group, handed to handlers of different names: several consumers
-- in one service as likely as one that got it twice.
create or replace temp table c_apart as
select a.hop
from c_hop_attempt a join c_hop h on h.hop = a.hop join c_handler x on x.n = a.n
where h.attempts > 1 and h.consumer_group is null and h.message is not null
group by a.hop having count(distinct x.name) > 1;

create or replace temp table c_stale_hop as
select distinct a.hop from c_hop_attempt a join c_stale x on x.n = a.n;

create or replace temp table c_hop_doubt as
select hop, list_sort(list(distinct doubt)) as doubts from (
    select hop, 'stale_context' as doubt from c_stale_hop
    union all
    select a.hop, 'ambiguous' from c_hop_attempt a
    join (select p.parent from c_unclear u join c_parent p on p.n = u.n) x on x.parent = a.n
    union all
    select hop, 'ambiguous' from c_apart
    union all
    select a.hop, 'conflicting_span' from c_hop_attempt a join c_conflicting x on x.n = a.n
    union all
    select h.hop, 'conflicting_span' from c_hop h join c_conflicting x on x.n = h.message
    union all
    select h.hop, 'duplicate_send' from c_hop h join c_duplicate_send x on x.n = h.message
    union all
    select a.hop, 'orphan' from c_hop_attempt a join c_orphan x on x.n = a.n
    union all
    select a.hop, 'batch_fan_in' from c_hop_attempt a
    join c_hop h on h.hop = a.hop
    join c_span_chain s on s.n = a.n
    where s.origin <> h.origin
    union all
    select h.hop, 'clock_skew' from c_hop h
    join c_message m on m.n = h.message
    join c_consumer f on f.n = h.first_attempt
    where h.first_attempt < h.message and f.kind in (2, 5) and f.start_unix_nano < m.start_unix_nano
    union all
    select hop, 'duplicate_delivery' from c_hop
    where last_attempt > first_success and message is not null and hop not in (select hop from c_apart)
    union all
    select h.hop, 'send_failed' from c_hop h join c_message m on m.n = h.message where m.failed
    union all
    select hop, 'processing_failed' from c_hop where attempts > 0 and first_success is null
    union all
    select hop, 'context_lost' from c_hop where evidence > 0 and hop not in (select hop from c_stale_hop)
    union all
    select hop, 'ambiguous' from c_hop where ambiguous
) group by hop;

insert into hop_rows by name
select h.origin + getvariable('last_chain') as chain_number, h.outcome, h.consumer_group,
    coalesce(m.system, f.system) as system,
    coalesce(m.destination, f.destination) as destination,
    coalesce(m.partition_id, h.partition_id) as partition_id,
    coalesce(m.message_offset, h.message_offset) as message_offset,
    coalesce(m.message_id, h.message_id) as message_id,
    m.trace_id as producer_trace_id, m.span_id as producer_span_id, m.service as producer_service,
    m.name as producer_name, m.start_unix_nano as producer_start_unix_nano, m.end_unix_nano as producer_end_unix_nano,
    case when m.failed then coalesce(m.status_message, '') end as producer_error,
    c.trace_id as consumer_trace_id, c.span_id as consumer_span_id, c.service as consumer_service,
    c.name as consumer_name, c.start_unix_nano as consumer_start_unix_nano, c.end_unix_nano as consumer_end_unix_nano,
    case when c.failed then coalesce(c.status_message, '') when x.failed then x.message end as consumer_error,
    case h.evidence when 0 then 'context' when 1 then 'identity' when 2 then 'correlation' end as evidence,
    h.context,
    case when f.role = 'process' or f.kind in (2, 5) then f.start_unix_nano else f.end_unix_nano end - m.end_unix_nano
        as transit_ns,
    case when f.role = 'process' then 'process_start' when f.kind in (2, 5) then 'receive_start'
        when f.n is not null then 'poll_end' end as consumer_instant,
    case when x.n is not null then x.end_unix_nano - x.start_unix_nano
        when f.role = 'process' or w.n is not null then c.end_unix_nano - c.start_unix_nano end as processing_ns,
    case when h.first_success is not null and (f.role = 'process' or x.n is not null or w.n is not null)
        then coalesce(x.end_unix_nano, c.end_unix_nano) - m.end_unix_nano end as succeeded_after_ns,
    case
        when b.hop is not null then b.attempt_spans
        when c.n is not null then [struct_pack(trace_id := c.trace_id, span_id := c.span_id, service := c.service,
            name := c.name, start_unix_nano := c.start_unix_nano, end_unix_nano := c.end_unix_nano,
            error := case when c.failed then coalesce(c.status_message, '')
                when x.failed then x.message end)]
        else []
    end as attempt_spans,
    case when b.hop is not null then len(b.attempt_spans) when c.n is not null then 1 else 0 end as attempts,
    coalesce(d.doubts, []) as findings
from c_hop h
left join c_message m on m.n = h.message
left join c_consumer f on f.n = h.first_attempt
left join c_consumer c on c.n = coalesce(h.first_success, h.last_attempt)
left join c_handler x on x.n = c.n
left join c_wrapping w on w.n = c.n
left join c_hop_attempt_span b on b.hop = h.hop
left join c_hop_doubt d on d.hop = h.hop
order by h.origin, coalesce(h.message, h.first_attempt), h.part, h.grp, h.service;
