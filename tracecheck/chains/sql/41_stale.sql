-- Context that contradicts identity (a forwarded header): the span it names did not produce this message. Told only for
-- a consumer of one message. In systems where both sides name the same place: another destination, or another position.
-- Anywhere: another message has the consumer's position or id, and this one does not. Stale context is no message edge;
-- weaker evidence may find the true producer, and never that same one.

create or replace temp table c_suspect as
select * from (
    select o.n, o.message, o.is_parent, c.system, c.destination, c.partition_id, c.message_offset, c.message_id,
        c.system in ('kafka', 'aws_sqs') and m.system = c.system and c.destination <> m.destination
            and (c.role = 'process' or o.is_parent) as elsewhere,
        m.destination = c.destination and m.partition_id is not null and c.partition_id is not null
            and (m.partition_id <> c.partition_id or m.message_offset <> c.message_offset) as other_position,
        coalesce(m.message_offset = c.message_offset and m.partition_id = c.partition_id, false) as same_position,
        coalesce(c.message_id in (m.message_id, m.event_id), false)
            or coalesce(c.event_id in (m.message_id, m.event_id), false) as same_id
    from (
        select consumer as n, min(message) as message, bool_or(is_parent) as is_parent
        from c_judged where is_own group by consumer having count(*) = 1
    ) o join c_consumer c on c.n = o.n join c_message m on m.n = o.message
    where coalesce(m.batch_count, 1) <= 1 and coalesce(c.batch_count, 1) <= 1
) where elsewhere or other_position
    or not same_position and (message_offset is not null or message_id is not null and not same_id);

create or replace temp table c_stale as
select n, message, case when is_parent then 'parent' else 'link' end as via
from c_suspect s
where elsewhere or (other_position and not same_id)
    or (not same_position and (n in (
        select t.n from c_suspect t join c_message m
            on m.system = t.system and m.destination = t.destination
            and m.partition_id = t.partition_id and m.message_offset = t.message_offset)))
    or (not same_id and not same_position and (n in (
        select t.n from c_suspect t join c_message m
            on m.system = t.system and m.destination = t.destination and m.message_id = t.message_id)));

create or replace temp table c_edge as
select consumer, message, 0 as evidence, case when is_parent then 'parent' else 'link' end as via, via as context,
    partition_id, message_offset, message_id, consumer as basis, false as ambiguous
from c_judged
where is_own and consumer not in (select n from c_stale);

-- What links that lead to no message say of theirs, unless the consumer says itself which one message it handled.
create or replace temp table c_link_name as
select distinct c.n, c.role, c.system, c.destination, l.partition_id, l.message_offset, l.message_id
from c_links l join c_consumer c on c.n = l.n
where (l.message_id is not null or (l.partition_id is not null and l.message_offset is not null))
    and (l.target is null or l.target not in (select n from c_messaging))
    and (c.batch_count > 1 or (c.message_offset is null and c.message_id is null))
    and c.n not in (select consumer from c_edge where context = 'parent');
