-- One round outwards: chains with a span in a touched trace, a link into one, or the same key; all their traces and keys;
-- and the traces that share a correlation id with a touched one. refresh repeats it until nothing is added.

create or replace temp table c_touched_chain as
select chain_number from chain_trace_rows where trace_id in (select trace_id from c_touched_trace)
union
select chain_number from chain_key_rows where key_hash in (select key_hash from c_touched_key);

create or replace temp table c_touched_correlation as
select r.correlation_id, count(*) as traces, count(n.trace_id) as new_traces
from correlation_rows r
left join c_new_correlation n on n.correlation_id = r.correlation_id and n.trace_id = r.trace_id
where r.correlation_id in (
    select correlation_id from correlation_rows where trace_id in (select trace_id from c_touched_trace))
group by r.correlation_id;

-- An id that was a constant before this refresh joins nothing; one that becomes a constant now is looked at once more.
create or replace temp table c_more_trace as
select trace_id from chain_trace_rows where chain_number in (select chain_number from c_touched_chain)
union
select trace_id from correlation_rows where correlation_id in (
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
