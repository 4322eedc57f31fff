-- The causes that decide to which chain a span belongs, where that is not simply its parent. First of all its messages;
-- stale context, if nothing better; the message that a missing parent must have handled.

create or replace temp table c_cause as
select consumer as n, message as cause, 'message' as why from c_edge
union all
select n, message, 'stale' from c_stale where n not in (select consumer from c_edge)
union all
select distinct o.n, g.message, 'missing' from c_orphan o join c_ghost g
    on g.trace_id = o.trace_id and g.missing_span_id = o.missing_span_id;

-- Links that are no message of their span, or not its only kind of cause: what 81_links looks at.
create or replace temp table c_other_link as
select l.n, l.target from c_links l left join c_message_of m on m.n = l.target
where l.target is not null and l.target <> l.n
    and (l.n not in (select n from c_cause) or not exists (
        select 1 from c_candidate k where k.consumer = l.n and k.message = m.message));
