-- In how many traces each service was seen, in the same scope as edge_samples.sql.
select s.service, count(distinct s.trace_id) as traces
from chain_span_rows p
join chain_rows c using (chain_number)
join span_rows s on s.trace_id = p.trace_id and s.span_id = p.span_id
where ($run_id::varchar is null or list_contains(c.run_ids, $run_id))
    and ($since::bigint is null or s.start_unix_nano >= $since)
    and ($until::bigint is null or s.start_unix_nano < $until)
group by s.service
