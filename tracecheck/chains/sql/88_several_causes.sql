-- A node with several causes joins their chain if, its own part aside, they all are in one. All that can, join at once;
-- refresh repeats it until nothing more does.

create or replace temp table c_more as
select c.node as u, min(b.label) as v
from c_node_cause c join c_label a on a.node = c.node join c_label b on b.node = c.cause_node
where a.label <> b.label and c.node not in (select u from c_pair)
group by c.node having count(distinct b.label) = 1;

insert into c_pair select u, v from c_more;
