-- One message, one producer span: a send directly inside a create, or inside an earlier send to the same destination,
-- is the same message and folds into the outer span. The outer one must come first in the total order, so two spans
-- that are each other's parent cannot both disappear. refresh repeats the last statement until every target stands.

create or replace temp table c_folded as
select s.n, o.n as message
from c_producer_span s join c_producer_span o on o.n = s.parent and o.n < s.n
where s.role = 'send' and (o.role = 'create' or s.destination is null or s.destination = o.destination);
