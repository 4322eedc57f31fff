-- Edges by context: a consumer whose parent or link is a producer span consumed its message.
-- A consumer of one message (its parent is a producer, or it names a position or id and no batch) may carry further
-- links: those are joins, other things it waited for. Its own message is its parent, else the link with its identity,
-- else the one to its destination. If it links to its own absent parent, that absent span was its producer.

create or replace temp table c_candidate as
select e.n as consumer, m.message, min(e.via) as via,
    max(e.partition_id) as partition_id, max(e.message_offset) as message_offset, max(e.message_id) as message_id
from (
    select n, parent as cause, 'parent' as via, null::varchar as partition_id, null::bigint as message_offset,
        null::varchar as message_id
    from c_consumer where parent is not null
    union all
    select l.n, l.target, 'zlink', l.partition_id, l.message_offset, l.message_id
    from c_links l join c_consumer c on c.n = l.n where l.target is not null
) e join c_message_of m on m.n = e.cause
group by e.n, m.message;

create or replace temp table c_scored as
select k.consumer, k.message, case k.via when 'parent' then 'parent' else 'link' end as via,
    k.partition_id, k.message_offset, k.message_id,
    k.via = 'parent' as is_parent,
    coalesce(c.batch_count, 1) <= 1 and (c.message_offset is not null or c.message_id is not null) as names_one,
    c.parent is null and c.n in (
        select l.n from c_links l join c_consumer o on o.n = l.n
        where l.target is null and l.target_trace_id = o.trace_id and l.target_span_id = o.parent_span_id) as own_absent,
    case
        when k.via = 'parent' then 4
        when k.message_offset = c.message_offset and k.partition_id is not distinct from c.partition_id then 3
        when k.message_id = c.message_id then 3
        when m.destination = c.destination then 2
        else 1
    end as fit
from c_candidate k join c_consumer c on c.n = k.consumer join c_message m on m.n = k.message;

create or replace temp table c_judged as
select *, not own_absent and (
    not (bool_or(is_parent) over w or names_one) or fit = max(fit) over w) as is_own
from c_scored window w as (partition by consumer);

create or replace temp table c_context as
select consumer, message, via, partition_id, message_offset, message_id from c_judged where is_own;

create or replace temp table c_joined as
select consumer as n, message as cause from c_judged where not is_own;
