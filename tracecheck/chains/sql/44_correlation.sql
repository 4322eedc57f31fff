-- Consumers still without a message, by correlation: the last send before them with the same correlation id and
-- destination that their service has no stronger edge to. With more than one such send the edge is ambiguous.

create or replace temp table c_leftover as
select c.* from c_consumer c
where c.n not in (select consumer from c_edge) and c.n not in (select n from c_unclear)
    and c.correlation_id is not null and c.destination is not null
    and not (c.role = 'receive' and c.n in (
        select k.parent from c_consumer k join c_edge e on e.consumer = k.n where k.parent is not null));

create or replace temp table c_open as
select l.service, m.correlation_id, m.destination, m.n
from (select distinct service, correlation_id, destination from c_leftover) l
join c_message m on m.correlation_id = l.correlation_id and m.destination = l.destination
where not exists (
    select 1 from c_edge e join c_consumer c on c.n = e.consumer where e.message = m.n and c.service = l.service);

insert into c_edge
with both_sides as (
    select service, correlation_id, destination, n, 0 as is_consumer from c_open
    union all
    select service, correlation_id, destination, n, 1 from c_leftover
), numbered as (
    select *, sum(1 - is_consumer) over (
        partition by service, correlation_id, destination order by n, is_consumer
        rows between unbounded preceding and current row) as g
    from both_sides
)
select c.n, p.n, 2, 'correlation', null, null, null, null, c.n, c.g > 1
from (select * from numbered where is_consumer = 1) c
join (select * from numbered where is_consumer = 0) p
    on p.service = c.service and p.correlation_id = c.correlation_id and p.destination = c.destination and p.g = c.g
where (c.n, p.n) not in (select n, message from c_stale);
