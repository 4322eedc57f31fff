-- One message, one producer span: a send directly inside a create, or inside an earlier send to the same destination,
-- is the same message and folds into the outer span. The outer one must come first in the total order, so two spans
-- that are each other's parent cannot both disappear. refresh repeats the last statement until every target stands.

create or replace temp table c_folded as
select s.n, o.n as message
from c_producer_span s join c_producer_span o on o.n = s.parent and o.n < s.n
where s.role = 'send' and (o.role = 'create' or s.destination is null or s.destination = o.destination);

-- A message that its own handler sends again, by the same id to the same place and without a position of its own, is put
-- back to be tried again, as Celery does for a retry: the same message, and an attempt that came to no good end.
create or replace temp table c_put_back as
select s.n, c.n as consumer, min(p.n) as message
from c_producer_span s
join c_consumer c on c.n = s.parent and c.n < s.n
join (
    select n, parent as cause from c_consumer where parent is not null
    union
    select n, target from c_links where target is not null
) k on k.n = c.n
join c_producer_span p on p.n = k.cause and p.n < c.n
where s.role = 'send' and c.role = 'process' and coalesce(s.message_offset, c.message_offset) is null
    and s.system = c.system and s.destination = c.destination and s.message_id = c.message_id
    and p.system = c.system and p.destination = c.destination and p.message_id = c.message_id
group by all;

insert into c_folded select n, message from c_put_back;

update c_messaging m set failed = true, status_message = 'put back to be tried again'
from c_put_back b where b.consumer = m.n and not m.failed;
