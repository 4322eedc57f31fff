-- A finished pointer on a consumer is the owner; what never finished is in or above a cycle and has none.

insert into c_owner
select f.n, f.at from c_frontier f join c_consumer c on c.n = f.at
union all
select f.n, p.at from c_frontier f join c_pointer p on p.n = f.at
where f.at not in (select n from c_consumer) and p.done and p.at in (select n from c_consumer);
