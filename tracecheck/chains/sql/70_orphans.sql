-- Orphans: spans that name a parent which was never stored, and for which nothing else names a cause.

create or replace temp table c_orphan as
select s.n, s.trace_id, s.parent_span_id as missing_span_id, w.service, s.start_unix_nano, s.end_unix_nano,
    s.kind not in (2, 5) and w.flags & 768 <> 768 as is_local
from c_spans s join c_stored w on w.place = s.place
where s.parent is null and s.parent_span_id is not null
    and s.n not in (select consumer from c_edge)
    and s.n not in (select n from c_stale)
    and s.n not in (select n from c_links where target is not null);
