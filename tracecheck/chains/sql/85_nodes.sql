-- Chains are found over nodes, not spans. A plain trace is one node: it is entered once at most, and every parent and
-- cause inside it comes earlier, so everything in it follows from its entry (or, beside a root, belongs to it). In the
-- other traces a node is a span with deciding causes, or without a stored parent, and everything below it; their spans
-- point up until they reach it.

create or replace temp table c_cause_place as
select c.n, c.cause, a.trace_id, a.trace_id <> b.trace_id as is_from_outside
from c_cause c join c_spans a on a.n = c.n join c_spans b on b.n = c.cause;

create or replace temp table c_entry as
select n, trace_id, parent_span_id,
    parent_span_id is not null and n not in (select n from c_cause) as is_loose,
    n in (select n from c_cause_place where is_from_outside) as is_from_outside
from c_spans where parent is null;

create or replace temp table c_known_entry as
select n, trace_id from c_entry where not is_loose and (is_from_outside or n not in (select n from c_cause));

create or replace temp table c_mixed_trace as
select trace_id from c_known_entry group by trace_id having count(*) > 1
union
select trace_id from c_entry group by trace_id having bool_or(is_loose) and bool_or(is_from_outside)
union
select trace_id from c_spans where parent >= n
union
select trace_id from c_cause_place
where case when is_from_outside then n not in (select n from c_known_entry) else cause >= n end;

create or replace temp table c_plain_trace as
select trace_id, coalesce(min(n) filter (n in (select n from c_known_entry)), min(n)) as node
from c_entry where trace_id not in (select trace_id from c_mixed_trace)
group by trace_id;

create or replace temp table c_pointer as
select n, case when n in (select n from c_cause) then n else coalesce(parent, n) end as at,
    n in (select n from c_cause) or parent is null as done
from c_spans where trace_id in (select trace_id from c_mixed_trace);
