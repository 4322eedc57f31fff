-- A span that begins a trace goes by the consumer of the same service and correlation id just before it: its handler lost
-- the context. Not servers and consumers: what they begin came from elsewhere.

create or replace temp table c_root_correlated as
with both_sides as (
    select correlation_id, service, n, 0 as is_root from c_consumer where correlation_id is not null
    union all
    select s.correlation_id, w.service, s.n, 1
    from c_spans s join c_stored w on w.place = s.place
    where s.parent_span_id is null and s.correlation_id is not null and s.kind in (0, 1, 3, 4)
        and s.n not in (select n from c_links) and s.n not in (select n from c_consumer)
        and s.correlation_id not in (select correlation_id from c_constant)
), numbered as (
    select *, sum(1 - is_root) over (
        partition by correlation_id, service order by n, is_root
        rows between unbounded preceding and current row) as g
    from both_sides
)
select r.n, c.n as cause
from (select * from numbered where is_root = 1) r
join (select * from numbered where is_root = 0) c
    on c.correlation_id = r.correlation_id and c.service = r.service and c.g = r.g;

insert into c_cause select n, cause, 'correlation' from c_root_correlated;
