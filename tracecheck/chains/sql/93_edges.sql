-- Edges that are no plain parent: messages, stale context, links, and the weaker evidence; the strongest for each pair.
-- What a consumer of several causes sent needs no edge back to one of them where all are in its chain: its parent tells.

create or replace temp table c_told as
select k.n from c_cause k
join c_owner o on o.n = k.n
join c_span_chain a on a.n = o.n
join c_span_chain b on b.n = o.owner and b.origin = a.origin
where k.why in ('identity', 'correlation_of_batch');

-- Where the spans of a trace that hang under nothing were found: beside its first known entry of the same chain.
create or replace temp table c_beside as
select e.n, k.cause
from c_entry e
join c_span_chain s on s.n = e.n
join (
    select s.origin, e.trace_id, min(e.n) as cause
    from c_entry e join c_span_chain s on s.n = e.n
    where e.trace_id in (select trace_id from c_entry where is_loose)
        and (e.n in (select n from c_known_entry) or e.trace_id not in (select trace_id from c_known_entry))
    group by s.origin, e.trace_id
) k on k.trace_id = e.trace_id and k.origin = s.origin
where e.is_loose and e.n <> k.cause;

create or replace temp table c_edge_pair as
select consumer as n, message as cause, evidence, via, true as is_message from c_edge
union all
select n, cause, min(evidence), arg_min(via, (evidence, via)), false
from (
    select n, message as cause, 0 as evidence, via from c_stale
    union all
    select l.n, l.target, 0, 'link' from c_links l
    left join c_message_of m on m.n = l.target
    where l.target <> l.n and not exists (select 1 from c_edge e where e.consumer = l.n and e.message = m.message)
    union all
    select n, cause, case why when 'identity' then 1 else 2 end,
        case why when 'identity' then 'identity' else 'correlation' end
    from c_cause where why in ('identity', 'correlation_of_batch') and n not in (select n from c_told)
    union all
    select n, cause, 3, 'inferred' from c_cause where why in ('correlation', 'missing')
    union all
    select n, cause, 3, 'inferred' from c_beside
)
group by n, cause;
