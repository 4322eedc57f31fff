-- Messages. A send that links to creates only carries those messages and is none itself, unless a consumer points at it.
-- What the inner spans know (position, ids, failure) is said of the message; a carrier of one message counts as inner.

create or replace temp table c_carrier as
select l.n, l.target as message, count(*) over (partition by l.n) as carried
from (select distinct n, target from c_links where target is not null) l
join c_producer_span s on s.n = l.n and s.role = 'send'
join c_producer_span t on t.n = l.target and t.role = 'create'
where l.n not in (select n from c_folded)
    and l.n not in (select c.parent from c_consumer c where c.parent is not null)
    and l.n not in (select k.target from c_links k join c_consumer c on c.n = k.n where k.target is not null);

create or replace temp table c_message_of as
select s.n, coalesce(f.message, s.n) as message
from c_producer_span s left join c_folded f on f.n = s.n
where s.n not in (select n from c_carrier);

create or replace temp table c_inner_said as
select a.message, max(s.destination) as destination, bool_or(s.failed) as failed,
    max(s.partition_id) filter (a.alone) as partition_id, max(s.message_offset) filter (a.alone) as message_offset,
    max(s.message_id) filter (a.alone) as message_id, max(s.event_id) filter (a.alone) as event_id
from (
    select n, message, true as alone from c_folded
    union all
    select c.n, coalesce(f.message, c.message), c.carried = 1 from c_carrier c left join c_folded f on f.n = c.message
) a join c_producer_span s on s.n = a.n
group by a.message;

create or replace temp table c_message as
select m.* replace (
    coalesce(m.destination, i.destination) as destination,
    coalesce(m.partition_id, i.partition_id) as partition_id,
    coalesce(m.message_offset, i.message_offset) as message_offset,
    coalesce(m.message_id, i.message_id) as message_id,
    coalesce(m.event_id, i.event_id) as event_id,
    m.failed or coalesce(i.failed, false) as failed)
from c_producer_span m left join c_inner_said i on i.message = m.n
where m.n in (select message from c_message_of);
