-- Edges by context: a consumer whose parent or link is a producer span consumed its message.
-- A consumer of one message (its parent is a producer, or it names a position or id and no batch) may carry further
-- links: those are joins, other things it waited for. Its own message is its parent, else the link with its identity,
-- else the one to its destination. If it links to its own absent parent, that absent span was its producer.

create or replace temp table c_candidate as
with above as (
    select c.n as consumer, m.message from c_consumer c join c_message_of m on m.n = c.parent
), linked as (
    select l.n as consumer, m.message, max(l.partition_id) as partition_id, max(l.message_offset) as message_offset,
        max(l.message_id) as message_id
    from c_links l join c_message_of m on m.n = l.target
    where l.n in (select n from c_consumer)
    group by l.n, m.message
)
select coalesce(a.consumer, l.consumer) as consumer, coalesce(a.message, l.message) as message,
    a.consumer is not null as is_parent, l.partition_id, l.message_offset, l.message_id
from above a full join linked l on l.consumer = a.consumer and l.message = a.message;

create or replace temp table c_own_absent as
select distinct l.n from c_links l join c_consumer c on c.n = l.n
where c.parent is null and l.target is null
    and l.target_trace_id = c.trace_id and l.target_span_id = c.parent_span_id;

create or replace temp table c_judged as
with several as (
    select consumer from c_candidate group by consumer having count(*) > 1
), scored as (
    select k.consumer, k.message, k.is_parent,
        coalesce(c.batch_count, 1) <= 1 and (c.message_offset is not null or c.message_id is not null) as names_one,
        case
            when k.is_parent then 4
            when k.message_offset = c.message_offset and k.partition_id is not distinct from c.partition_id then 3
            when k.message_id = c.message_id then 3
            when m.destination = c.destination then 2
            else 1
        end as fit
    from c_candidate k join c_consumer c on c.n = k.consumer join c_message m on m.n = k.message
    where k.consumer in (select consumer from several)
), joined as (
    select consumer, message from scored
    window w as (partition by consumer)
    qualify fit < max(fit) over w and (bool_or(is_parent) over w or names_one)
)
select *, consumer not in (select n from c_own_absent)
    and (consumer, message) not in (select consumer, message from joined) as is_own
from c_candidate;
