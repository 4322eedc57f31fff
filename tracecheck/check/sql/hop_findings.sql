-- What the hops prove: one row per code, service, destination and group, with the first of its kind as the example.
-- Findings about a send are told once, however many groups received it.
with listed as (
    select c.chain_id, c.correlation_id, h.destination, h.findings, h.outcome, h.producer_service,
        h.attempts, h.consumer_group is null and h.attempts > 1 and not list_contains(h.findings, 'duplicate_delivery')
            as is_apart,
        coalesce(h.consumer_service, h.attempt_spans[1].service) as consumer_service,
        coalesce(h.consumer_group, h.consumer_service, h.attempt_spans[1].service) as consumer_group,
        coalesce(h.consumer_start_unix_nano, h.producer_start_unix_nano) as at_unix_nano,
        case when h.producer_trace_id is not null then struct_pack(
            trace_id := replace(h.producer_trace_id::varchar, '-', ''),
            span_id := lpad(lower(hex(h.producer_span_id)), 16, '0'),
            service := h.producer_service, name := h.producer_name,
            start_unix_nano := h.producer_start_unix_nano, end_unix_nano := h.producer_end_unix_nano,
            destination := h.destination, partition := h.partition_id, "offset" := h.message_offset,
            error := h.producer_error) end as producer,
        case when h.consumer_trace_id is not null then struct_pack(
            trace_id := replace(h.consumer_trace_id::varchar, '-', ''),
            span_id := lpad(lower(hex(h.consumer_span_id)), 16, '0'),
            service := h.consumer_service, name := h.consumer_name,
            start_unix_nano := h.consumer_start_unix_nano, end_unix_nano := h.consumer_end_unix_nano,
            destination := h.destination, consumer_group := h.consumer_group,
            partition := h.partition_id, "offset" := h.message_offset, error := h.consumer_error) end as consumer
    from hop_rows h join chain_rows c using (chain_number)
    where ($chain_id::varchar is null or c.chain_id = $chain_id)
        and ($run_id::varchar is null or list_contains(c.run_ids, $run_id))
        and (len(h.findings) > 0 or h.outcome = 'unobserved')
), coded as (
    select * from (select *, unnest(findings) as code from listed) where code <> 'clock_skew'  -- see skews.sql
    union all
    select *, 'consumer_span_missing' from listed where outcome = 'unobserved'
), found as (
    select code, chain_id, correlation_id, destination, at_unix_nano, producer, consumer,
        attempts, is_apart and code = 'ambiguous' as is_apart,
        case when is_send then producer_service else consumer_service end as service,
        case when not is_send then consumer_group end as consumer_group
    from (select *, code in ('send_failed', 'duplicate_send') as is_send from coded)
    qualify not is_send or row_number() over (partition by code, producer order by at_unix_nano, consumer) = 1
)
select *,
    count(*) over kind as count,
    min(at_unix_nano) over kind as first_unix_nano,
    max(at_unix_nano) over kind as last_unix_nano
from found
window kind as (partition by code, service, destination, consumer_group)
qualify row_number() over (
    partition by code, service, destination, consumer_group order by at_unix_nano, chain_id, consumer, producer) = 1
