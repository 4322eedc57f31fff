-- One round: whoever stands on a consumer has found its owner; the others step to the next parent.

insert into c_owner select f.n, f.at from c_frontier f join c_consumer c on c.n = f.at;

create or replace temp table c_frontier as
select f.n, p.parent as at
from c_frontier f join c_parent p on p.n = f.at
where f.at not in (select n from c_consumer);
