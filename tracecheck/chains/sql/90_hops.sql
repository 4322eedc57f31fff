-- Hops: every delivery; every message nobody is seen to handle; every consumer whose message nobody is seen to send.
-- Consumers of an unknown message are attempts of one delivery if they name the same position or id. No such hop are
-- empty polls, a receive around other consumers, and a receive that links to the receives of its records.

create or replace temp table c_duplicate_send as
select n from (
    select m.n, m.retry_of, coalesce(m.event_id, m.message_id) as id, o.owner,
        count(*) filter (not m.failed) over (
            partition by m.system, m.destination, m.run_id, coalesce(m.event_id, m.message_id) order by m.n
            rows between unbounded preceding and 1 preceding) as sent_before
    from c_message m left join c_owner o on o.n = m.n
    where coalesce(m.event_id, m.message_id) is not null
) d
where sent_before > 0 and retry_of is null and not exists (
    select 1 from c_edge e join c_message u on u.n = e.message
    where e.consumer = d.owner and coalesce(u.event_id, u.message_id) = d.id);

create or replace temp table c_unknown as
with candidates as (
    select c.*, s.origin, coalesce(c.consumer_group, c.service) as grp,
        case
            when c.message_offset is not null then concat('p', c.partition_id, ':', c.message_offset)
            when c.message_id is not null then concat('i', c.message_id)
            else concat('n', c.n)
        end as part
    from c_consumer c join c_span_chain s on s.n = c.n
    where c.n not in (select consumer from c_edge) and c.n not in (select n from c_unclear)
        and c.destination is not null
        and not (c.role = 'receive' and c.n in (select parent from c_consumer where parent is not null))
        and c.n not in (select l.n from c_links l join c_consumer t on t.n = l.target)
        and not (c.role = 'receive' and c.message_offset is null and c.message_id is null and c.partition_id is null
            and coalesce(c.batch_count, 0) = 0 and c.n not in (select n from c_links)
            and (c.parent_span_id is null or c.parent is not null))
)
select * from candidates a
where not exists (
    select 1 from c_parent p join candidates b on b.n = p.parent
    where p.n = a.n and b.n < a.n and b.grp = a.grp and b.destination = a.destination
        and (b.part = a.part or a.part = concat('n', a.n)));

create or replace temp table c_hop as
select row_number() over (order by origin, message, part, grp, first_attempt, service) as hop, *
from (
    select s.origin, null as system, null as destination, d.message, d.part, d.grp, d.consumer_group, d.service, d.evidence, d.context, d.attempts,
        d.first_attempt, d.first_success, d.last_attempt, d.ambiguous,
        d.partition_id, d.message_offset, d.message_id,
        case when d.first_success is null then 'failed' else 'delivered' end as outcome
    from c_delivery d join c_span_chain s on s.n = d.message
    union all
    select s.origin, null, null, m.n, '', null, null, g.service, null, null, 0, null, null, null, false, null, null, null,
        case when g.message is null then 'undelivered' else 'unobserved' end
    from c_message m
    join c_span_chain s on s.n = m.n
    left join (
        select distinct message, service from c_ghost where grp is null and service is not null
        union
        select message, null from c_ghost where grp is null group by message having count(service) = 0
    ) g on g.message = m.n
    where m.n not in (select message from c_delivery)
    union all
    select origin, system, destination, null, part, grp, max(consumer_group), max(service), null, null, count(*), min(n),
        min(n) filter (not failed), max(n), false,
        max(partition_id), max(message_offset), max(message_id), 'origin_unknown'
    from c_unknown group by origin, system, destination, part, grp
);

create or replace temp table c_hop_attempt as
select hop, first_attempt as n from c_hop where attempts = 1
union all
select h.hop, a.consumer from c_hop h
join c_attempt a on a.message = h.message and a.part = h.part and a.grp = h.grp
where h.attempts > 1
union all
select h.hop, u.n from c_hop h
join c_unknown u on u.origin = h.origin and u.part = h.part and u.grp = h.grp
    and u.destination = h.destination and u.system is not distinct from h.system
where h.attempts > 1 and h.message is null;
