-- Chains: the parts that union made. Each has at most one node that joined nothing: its origin. Where there is none, what
-- is known runs in a circle, and the earliest node is taken (a loose one last). An origin with causes in other chains begins after a batch.

create or replace temp table c_part as
select l.label,
    coalesce(min(l.node) filter (p.u is null), min(l.node) filter (o.node is null), min(l.node)) as origin,
    count(*) filter (p.u is null) = 0 as is_circular
from c_label l
left join (select distinct u from c_pair) p on p.u = l.node
left join (select distinct node from c_loose) o on o.node = l.node
group by l.label;

create or replace temp table c_span_chain as
select s.n, coalesce(p.origin, s.node) as origin
from c_place s
left join c_label l on l.node = s.node
left join c_part p on p.label = l.label;

create or replace temp table c_feed as
select distinct a.origin, b.origin as feeding
from c_node_cause c
join c_span_chain a on a.n = c.node
join c_span_chain b on b.n = c.cause_node
where a.origin <> b.origin;

create or replace temp table c_circular as
select origin from c_part where is_circular
union
select a.origin from c_node_cause c
join c_span_chain a on a.n = c.node
join c_span_chain b on b.n = c.cause_node
where a.origin = b.origin and c.node not in (select u from c_pair)
union
select s.origin from c_in_cycle y join c_span_chain s on s.n = y.n;
