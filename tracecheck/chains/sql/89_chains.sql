-- Chains: the parts that union made. Each has at most one node that joined nothing: its origin, unless all its causes are
-- its own consequences. Where there is none, what is known runs in a circle, and the earliest span of the part is taken.
-- An origin with causes in several other chains begins after a batch. A chain's number is that of its origin, beyond all
-- numbers that are stored.

-- Nodes that joined none of their causes.
create or replace temp table c_apart_node as
select c.node, a.label, b.label as cause_label
from c_node_cause c join c_label a on a.node = c.node join c_label b on b.node = c.cause_node
where c.node not in (select u from c_pair);

create or replace temp table c_part as
select label, min(node) filter (
    node not in (select u from c_pair)
    and node not in (select node from c_apart_node group by node having bool_and(label = cause_label))) as origin
from c_label group by label;

create or replace temp table c_circle as
select l.label, min(s.n) as origin
from c_part p join c_label l on l.label = p.label join c_place s on s.node = l.node
where p.origin is null
group by l.label;

create or replace temp table c_node_chain as
select l.node, coalesce(p.origin, y.origin) as origin
from c_label l join c_part p on p.label = l.label left join c_circle y on y.label = l.label;

create or replace temp table c_span_chain as
select s.n, coalesce(k.origin, s.node) as origin
from c_place s left join c_node_chain k on k.node = s.node;

create or replace temp table c_feed as
select distinct a.origin, b.origin as feeding
from c_apart_node c
join c_node_chain a on a.node = c.label
join c_node_chain b on b.node = c.cause_label
where a.origin <> b.origin;

create or replace temp table c_circular as
select origin from c_circle
union
select k.origin from c_apart_node c join c_node_chain k on k.node = c.node where c.label = c.cause_label
union
select s.origin from c_in_cycle y join c_span_chain s on s.n = y.n;
