-- A receive without message, parent or links goes by what the consumers inside it handled.

create or replace temp table c_inner as
select p.n, k.n as inner_consumer
from c_consumer p join c_consumer k on k.parent = p.n
where p.role = 'receive' and p.parent is null
    and p.n not in (select consumer from c_edge) and p.n not in (select n from c_stale)
    and p.n not in (select n from c_links where target is not null);

insert into c_cause
select distinct i.n, coalesce(e.message, l.target), 'inner'
from c_inner i
left join c_edge e on e.consumer = i.inner_consumer
left join c_links l on l.n = i.inner_consumer and e.message is null
where coalesce(e.message, l.target) is not null;
