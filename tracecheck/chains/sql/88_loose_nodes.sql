-- A loose node joins the chain of its trace if everything in that trace with a known place is in one chain. Only once no
-- node with several causes can join any more: what a span's causes say goes before where it was found.

create or replace temp table c_more as
select l.node as u, k.label as v
from c_loose l
join c_label a on a.node = l.node
join (
    select e.trace_id, min(b.label) as label
    from c_known_entry e join c_label b on b.node = e.n
    group by e.trace_id having count(distinct b.label) = 1
) k on k.trace_id = l.trace_id
where a.label <> k.label and l.node not in (select u from c_pair);

insert into c_pair select u, v from c_more;
