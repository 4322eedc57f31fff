-- Consumers still without a message, by identity: the last producer before them with the same position (system,
-- destination, partition, offset), else with the same message or event id in that system (and destination, where both
-- sides name the same place). A consumer before all of them takes the first: its clock is behind.
-- Both sides stand in one column and producers are counted as they come, so no key makes a product.

create or replace temp table c_leftover as
select c.* from c_consumer c
where c.n not in (select consumer from c_edge)
    and not (c.role = 'receive' and c.n in (
        select k.parent from c_consumer k join c_edge e on e.consumer = k.n where k.parent is not null));

create or replace temp table c_sought as
select 'p' as sort, n, concat_ws(chr(31), system, destination, partition_id, message_offset) as sought, 1 as preference
from c_leftover where message_offset is not null and partition_id is not null and destination is not null
union all
select 'i', n, concat_ws(chr(31), coalesce(system, ''),
    case when system in ('kafka', 'aws_sqs') then destination else '' end, message_id), 2
from c_leftover where message_id is not null
union all
select 'i', n, concat_ws(chr(31), coalesce(system, ''),
    case when system in ('kafka', 'aws_sqs') then destination else '' end, event_id), 3
from c_leftover where event_id is not null;

create or replace temp table c_offered as
select sort, n, sought from (
    select 'p' as sort, n, concat_ws(chr(31), system, destination, partition_id, message_offset) as sought
    from c_message where message_offset is not null and partition_id is not null and destination is not null
    union
    select 'i', n, concat_ws(chr(31), coalesce(system, ''),
        case when system in ('kafka', 'aws_sqs') then destination else '' end, message_id)
    from c_message where message_id is not null
    union
    select 'i', n, concat_ws(chr(31), coalesce(system, ''),
        case when system in ('kafka', 'aws_sqs') then destination else '' end, event_id)
    from c_message where event_id is not null
) where (sort, sought) in (select sort, sought from c_sought);

create or replace temp table c_found as
with both_sides as (
    select sort, sought, n, 0 as is_consumer, 0 as preference from c_offered
    union all
    select sort, sought, n, 1, preference from c_sought
), numbered as (
    select *, sum(1 - is_consumer) over (
        partition by sort, sought order by n, is_consumer rows between unbounded preceding and current row) as g
    from both_sides
)
select c.n as consumer, p.n as message, c.preference
from (select sort, sought, n, preference, greatest(g, 1) as g from numbered where is_consumer = 1) c
join (select sort, sought, n, g from numbered where is_consumer = 0) p
    on p.sort = c.sort and p.sought = c.sought and p.g = c.g;

insert into c_edge
select consumer, arg_min(message, preference), 1, 'identity', null, null, null, null, consumer, false
from c_found where (consumer, message) not in (select n, message from c_stale)
group by consumer;
