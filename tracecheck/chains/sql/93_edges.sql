-- Edges that are no plain parent: messages, stale context, links, and the weaker evidence; the strongest for each pair.
-- What a consumer of several causes sent needs no edge back to one of them where all are in its chain: its parent tells.

create or replace temp table c_told as
select k.n from c_cause k
join c_owner o on o.n = k.n
join c_span_chain a on a.n = o.n
join c_span_chain b on b.n = o.owner and b.origin = a.origin
where k.why in ('identity', 'correlation_of_batch');

create or replace temp table c_edge_pair as
select n, cause, min(evidence) as evidence, arg_min(via, (evidence, not is_message, via)) as via,
    bool_or(is_message) as is_message
from (
    select consumer as n, message as cause, evidence, via, true as is_message from c_edge
    union all
    select n, message, 0, via, false from c_stale
    union all
    select n, target, 0, 'link', false from c_links where target is not null and target <> n
        and (n, target) not in (select e.consumer, m.n from c_edge e join c_message_of m on m.message = e.message)
    union all
    select n, cause, case why when 'identity' then 1 else 2 end,
        case why when 'identity' then 'identity' else 'correlation' end, false
    from c_cause where why in ('identity', 'correlation_of_batch') and n not in (select n from c_told)
    union all
    select n, cause, 3, 'inferred', false from c_cause where why in ('correlation', 'missing')
    union all
    select e.n, k.cause, 3, 'inferred', false
    from c_entry e
    join c_span_chain s on s.n = e.n
    join (
        select s.origin, e.trace_id, min(e.n) as cause
        from c_entry e join c_span_chain s on s.n = e.n
        where e.n in (select n from c_known_entry) or e.trace_id not in (select trace_id from c_known_entry)
        group by s.origin, e.trace_id
    ) k on k.trace_id = e.trace_id and k.origin = s.origin
    where e.is_loose and e.n <> k.cause
) group by n, cause;
