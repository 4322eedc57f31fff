-- What each service's spans are like, by the resource and scope that emitted them.
with spans as (
    select *, list_concat(
            string_split(coalesce(attr_keys, ''), chr(31)), string_split(coalesce(attr_int_keys, ''), chr(31))) as keys
    from span_rows where not conflicting
)
select service, resource,
    list(distinct instance) filter (instance is not null) as instances,
    count(*) filter (name not in ($flush_span, $start_span)) as spans,
    count(*) filter (operation in ('create', 'send')) as sends,
    count(*) filter (operation = 'receive') as receives,
    count(*) filter (operation = 'process') as processes,
    count(*) filter (operation is not null and list_has_any(keys, $current)) as current,
    count(*) filter (operation is not null and list_has_any(keys, $old)) as old,
    count(*) filter (operation in ('receive', 'process') and consumer_group is not null) as with_group,
    count(*) filter (
        operation in ('create', 'send') and parent_span_id is null and coalesce(len(links), 0) = 0) as root_sends,
    count(*) filter (name = $flush_span) as flushes,
    sum(dropped_attributes_count + dropped_links_count + dropped_events_count)::bigint as dropped
from spans group by service, resource order by service, resource
