-- Every span's node. Spans whose pointer never finished are in or below a parent cycle: those of one trace form a node.

create or replace temp table c_in_cycle as
select w.n, s.trace_id, min(w.n) over (partition by s.trace_id) as node
from c_pointer w join c_spans s on s.n = w.n where not w.done;

create or replace temp table c_place as
select s.n, coalesce(y.node, w.at, t.node) as node
from c_spans s
left join c_pointer w on w.n = s.n
left join c_in_cycle y on y.n = s.n
left join c_plain_trace t on t.trace_id = s.trace_id;

create or replace temp table c_node_cause as
select distinct a.node, b.node as cause_node
from c_cause c join c_place a on a.n = c.n join c_place b on b.n = c.cause
where a.node = c.n;

-- Loose nodes of mixed traces: their parent never arrived, or they are a cycle.
create or replace temp table c_loose as
select n as node, trace_id, parent_span_id as missing_span_id
from c_entry where is_loose and trace_id in (select trace_id from c_mixed_trace)
union
select node, trace_id, null from c_in_cycle;

-- Unions that always hold: a node with one cause joins it. Loose nodes under one absent parent belong together; where
-- nothing in the trace has a known place, all its loose nodes do.
create or replace temp table c_pair as
select node as u, min(cause_node) as v from c_node_cause
group by node having count(*) = 1 and min(cause_node) <> node
union
select node, first_node from (
    select l.node, min(l.node) over (partition by l.trace_id,
        case when l.trace_id in (select trace_id from c_known_entry) then coalesce(l.missing_span_id, 0) end,
        case when l.trace_id in (select trace_id from c_known_entry) then l.missing_span_id is null end
    ) as first_node
    from c_loose l
) where first_node <> node;

create or replace temp table c_label as
select node, node as label from (
    select node from c_node_cause union select cause_node from c_node_cause
    union select node from c_loose
    union select n from c_known_entry where trace_id in (select trace_id from c_loose)
);
