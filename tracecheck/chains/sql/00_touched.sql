-- What a refresh must look at again: the traces of new spans, and with them every stored chain they may touch.
-- What bounds the work are variables: known when a statement is planned, they keep it from reading the rest of the store.

set variable last_chain = (select coalesce(max(chain_number), 0) from chain_rows);

set variable covered_append = (select coalesce(max(ingest_number), 0) from chain_progress);

-- Of the spans that are not in the tables yet, the first appends that fit into one window: memory is bounded by it. What
-- a window's spans touch in earlier ones is looked up exactly, however far back.
set variable last_append = (
    select coalesce(max(ingest_number), (select max(ingest_number) from span_rows))
    from (
        select ingest_number, sum(count(*)) over (order by ingest_number) - count(*) as before
        from span_rows where ingest_number > getvariable('covered_append') group by ingest_number
    )
    where before < getvariable('window_spans')
);

create or replace temp view c_new as
select * from span_rows
where ingest_number > getvariable('covered_append') and ingest_number <= getvariable('last_append');

create or replace temp table c_touched_trace as
select trace_id from c_new
union
select link.trace_id from (select unnest(links) as link from c_new where len(links) > 0);

-- Keys matter only where there is a chain that they may lead to.
create or replace temp table c_touched_key as
select hash('p', destination, partition_id, message_offset) as key_hash from c_new
where message_offset is not null and partition_id is not null and getvariable('last_chain') > 0
union
select hash('i', message_id) from c_new where message_id is not null and getvariable('last_chain') > 0
union
select hash('i', event_id) from c_new where event_id is not null and getvariable('last_chain') > 0
union
select hash('p', destination, link.partition_id, link.message_offset)
from (select destination, unnest(links) as link from c_new where len(links) > 0 and getvariable('last_chain') > 0)
where link.partition_id is not null and link.message_offset is not null
union
select hash('i', link.message_id)
from (select unnest(links) as link from c_new where len(links) > 0 and getvariable('last_chain') > 0)
where link.message_id is not null;
