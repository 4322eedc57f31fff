-- Spans, one row per (trace id, span id), numbered in a total order: by start, the longer first, then by id.
-- The store keeps identical repeats out and marks different spans under the same ids; of those, the earliest in (start,
-- content) stands for all.
-- Everything after this file works on these numbers (n), so an earlier span has a smaller one on every machine.

create or replace temp table c_twice as
select trace_id, span_id, arg_min(place, (start_unix_nano, content_hash)) as place
from c_row where conflicting group by trace_id, span_id;

create or replace temp table c_order as
select row_number() over () as n, place, trace_id, span_id, parent_span_id from (
    select place, trace_id, span_id, parent_span_id from c_row r
    where not exists (
        select 1 from c_twice t where t.trace_id = r.trace_id and t.span_id = r.span_id and t.place <> r.place)
    order by start_unix_nano, end_unix_nano desc, trace_id, span_id
);

-- What is asked of every span. The rest is read where it is asked for (c_stored).
create or replace temp table c_spans as
select o.n, p.n as parent, o.place, o.trace_id, o.span_id, o.parent_span_id, s.kind, s.start_unix_nano,
    s.end_unix_nano, s.correlation_id, s.run_id
from c_stored s
join c_order o on o.place = s.place
left join c_order p on p.trace_id = o.trace_id and p.span_id = o.parent_span_id;

create or replace temp view c_parent as select n, parent from c_spans where parent is not null;

create or replace temp table c_conflicting as
select o.n from c_order o join c_twice t on t.place = o.place;

create or replace temp table c_links as
select l.n, l.link.trace_id as target_trace_id, l.link.span_id as target_span_id, t.n as target,
    l.link.partition_id as partition_id, l.link.message_offset as message_offset, l.link.message_id as message_id
from (
    select o.n, unnest(s.links) as link from c_stored s join c_order o on o.place = s.place
    where len(s.links) > 0
) l
left join c_order t on t.trace_id = l.link.trace_id and t.span_id = l.link.span_id;

create or replace temp table c_effect as
select o.n, s.service, event.attributes::json ->> '$."tracecheck.effect.key"' as effect_key
from (
    select place, service, unnest(events) as event from c_stored where len(events) > 0
) s join c_order o on o.place = s.place
where event.name = 'tracecheck.effect' and effect_key is not null;
