-- Which of the chains with the anchor are plain passes: proven by counts, ids and instants of their messages and hops.
-- One pass over each table; `check/sift.py` fills in a few figures per step and the conditions over them. A chain with any
-- finding is never plain. Nor is one that feeds another chain, except a poll that only took up its messages.

with chosen as (
    select chain_number, chain_id, start_unix_nano, len(findings) = 0 as is_clean
    from chain_rows
    where chain_number in ({with_anchor})
        and ($run_id::varchar is null or list_contains(run_ids, $run_id))
        and ($among::varchar[] is null or chain_id in (select unnest($among::varchar[])))
), fed as (
    select f.chain_number, bool_or(c.spans > 1 or c.hops > 0) as is_more
    from chain_feed_rows f join chain_rows c using (chain_number)
    group by f.chain_number
), fed_otherwise as (
    select e.chain_number
    from edge_rows e
    where e.chain_number in (select chain_number from fed where not is_more)
        and not exists (
            select 1 from message_rows m where m.trace_id = e.cause_trace_id and m.span_id = e.cause_span_id)
    union
    select chain_number from chain_span_rows
    where parent_span_id is not null and chain_number in (select chain_number from fed where not is_more)
), troubled as (
    select distinct f.feeding_chain_id
    from chain_feed_rows f join fed using (chain_number) join chain_rows c using (chain_number)
    where fed.is_more or f.chain_number in (select chain_number from fed_otherwise)
        or c.chain_id in (select feeding_chain_id from chain_feed_rows)
), sent as (
    select chain_number{sent}
    from (
        select *, case {messages} end as message
        from message_rows where destination in (select unnest($destinations::varchar[]))
    ) group by chain_number
), handled as (
    select chain_number{handled}
    from (
        select *, case {messages} end as message, case {steps} end as step,
            outcome = 'delivered' and consumer_start_unix_nano >= producer_start_unix_nano as is_good
        from hop_rows
        where destination in (select unnest($destinations::varchar[])) and consumer_span_id is not null
    ) group by chain_number
), passed as (
    select s.chain_number
    from sent s left join handled h using (chain_number)
    where {conditions}
), judged as (
    select c.chain_id, c.start_unix_nano, coalesce(c.is_clean and p.chain_number is not null
        and c.chain_id not in (select feeding_chain_id from troubled), false) as is_pass
    from chosen c left join passed p using (chain_number)
)
select count(*) filter (is_pass) as passed,
    coalesce(list(chain_id order by start_unix_nano, chain_id) filter (not is_pass), []) as others
from judged
