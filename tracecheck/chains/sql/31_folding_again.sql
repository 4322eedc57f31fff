-- One more step towards the outermost span of each folded send.

create or replace temp table c_folded as
select f.n, coalesce(g.message, f.message) as message from c_folded f left join c_folded g on g.n = f.message;
