-- What each service's spans are like, by the resource and scope that emitted them.
with spans as (
    select *, list_concat(
            string_split(coalesce(attr_keys, ''), chr(31)), string_split(coalesce(attr_int_keys, ''), chr(31))) as keys
    from span_rows where not conflicting
), covering as (
    -- Receives that show their handling: they wrap it, or work of their own service follows below them.
    select distinct r.trace_id, r.span_id
    from span_rows r join span_rows s on s.trace_id = r.trace_id and s.parent_span_id = r.span_id
    where r.operation = 'receive' and (s.start_unix_nano < r.end_unix_nano
        or (s.service = r.service and s.kind in (0, 1, 2) and s.operation is null))
)
select service, resource,
    list(distinct instance) filter (instance is not null) as instances,
    count(*) filter (name not in ($flush_span, $start_span)) as spans,
    count(*) filter (operation in ('create', 'send')) as sends,
    count(*) filter (operation = 'receive') as receives,
    count(*) filter (operation = 'process') as processes,
    count(*) filter (operation = 'receive' and (trace_id, span_id) in (from covering)) as covering,
    count(*) filter (operation is not null and list_has_any(keys, $current)) as current,
    count(*) filter (operation is not null and list_has_any(keys, $old)) as old,
    count(*) filter (operation in ('receive', 'process') and consumer_group is not null) as with_group,
    count(*) filter (
        operation in ('create', 'send') and parent_span_id is null and coalesce(len(links), 0) = 0) as root_sends,
    count(*) filter (name = $flush_span) as flushes,
    sum(dropped_attributes_count + dropped_links_count + dropped_events_count)::bigint as dropped
from spans group by service, resource order by service, resource
