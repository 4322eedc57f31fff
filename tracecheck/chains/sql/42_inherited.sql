-- A process span without a message of its own, directly inside a consumer span that has some, handles one of those:
-- (a) the one with its position or id, (b) the only one, (c) all of them, if it is the only such child. Else none: the
-- delivery stays at the outer span, and the process span is ambiguous. Run once per strength of evidence.

create or replace temp table c_heir as
select c.n, c.parent, c.partition_id, c.message_offset, c.message_id, e.edges,
    count(*) over (partition by c.parent) as heirs
from c_consumer c
join (
    select e.consumer, count(*) as edges, min(m.destination) as least, max(m.destination) as most
    from c_edge e join c_message m on m.n = e.message group by e.consumer
) e on e.consumer = c.parent
join c_consumer p on p.n = c.parent
where c.role = 'process' and c.n not in (select consumer from c_edge) and c.n not in (select n from c_stale)
    and (c.destination is null or p.destination is null or c.destination = p.destination
        or c.destination = e.least or c.destination = e.most);

create or replace temp table c_inherited as
with named as (
    select consumer, partition_id, message_offset, message_id, min(message) as message
    from c_edge group by consumer, partition_id, message_offset, message_id
), by_name as (
    select h.n, min(x.message) as message
    from c_heir h join named x on x.consumer = h.parent
        and x.message_offset = h.message_offset and x.partition_id is not distinct from h.partition_id
    where h.edges > 1 group by h.n
    union all
    select h.n, min(x.message)
    from c_heir h join named x on x.consumer = h.parent and x.message_id = h.message_id
    where h.edges > 1 group by h.n
), chosen as (
    select n, min(message) as message from by_name group by n
)
select h.n as consumer, x.message, x.evidence, x.via, x.context, x.partition_id, x.message_offset, x.message_id,
    x.basis, x.ambiguous
from c_heir h
left join chosen k on k.n = h.n
join c_edge x on x.consumer = h.parent
    and (x.message = k.message or (k.message is null and (h.edges = 1 or h.heirs = 1)));

create or replace temp table c_unclear as
select n from c_unclear
union
select n from c_heir where n not in (select consumer from c_inherited);

insert into c_edge select * from c_inherited;

delete from c_unclear where n in (select consumer from c_edge);
