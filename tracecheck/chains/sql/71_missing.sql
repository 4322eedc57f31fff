-- Spans that never arrived but must have been there: the absent parents of orphans. One whose children are local (same
-- service; not servers or consumers, and the parent not flagged remote) was a span of that service. In the trace of a
-- message, such a span is (a) another attempt of the last delivery that service already made there before, or
-- (b) the handling of the one message sent there before it that nobody is seen to handle; a remote child proves (b) too,
-- without telling the service.

create or replace temp table c_missing as
select trace_id, missing_span_id, min(n) as n, min(service) filter (is_local) as service,
    min(start_unix_nano) as start_unix_nano, max(end_unix_nano) as end_unix_nano
from c_orphan group by trace_id, missing_span_id;

create or replace temp table c_retried as
with both_sides as (
    select m.trace_id, a.service, m.n, a.message, a.part, a.grp, 0 as is_missing, null::ubigint as missing_span_id
    from (select distinct message, part, grp, service from c_attempt) a join c_message m on m.n = a.message
    where m.trace_id in (select trace_id from c_missing)
    union all
    select trace_id, service, n, null, null, null, 1, missing_span_id from c_missing where service is not null
), numbered as (
    select *, sum(1 - is_missing) over (
        partition by trace_id, service order by n, is_missing desc, part, grp
        rows between unbounded preceding and current row) as g
    from both_sides
)
select g.trace_id, g.missing_span_id, d.message, d.part, d.grp
from (select * from numbered where is_missing = 1) g
join (select * from numbered where is_missing = 0) d
    on d.trace_id = g.trace_id and d.service = g.service and d.g = g.g;

create or replace temp table c_unhandled as
with both_sides as (
    select m.trace_id, m.n, 0 as is_missing, null::ubigint as missing_span_id
    from c_message m
    where m.trace_id in (select trace_id from c_missing) and m.n not in (select message from c_delivery)
    union all
    select g.trace_id, g.n, 1, g.missing_span_id
    from c_missing g
    where not exists (
        select 1 from c_retried r where r.trace_id = g.trace_id and r.missing_span_id = g.missing_span_id)
), numbered as (
    select *, sum(1 - is_missing) over w as g, min(case when is_missing = 0 then n end) over w as message
    from both_sides
    window w as (partition by trace_id order by n, is_missing desc rows between unbounded preceding and current row)
)
select trace_id, missing_span_id, message from numbered where is_missing = 1 and g = 1;

insert into c_ghost
select g.trace_id, g.missing_span_id, g.n, g.service, g.start_unix_nano, g.end_unix_nano, r.message, r.part, r.grp
from c_missing g
join (
    select trace_id, missing_span_id, message, part, grp from c_retried
    union all
    select trace_id, missing_span_id, message, '', null from c_unhandled
) r on r.trace_id = g.trace_id and r.missing_span_id = g.missing_span_id
join c_message m on m.n = r.message;
