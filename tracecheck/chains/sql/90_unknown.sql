-- Consumers whose message nobody is seen to send; those that name the same position or id are attempts of one delivery.
-- A batch that names its messages on its links has one for each. A process span of a delivery outranks its receives.
-- `context` says how one arrived that leads to no stored span. Not among them: empty polls, a receive around other
-- consumers, and a receive that links to the receives of its records.

insert into c_unknown
with lonely as (
    select c.* replace (c.failed or c.n in (select n from c_handler where failed) as failed), s.origin,
        coalesce(c.consumer_group, c.service) as grp
    from c_consumer c join c_span_chain s on s.n = c.n
    where c.n not in (select consumer from c_edge) and c.n not in (select n from c_unclear)
        and c.destination is not null
        and not (c.role = 'receive' and c.n in (select parent from c_consumer where parent is not null))
        and c.n not in (select l.n from c_links l join c_consumer t on t.n = l.target)
        and not (c.role = 'receive' and c.message_offset is null and c.message_id is null and c.partition_id is null
            and coalesce(c.batch_count, 0) = 0 and c.n not in (select n from c_links)
            and (c.parent_span_id is null or c.parent is not null))
), linked as (
    select n, part, max(partition_id) as partition_id, max(message_offset) as message_offset,
        max(message_id) as message_id
    from (
        select *, case when message_offset is not null then concat('p', partition_id, ':', message_offset)
            else concat('i', message_id) end as part
        from c_link_name
    ) group by n, part
), candidates as (
    select *,
        case
            when message_offset is not null then concat('p', partition_id, ':', message_offset)
            when message_id is not null then concat('i', message_id)
            else concat('n', n)
        end as part
    from lonely where n not in (select n from linked)
    union all
    select c.* replace (k.partition_id as partition_id, k.message_offset as message_offset, k.message_id as message_id),
        k.part
    from lonely c join linked k on k.n = c.n
)
select n, origin, part, grp, consumer_group, service, system, destination, partition_id, message_offset, message_id, failed,
    case
        when a.parent_span_id is not null and a.parent is null then 'parent'
        when a.n in (select n from c_links where target is null) then 'link'
    end as context
from candidates a
where not exists (
    select 1 from c_parent p join candidates b on b.n = p.parent
    where p.n = a.n and b.n < a.n and b.grp = a.grp and b.destination = a.destination
        and (b.part = a.part or a.part = concat('n', a.n)))
qualify role = 'process' or not bool_or(role = 'process') over (partition by system, destination, part, grp);
