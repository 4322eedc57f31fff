-- What people query: hex ids, attributes as maps. Every column is described in tracecheck/store/README.md.

create macro hex_trace_id(id) as replace(id::varchar, '-', '');

create macro hex_span_id(id) as format('{:016x}', id);

-- Keys come joined by U+001F; U+001E and a letter after a key mark a type. NULL is "no keys", '' is one empty key.
create macro attribute_names(keys) as list_transform(string_split(keys, chr(31)), lambda k: split_part(k, chr(30), 1));

create macro attribute_map(keys, vals, int_keys, ints) as map(
    list_concat(
        coalesce(attribute_names(keys), []::varchar[]),
        coalesce(string_split(int_keys, chr(31)), []::varchar[])
    ),
    list_concat(
        coalesce(
            list_transform(
                list_zip(string_split(keys, chr(31)), vals),
                lambda pair: case when ends_with(pair[1], chr(30) || 'e') then null else pair[2] end
            ),
            []::varchar[]
        ),
        coalesce(ints::varchar[], []::varchar[])
    )
);

create view spans as
select
    hex_trace_id(trace_id) as trace_id,
    hex_span_id(span_id) as span_id,
    hex_span_id(parent_span_id) as parent_span_id,
    service,
    instance,
    host,
    name,
    ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'][kind + 1] as kind,
    start_unix_nano,
    end_unix_nano,
    end_unix_nano - start_unix_nano as duration_ns,
    ['unset', 'ok', 'error'][status_code + 1] as status,
    status_message,
    correlation_id,
    run_id,
    system,
    operation,
    destination,
    consumer_group,
    partition_id,
    message_offset,
    message_id,
    message_key,
    event_id,
    batch_count,
    record_time_unix_nano,
    attempt,
    retry_of,
    tombstone,
    attribute_map(attr_keys, attr_vals, attr_int_keys, attr_ints) as attributes,
    (resource -> 'attributes')::map(varchar, varchar) as resource_attributes,
    resource ->> '$.scope.name' as scope_name,
    resource ->> '$.scope.version' as scope_version,
    (resource -> '$.scope.attributes')::map(varchar, varchar) as scope_attributes,
    trace_state,
    flags,
    coalesce(len(links), 0) as link_count,
    coalesce(len(events), 0) as event_count,
    dropped_attributes_count,
    dropped_links_count,
    dropped_events_count,
    conflicting,
    time_overflow,
    ingest_number,
    ingested_unix_nano
from span_rows;

create view span_links as
select
    hex_trace_id(trace_id) as trace_id,
    hex_span_id(span_id) as span_id,
    position,
    hex_trace_id(link.trace_id) as linked_trace_id,
    hex_span_id(link.span_id) as linked_span_id,
    link.partition_id as partition_id,
    link.message_offset as message_offset,
    link.message_id as message_id,
    coalesce(link.attributes, '{}')::json::map(varchar, varchar) as attributes,
    link.trace_state as trace_state,
    link.flags as flags,
    link.dropped_attributes_count as dropped_attributes_count,
    start_unix_nano
from (select trace_id, span_id, start_unix_nano, unnest(links) as link, generate_subscripts(links, 1) as position from span_rows);

create view span_events as
select
    hex_trace_id(trace_id) as trace_id,
    hex_span_id(span_id) as span_id,
    position,
    least(event.time_unix_nano, 9223372036854775807)::bigint as time_unix_nano,
    event.name as name,
    coalesce(event.attributes, '{}')::json::map(varchar, varchar) as attributes,
    event.dropped_attributes_count as dropped_attributes_count,
    start_unix_nano
from (select trace_id, span_id, start_unix_nano, unnest(events) as event, generate_subscripts(events, 1) as position from span_rows);
