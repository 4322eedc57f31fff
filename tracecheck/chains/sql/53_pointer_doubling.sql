-- Every unfinished pointer takes over the pointer of the span it points to.

create or replace temp table c_pointer as
select a.n, case when a.done then a.at else b.at end as at, a.done or b.done as done
from c_pointer a join c_pointer b on b.n = a.at;
