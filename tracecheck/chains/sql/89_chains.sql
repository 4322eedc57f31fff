-- Chains: the parts that union made. Each has at most one node that joined nothing: its origin, unless all its causes are
-- its own consequences. Where there is none, what is known runs in a circle, and the earliest span of the part is taken.
-- An origin with causes in several other chains begins after a batch. A chain's number is that of its origin, beyond all
-- numbers that are stored.

create or replace temp table c_inward as
select c.node
from c_node_cause c join c_label a on a.node = c.node join c_label b on b.node = c.cause_node
where c.node not in (select u from c_pair)
group by c.node having bool_and(a.label = b.label);

create or replace temp table c_part as
select l.label, min(l.node) filter (p.u is null and i.node is null) as origin
from c_label l
left join (select distinct u from c_pair) p on p.u = l.node
left join c_inward i on i.node = l.node
group by l.label;

create or replace temp table c_circle as
select l.label, min(s.n) as origin
from c_part p join c_label l on l.label = p.label join c_place s on s.node = l.node
where p.origin is null
group by l.label;

create or replace temp table c_span_chain as
select s.n, coalesce(p.origin, y.origin, s.node) as origin,
    coalesce(p.origin, y.origin, s.node) + z.last_chain as chain_number
from c_place s cross join c_settings z
left join c_label l on l.node = s.node
left join c_part p on p.label = l.label
left join c_circle y on y.label = l.label;

create or replace temp table c_feed as
select distinct a.origin, b.origin as feeding
from c_node_cause c
join c_span_chain a on a.n = c.node
join c_span_chain b on b.n = c.cause_node
where a.origin <> b.origin;

create or replace temp table c_circular as
select origin from c_circle
union
select a.origin from c_node_cause c
join c_span_chain a on a.n = c.node
join c_span_chain b on b.n = c.cause_node
where a.origin = b.origin and c.node not in (select u from c_pair)
union
select s.origin from c_in_cycle y join c_span_chain s on s.n = y.n;
