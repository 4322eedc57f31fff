-- Correlation ids on more traces than the cap: constants that join nothing.
select r.correlation_id, count(*) as traces
from correlation_rows r
where ($run_id::varchar is null or r.correlation_id in (
        select unnest(correlation_ids) from chain_rows where list_contains(run_ids, $run_id)))
    and ($chain_id::varchar is null or r.correlation_id in (
        select unnest(correlation_ids) from chain_rows where chain_id = $chain_id))
group by r.correlation_id having count(*) > $cap order by traces desc, r.correlation_id
