-- Links decide where there is neither a message nor a parent; a consumer goes by its links to other consumers even beside
-- a parent (the receive around its records). Beside other causes, a link to a message or to its handling is a join: one
-- more cause. Beside a parent alone it makes the parent a cause among several.

create or replace temp table c_linked as
select distinct l.n, l.target as cause
from c_other_link l left join c_consumer t on t.n = l.target
where l.n not in (select n from c_cause)
    and (l.n not in (select n from c_parent) or (t.n is not null and l.n in (select n from c_consumer)));

insert into c_cause select n, cause, 'link' from c_linked;

create or replace temp table c_join as
select consumer as n, message as cause from c_judged where not is_own
union
select l.n, l.target
from c_other_link l
join c_messaging t on t.n = l.target and t.role <> 'receive'
left join c_message_of m on m.n = l.target
left join c_candidate k on k.consumer = l.n and k.message = m.message
where k.consumer is null and l.n not in (select n from c_producer_span);

create or replace temp table c_joins as
select j.n, j.cause, 'join' as why from c_join j where j.n in (select n from c_cause)
union
select j.n, unnest([j.cause, p.parent]), unnest(['join', 'parent'])
from c_join j join c_parent p on p.n = j.n
where j.n not in (select n from c_cause);

insert into c_cause select n, cause, why from c_joins;
