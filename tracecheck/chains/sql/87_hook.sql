-- One round of union: every label that meets a smaller one hooks onto the smallest it meets.

create or replace temp table c_hook as
select a.label as root, min(b.label) as label
from (select u, v from c_pair union all select v, u from c_pair) p
join c_label a on a.node = p.u
join c_label b on b.node = p.v
where b.label < a.label
group by a.label;

create or replace temp table c_label as
select a.node, coalesce(h.label, a.label) as label from c_label a left join c_hook h on h.root = a.label;
