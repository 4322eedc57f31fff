-- Those still walking stand in very deep traces or above a parent cycle: all spans of these traces point to their parent,
-- and the pointers are doubled (refresh repeats the next file). A pointer that rests on a consumer or a root is done.

create or replace temp table c_pointer as
select s.n, coalesce(s.parent, s.n) as at,
    s.parent is null or s.parent in (select n from c_consumer) as done
from c_spans s
where s.trace_id in (select w.trace_id from c_frontier f join c_spans w on w.n = f.n);
