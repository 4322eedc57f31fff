-- Spans, one row per (trace id, span id), numbered in a total order: by start, the longer first, then by id.
-- The store keeps identical repeats out and marks different spans under the same ids; of those, the earliest in (start,
-- content) stands for all.
-- Everything after this file works on these numbers (n), so an earlier span has a smaller one on every machine.

create or replace temp table c_twice as
select distinct trace_id, span_id from c_rows where conflicting;

-- Only the key is sorted; whole rows would be moved through the sort, at twice the cost.
create or replace temp table c_order as
select row_number() over (order by start_unix_nano, end_unix_nano desc, trace_id, span_id) as n, place
from (
    select r.rowid as place, r.start_unix_nano, r.end_unix_nano, r.trace_id, r.span_id from c_rows r
    where not exists (select 1 from c_twice t where t.trace_id = r.trace_id and t.span_id = r.span_id)
    union all
    select r.rowid, r.start_unix_nano, r.end_unix_nano, r.trace_id, r.span_id
    from c_rows r join c_twice t on t.trace_id = r.trace_id and t.span_id = r.span_id
    qualify row_number() over (
        partition by r.trace_id, r.span_id order by r.start_unix_nano, r.content_hash) = 1
);

create or replace temp table c_spans as
select o.n, r.* from c_rows r join c_order o on o.place = r.rowid;

create or replace temp table c_conflicting as
select n from c_spans where conflicting;

create or replace temp table c_parent as
select s.n, p.n as parent
from c_spans s join c_spans p on p.trace_id = s.trace_id and p.span_id = s.parent_span_id;

create or replace temp table c_links as
select l.n, l.link.trace_id as target_trace_id, l.link.span_id as target_span_id, t.n as target,
    l.link.partition_id as partition_id, l.link.message_offset as message_offset, l.link.message_id as message_id
from (select n, unnest(links) as link from c_spans where len(links) > 0) l
left join c_spans t on t.trace_id = l.link.trace_id and t.span_id = l.link.span_id;

-- A correlation id seen on more traces than the cap is a constant, not an id: it joins nothing.
create or replace temp table c_constant as
select correlation_id from correlation_rows group by correlation_id
having count(*) > (select correlation_trace_cap from c_settings);
