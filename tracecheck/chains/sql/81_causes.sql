-- The causes that decide to which chain a span belongs, where that is not simply its parent:
-- its messages (and what it joined with them); stale context, if nothing better; links, if there is no parent; for a
-- receive, what its inner consumers handled; a missing span's message; and for a span that begins a trace, the consumer
-- of the same service and correlation id just before it.

create or replace temp table c_join as
select n, cause from c_joined
union
select l.n, l.target
from c_links l
join c_messaging t on t.n = l.target and t.role <> 'receive'
left join c_message_of m on m.n = l.target
left join c_candidate k on k.consumer = l.n and k.message = m.message
where k.consumer is null and l.target <> l.n and l.n not in (select n from c_producer_span);

create or replace temp table c_inner as
select p.n, k.n as inner_consumer
from c_consumer p join c_consumer k on k.parent = p.n
where p.role = 'receive' and p.parent is null
    and p.n not in (select consumer from c_edge) and p.n not in (select n from c_stale)
    and p.n not in (select n from c_links where target is not null);

create or replace temp table c_root_correlated as
with both_sides as (
    select correlation_id, service, n, 0 as is_root from c_consumer where correlation_id is not null
    union all
    select s.correlation_id, s.service, s.n, 1
    from c_spans s
    where s.parent_span_id is null and s.correlation_id is not null and s.kind in (0, 1, 3, 4) and len(s.links) = 0
        and s.n not in (select n from c_consumer)
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

create or replace temp table c_cause as
with placed as (
    select consumer as n, message as cause, 'message' as why from c_edge
    union all
    select n, message, 'stale' from c_stale where n not in (select consumer from c_edge)
), linked as (
    select l.n, l.target as cause, 'link' as why
    from c_links l left join c_consumer t on t.n = l.target
    where l.target is not null and l.target <> l.n
        and l.n not in (select n from placed)
        and (l.n not in (select n from c_parent) or (t.n is not null and l.n in (select n from c_consumer)))
), inner_causes as (
    select i.n, coalesce(e.message, l.target) as cause, 'inner' as why
    from c_inner i
    left join c_edge e on e.consumer = i.inner_consumer
    left join c_links l on l.n = i.inner_consumer and e.message is null
    where coalesce(e.message, l.target) is not null
), decided as (
    select * from placed
    union
    select * from linked
    union
    select * from inner_causes
    union
    select o.n, g.message, 'missing' from c_orphan o join c_ghost g
        on g.trace_id = o.trace_id and g.missing_span_id = o.missing_span_id
    union
    select n, cause, 'correlation' from c_root_correlated
)
select n, cause, why from decided
union
select j.n, j.cause, 'join' from c_join j where j.n in (select n from decided)
union
select j.n, j.cause, 'join' from c_join j join c_parent p on p.n = j.n
where j.n not in (select n from decided)
union
select j.n, p.parent, 'parent' from c_join j join c_parent p on p.n = j.n
where j.n not in (select n from decided);

create or replace temp table c_several as
select n from c_cause where n in (select n from c_consumer) group by n having count(distinct cause) > 1;
