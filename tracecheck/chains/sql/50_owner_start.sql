-- The owner of a message span is the nearest consumer span among its ancestors in the same trace: whoever sent it, sent
-- it while handling that. The walk goes up from messages and nested consumers only, one level per round.

create or replace temp table c_owner (n bigint, owner bigint);

create or replace temp table c_frontier as
select n, parent as at from (
    select n, parent from c_message
    union all
    select n, parent from c_consumer where n in (select consumer from c_edge)
) where parent is not null;
