-- One round outwards: chains with a span in a touched trace, a link into one, or the same key; all their traces and keys;
-- and the traces that share a correlation id with a touched one. refresh repeats it until nothing is added.

create or replace temp table c_touched_chain as
select chain_number from chain_trace_rows where trace_id in (select trace_id from c_touched_trace)
union
select chain_number from chain_key_rows where key_hash in (select key_hash from c_touched_key);

-- Each correlation id of a touched trace with every trace it was seen in; 99_progress stores the new ones.
create or replace temp table c_known_correlation as
select correlation_id, trace_id from correlation_rows where trace_id in (select trace_id from c_touched_trace);

create or replace temp table c_new_correlation as
select correlation_id, trace_id from c_new where correlation_id is not null
except
select correlation_id, trace_id from c_known_correlation;

create or replace temp table c_correlated as
select correlation_id, trace_id, false as is_new from correlation_rows
where correlation_id in (
    select correlation_id from c_known_correlation union select correlation_id from c_new_correlation)
union all
select correlation_id, trace_id, true from c_new_correlation;

create or replace temp table c_touched_correlation as
select correlation_id, count(*) as traces, count(*) filter (is_new) as new_traces
from c_correlated group by correlation_id;

-- An id that was a constant before this refresh joins nothing; one that becomes a constant now is looked at once more.
create or replace temp table c_more_trace as
select trace_id from chain_trace_rows where chain_number in (select chain_number from c_touched_chain)
union
select trace_id from c_correlated where correlation_id in (
    select correlation_id from c_touched_correlation
    where traces - new_traces <= getvariable('correlation_trace_cap'))
except
select trace_id from c_touched_trace;

insert into c_touched_trace select trace_id from c_more_trace;

create or replace temp table c_more_key as
select key_hash from chain_key_rows where chain_number in (select chain_number from c_touched_chain)
except
select key_hash from c_touched_key;

insert into c_touched_key select key_hash from c_more_key;
