-- What a consumer of several causes sends joins one of them again by the message's own id, else by its correlation id:
-- the first cause that has the same. Its parent then no longer decides.

create or replace temp table c_rejoin as
with sent as (
    select o.n, o.owner, m.message_id, m.event_id, m.correlation_id
    from c_owner o join c_message m on m.n = o.n
    where o.owner in (select n from c_several)
), named as (
    select c.n as owner, m.sort, m.id, min(c.cause) as cause
    from c_cause c
    join (
        select n, 1 as sort, message_id as id from c_messaging
        union all select n, 1, event_id from c_messaging
        union all select n, 2, correlation_id from c_messaging
    ) m on m.n = c.cause and m.id is not null
    where c.n in (select n from c_several)
    group by c.n, m.sort, m.id
), wanted as (
    select n, owner, 1 as sort, message_id as id, 1 as preference from sent where message_id is not null
    union all
    select n, owner, 1, event_id, 2 from sent where event_id is not null
    union all
    select n, owner, 2, correlation_id, 3 from sent where correlation_id is not null
)
select w.n, arg_min(d.cause, w.preference) as cause, min(w.preference) as preference
from wanted w join named d on d.owner = w.owner and d.sort = w.sort and d.id = w.id
group by w.n;

delete from c_cause where n in (select n from c_rejoin);

insert into c_cause
select n, cause, case when preference < 3 then 'identity' else 'correlation_of_batch' end from c_rejoin;
