-- What a refresh must look at again: the traces of new spans, and with them every stored chain they may touch.

-- Of the spans that are not in the tables yet, the first appends that fit into one window: memory is bounded by it. What
-- a window's spans touch in earlier ones is looked up exactly, however far back.
create or replace temp table c_window as
with left_over as (
    select ingest_number, count(*) as spans from span_rows
    where ingest_number > (select coalesce(max(ingest_number), 0) from chain_progress)
    group by ingest_number
), counted as (
    select ingest_number, sum(spans) over (order by ingest_number) - spans as before from left_over
)
select min(ingest_number) as first_number,
    coalesce(max(ingest_number), (select max(ingest_number) from span_rows)) as last_number
from counted
where before < (select window_spans from c_settings);

create or replace temp table c_touched_trace as
select distinct trace_id from span_rows
where ingest_number between (select first_number from c_window) and (select last_number from c_window);

create or replace temp table c_new_correlation as
select distinct correlation_id, trace_id from span_rows
where ingest_number between (select first_number from c_window) and (select last_number from c_window) and correlation_id is not null
except
select correlation_id, trace_id from correlation_rows;

insert into correlation_rows select correlation_id, trace_id from c_new_correlation;

-- An id that was a constant before this refresh joins nothing; one that becomes a constant now is looked at once more.
create or replace temp table c_old_constant as
select r.correlation_id
from (select correlation_id, count(*) as traces from correlation_rows group by correlation_id) r
left join (select correlation_id, count(*) as traces from c_new_correlation group by correlation_id) n
    on n.correlation_id = r.correlation_id
where r.traces - coalesce(n.traces, 0) > (select correlation_trace_cap from c_settings);

create or replace temp table c_touched_key as
select distinct key_hash from (
    select message_offset, message_id, event_id,
        hash('p', destination, partition_id, message_offset) as position_hash,
        hash('i', message_id) as message_hash, hash('i', event_id) as event_hash
    from span_rows
    where ingest_number between (select first_number from c_window) and (select last_number from c_window)
) unpivot (key_hash for named in (position_hash, message_hash, event_hash))
where case named when 'position_hash' then message_offset is not null
    when 'message_hash' then message_id is not null else event_id is not null end;

insert into c_touched_key
select distinct key_hash from (
    select hash('p', destination, link.partition_id, link.message_offset) as key_hash
    from (
        select destination, unnest(links) as link from span_rows
        where ingest_number between (select first_number from c_window) and (select last_number from c_window) and len(links) > 0
    ) where link.partition_id is not null and link.message_offset is not null
    union
    select hash('i', link.message_id)
    from (
        select unnest(links) as link from span_rows
        where ingest_number between (select first_number from c_window) and (select last_number from c_window) and len(links) > 0
    ) where link.message_id is not null
) where key_hash not in (select key_hash from c_touched_key);

insert into c_touched_trace
select distinct link.trace_id from (
    select unnest(links) as link from span_rows
    where ingest_number between (select first_number from c_window) and (select last_number from c_window) and len(links) > 0
) where link.trace_id not in (select trace_id from c_touched_trace);
