-- Batches say on each link which message it is. Where a link leads to no message (its span was never stored, or is no
-- message span), that position or id finds the message as it does for a consumer's own: the last producer before it,
-- else the first. A consumer of one message says so itself; its further links are joins.

insert into c_edge
with sought as (
    select row_number() over () as place, 'p' as sort, n, 1 as preference, partition_id, message_offset, message_id,
        concat_ws(chr(31), system, destination, partition_id, message_offset) as sought
    from c_link_name where partition_id is not null and message_offset is not null and destination is not null
    union all
    select row_number() over (), 'i', n, 2, partition_id, message_offset, message_id,
        concat_ws(chr(31), coalesce(system, ''),
            case when system in ('kafka', 'aws_sqs') then destination else '' end, message_id)
    from c_link_name where message_id is not null
), offered as (
    select sort, n, sought from (
        select 'p' as sort, n, concat_ws(chr(31), system, destination, partition_id, message_offset) as sought
        from c_message where message_offset is not null and partition_id is not null and destination is not null
        union
        select 'i', n, concat_ws(chr(31), coalesce(system, ''),
            case when system in ('kafka', 'aws_sqs') then destination else '' end, unnest([message_id, event_id]))
        from c_message
    ) where (sort, sought) in (select sort, sought from sought)
), both_sides as (
    select sort, sought, n, 0 as is_consumer, null::bigint as place from offered
    union all
    select sort, sought, n, 1, place from sought
), numbered as (
    select *, sum(1 - is_consumer) over (
        partition by sort, sought order by n, is_consumer rows between unbounded preceding and current row) as g
    from both_sides
), found as (
    select s.n, s.partition_id, s.message_offset, s.message_id, arg_min(p.n, s.preference) as message
    from (select sort, sought, n, place, greatest(g, 1) as g from numbered where is_consumer = 1) c
    join (select sort, sought, n, g from numbered where is_consumer = 0) p
        on p.sort = c.sort and p.sought = c.sought and p.g = c.g
    join sought s on s.sort = c.sort and s.place = c.place
    group by s.n, s.partition_id, s.message_offset, s.message_id
)
select n, message, 1, 'identity', null, max(partition_id), max(message_offset), max(message_id), n, false
from found
where (n, message) not in (select consumer, message from c_edge) and (n, message) not in (select n, message from c_stale)
group by n, message;
