-- Host pairs whose clocks disagree: one row per pair, with the hop that is furthest apart as the example. A host is
-- host.name, else the service. ahead_ns: at least so far is the producer's clock ahead of the consumer's.
with early as (
    select c.chain_id, c.correlation_id, h.*, h.attempt_spans[1] as attempt,
        h.producer_start_unix_nano - h.attempt_spans[1].start_unix_nano as ahead_ns
    from hop_rows h join chain_rows c using (chain_number)
    where list_contains(h.findings, 'clock_skew')
        and ($chain_id::varchar is null or c.chain_id = $chain_id)
        and ($run_id::varchar is null or list_contains(c.run_ids, $run_id))
), hosts as (
    select trace_id, span_id, min(host) as host
    from span_rows
    where (trace_id, span_id) in (
        select (producer_trace_id, producer_span_id) from early
        union all
        select (attempt.trace_id, attempt.span_id) from early)
    group by trace_id, span_id
), paired as (
    select e.*, coalesce(p.host, e.producer_service) as producer_host, coalesce(a.host, e.attempt.service) as consumer_host
    from early e
    left join hosts p on p.trace_id = e.producer_trace_id and p.span_id = e.producer_span_id
    left join hosts a on a.trace_id = e.attempt.trace_id and a.span_id = e.attempt.span_id
)
select chain_id, correlation_id, destination, consumer_group, producer_host, consumer_host, ahead_ns,
    struct_pack(
        trace_id := replace(producer_trace_id::varchar, '-', ''),
        span_id := lpad(lower(hex(producer_span_id)), 16, '0'),
        service := producer_service, name := producer_name,
        start_unix_nano := producer_start_unix_nano, end_unix_nano := producer_end_unix_nano,
        destination := destination, partition := partition_id, "offset" := message_offset) as producer,
    struct_pack(
        trace_id := replace(attempt.trace_id::varchar, '-', ''),
        span_id := lpad(lower(hex(attempt.span_id)), 16, '0'),
        service := attempt.service, name := attempt.name,
        start_unix_nano := attempt.start_unix_nano, end_unix_nano := attempt.end_unix_nano,
        destination := destination, consumer_group := consumer_group,
        partition := partition_id, "offset" := message_offset) as consumer,
    count(*) over pair as count,
    min(attempt.start_unix_nano) over pair as first_unix_nano,
    max(attempt.start_unix_nano) over pair as last_unix_nano
from paired
window pair as (partition by producer_host, consumer_host)
qualify row_number() over (
    partition by producer_host, consumer_host order by ahead_ns desc, attempt.start_unix_nano, chain_id) = 1
