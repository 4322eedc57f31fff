-- The spans to work on: all of the touched traces, as places in the store. The new ones, and those of stored chains, whose
-- time bounds say where they are.

set variable earliest_start = (
    select min(start_unix_nano) from chain_rows where chain_number in (select chain_number from c_touched_chain));

set variable latest_end = (
    select max(end_unix_nano) from chain_rows where chain_number in (select chain_number from c_touched_chain));

create or replace temp table c_row as
select rowid as place, conflicting, content_hash, trace_id, span_id, parent_span_id, start_unix_nano, end_unix_nano
from span_rows
where ingest_number > getvariable('covered_append') and ingest_number <= getvariable('last_append')
union all
select rowid, conflicting, content_hash, trace_id, span_id, parent_span_id, start_unix_nano, end_unix_nano
from span_rows
where ingest_number <= getvariable('covered_append')
    and start_unix_nano between getvariable('earliest_start') and getvariable('latest_end')
    and trace_id in (select trace_id from c_touched_trace);

set variable earliest_start = (select min(start_unix_nano) from c_row);

set variable latest_start = (select max(start_unix_nano) from c_row);

create or replace temp view c_stored as
select rowid as place, * from span_rows
where start_unix_nano between getvariable('earliest_start') and getvariable('latest_start');

-- A correlation id seen on more traces than the cap is a constant, not an id: it joins nothing.
create or replace temp table c_constant as
select correlation_id from c_touched_correlation where traces > getvariable('correlation_trace_cap');
