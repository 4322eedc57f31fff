-- The causes that decide to which chain a span belongs, where that is not simply its parent. First of all its messages;
-- stale context, if nothing better; the message that a missing parent must have handled.

create or replace temp table c_cause as
select consumer as n, message as cause, 'message' as why from c_edge
union
select n, message, 'stale' from c_stale where n not in (select consumer from c_edge)
union
select o.n, g.message, 'missing' from c_orphan o join c_ghost g
    on g.trace_id = o.trace_id and g.missing_span_id = o.missing_span_id;
