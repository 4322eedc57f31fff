-- Unions that hold once the labels say so: a node with several causes joins their chain if, its own part aside, they
-- share one; loose nodes join the chain of their trace if all its known entries share one. Repeated until nothing more.

create or replace temp table c_more as
select c.node as u, min(b.label) as v
from c_node_cause c join c_label a on a.node = c.node join c_label b on b.node = c.cause_node
where a.label <> b.label and c.node not in (select u from c_pair)
group by c.node having count(distinct b.label) = 1
union
select l.node, k.label
from c_loose l
join c_label a on a.node = l.node
join (
    select e.trace_id, min(b.label) as label
    from c_known_entry e join c_label b on b.node = e.n
    group by e.trace_id having count(distinct b.label) = 1
) k on k.trace_id = l.trace_id
where a.label <> k.label and l.node not in (select u from c_pair);

insert into c_pair select u, v from c_more;
