-- The edges between services in one scope (a run, a window, or all): calls and messages, one vote per trace.
--
-- A call is a span with its parent in another service (or a CLIENT span around a SERVER span); its time is what the
-- caller waited beyond the callee's own span. A message's time is its transit. Failed ones have no time. A call whose
-- callee itself made a failing call in the same trace is not held to be that edge's own failure.
with scoped as (
    select chain_number, chain_id from chain_rows where $run_id::varchar is null or list_contains(run_ids, $run_id)
), calls as (
    select caller.service as from_service, callee.service as to_service, 'call' as kind, null::varchar as destination,
        caller.trace_id as trace_id, caller.status_code = 2 or callee.status_code = 2 as failed,
        (caller.end_unix_nano - caller.start_unix_nano) - (callee.end_unix_nano - callee.start_unix_nano) as time_ns
    from chain_span_rows s
    join scoped using (chain_number)
    join span_rows callee on callee.trace_id = s.trace_id and callee.span_id = s.span_id and not callee.conflicting
    join span_rows caller
        on caller.trace_id = s.trace_id and caller.span_id = s.parent_span_id and not caller.conflicting
    where s.role is null and s.parent_span_id is not null
        and (caller.service <> callee.service or (caller.kind = 3 and callee.kind = 2))
        and ($since::bigint is null or caller.start_unix_nano >= $since)
        and ($until::bigint is null or caller.start_unix_nano < $until)
), messages as (
    select producer_service as from_service, consumer_service as to_service, 'message' as kind, destination,
        producer_trace_id as trace_id, outcome in ('failed', 'undelivered') as failed,
        case when outcome = 'undelivered' then producer_end_unix_nano - producer_start_unix_nano
            when list_contains(findings, 'clock_skew') then null else transit_ns end as time_ns
    from hop_rows join scoped using (chain_number)
    where producer_span_id is not null and outcome <> 'unobserved'
        and ($since::bigint is null or producer_start_unix_nano >= $since)
        and ($until::bigint is null or producer_start_unix_nano < $until)
), samples as (
    select from_service, to_service, kind, destination, trace_id, failed, case when not failed then time_ns end as time_ns
    from (from calls union all from messages)
), votes as (
    select from_service, to_service, kind, destination, trace_id, bool_or(failed) as failed,
        median(time_ns)::bigint as time_ns
    from samples group by all
), own as (
    select v.*, v.failed and not (v.kind = 'call' and (v.trace_id, v.to_service) in (
            select (trace_id, from_service) from votes where failed and kind = 'call' and from_service <> to_service
        )) as failed_itself,
        row_number() over (
            partition by from_service, to_service, kind, destination order by time_ns is null, hash(trace_id)) as turn
    from votes v
), counted as (
    select from_service, to_service, kind, destination, count(*) as traces,
        count(*) filter (failed_itself) as traces_failed, list(time_ns) filter (turn <= $most_votes) as votes
    from own group by all
), summed as (
    select from_service, to_service, kind, destination, count(*) as count,
        round(quantile_cont(time_ns, 0.5))::bigint as p50_ns, round(quantile_cont(time_ns, 0.95))::bigint as p95_ns,
        avg(failed::int) as error_rate
    from samples group by all
)
select s.*, c.traces, c.traces_failed, c.votes
from summed s join counted c
    on s.from_service = c.from_service and s.to_service is not distinct from c.to_service and s.kind = c.kind
        and s.destination is not distinct from c.destination
order by s.from_service, s.to_service nulls last, s.kind, s.destination nulls first
