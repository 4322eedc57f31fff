-- Hops: every delivery; every message nobody is seen to handle; every consumer whose message nobody is seen to send.

create or replace temp table c_hop as
select row_number() over () as hop, *
from (
    select s.origin, null as system, null as destination, d.message, d.part, d.grp, d.consumer_group, d.service,
        d.evidence, d.context, d.attempts, d.first_attempt, d.first_success, d.last_attempt, d.ambiguous,
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
    select origin, system, destination, null, part, grp, max(consumer_group), max(service), null, min(context), count(*), min(n),
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
