-- Deliveries: one message at one consumer group. The group is the span's own, else the one its service names elsewhere
-- for this message, else the service, which of RabbitMQ's may consume one message at several places: what a queue gives
-- up goes to another. A batch send is one message per position or id its consumers name, else per
-- consumer. Attempts are process spans, else receive spans; one directly or deeper inside another is the same attempt.

create or replace temp table c_group_elsewhere as
select e.message, c.service, max(c.consumer_group) as consumer_group
from c_edge e join c_consumer c on c.n = e.consumer
where e.message in (
    select u.message from c_edge u join c_consumer d on d.n = u.consumer where d.consumer_group is null)
group by e.message, c.service;

-- All consumers of a delivery; they agree in message, part and group.
create or replace temp table c_attempt as
select e.consumer, e.message, e.evidence, e.context, e.ambiguous, c.role,
    c.failed or c.n in (select n from c_handler where failed) as failed, c.service, c.consumer_group,
    coalesce(e.partition_id, c.partition_id) as partition_id,
    coalesce(e.message_offset, c.message_offset) as message_offset,
    coalesce(e.message_id, c.message_id) as message_id,
    case
        when c.consumer_group is null and c.system = 'rabbitmq' and c.destination <> m.destination
            then concat_ws(chr(31), c.service, c.destination)
        else coalesce(c.consumer_group, g.consumer_group, c.service)
    end as grp,
    case when m.batch_count > 1 then coalesce(
        case when e.message_offset is not null then concat(e.partition_id, ':', e.message_offset) end,
        case when c.message_offset is not null then concat(c.partition_id, ':', c.message_offset) end,
        e.message_id, c.message_id, concat('#', b.trace_id, b.span_id)) else '' end as part
from c_edge e
join c_consumer c on c.n = e.consumer
join c_message m on m.n = e.message
left join c_consumer b on b.n = e.basis and m.batch_count > 1
left join c_group_elsewhere g on c.consumer_group is null and g.message = e.message and g.service = c.service;

-- A receive span beside process spans is no attempt,
delete from c_attempt r where role <> 'process' and exists (
    select 1 from c_attempt p
    where p.role = 'process' and p.message = r.message and p.part = r.part and p.grp = r.grp);

-- nor is a span inside an earlier one, unless a send directly above it says that the earlier one put the message back.
delete from c_attempt a where exists (
    select 1 from c_owner o
    join c_consumer d on d.n = o.n and (d.parent is null or d.parent not in (select n from c_producer_span))
    join c_edge x on x.consumer = o.n
    join c_edge y on y.consumer = o.owner and y.message = x.message
    join c_attempt b on b.consumer = o.owner and b.message = y.message
    where o.owner < o.n and o.n = a.consumer and b.message = a.message and b.part = a.part and b.grp = a.grp);

create or replace temp table c_delivery as
select message, part, grp, count(*) as attempts, min(evidence) as evidence,
    arg_min(context, evidence * 4294967296 + consumer) as context,
    max(consumer_group) as consumer_group, max(service) as service,
    max(partition_id) as partition_id, max(message_offset) as message_offset, max(message_id) as message_id,
    min(consumer) as first_attempt, max(consumer) as last_attempt,
    min(consumer) filter (not failed) as first_success, bool_or(ambiguous) as ambiguous
from c_attempt group by message, part, grp;
