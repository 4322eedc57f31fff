-- The spans to work on: all of the touched traces. A stored chain's time bounds say where its spans are.

create or replace temp table c_rows as
select conflicting, content_hash, trace_id, span_id, parent_span_id, flags, name, kind, start_unix_nano, end_unix_nano,
    status_code, status_message, service, correlation_id, run_id, system, operation, destination, consumer_group,
    partition_id, message_offset, message_id, event_id, batch_count, retry_of, links,
    list_transform(
        list_filter(events, lambda e: e.name = 'tracecheck.effect'),
        lambda e: e.attributes::json ->> '$."tracecheck.effect.key"') as effect_keys
from span_rows
where trace_id in (select trace_id from c_touched_trace)
    and ingest_number <= (select last_number from c_window)
    and (ingest_number >= (select first_number from c_window)
        or start_unix_nano between
            (select min(start_unix_nano) from chain_rows
                where chain_number in (select chain_number from c_touched_chain))
            and (select max(end_unix_nano) from chain_rows
                where chain_number in (select chain_number from c_touched_chain)));

create or replace temp table c_replaced as
select distinct chain_number from chain_trace_rows
where not is_reference and trace_id in (select trace_id from c_touched_trace);
