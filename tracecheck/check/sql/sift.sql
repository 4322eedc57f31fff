-- Which of the chains with the anchor are plain passes. What happened is decided once per shape, on its first chain: by
-- counts, and by which delivery sent which message. When it happened is compared for every chain, in its row of instants.
-- `check/sift.py` fills in a few figures per step and the conditions over them. A chain with any finding is never plain.
-- Nor is one that feeds another chain, except a poll that only took up its messages.

with shape as (
    select shape, min(chain_number) as chain_number from chain_shape_rows group by shape
), step as materialized (
    select *, struct_pack(place := place, message := message, handler := handler, service := service) as it
    from ({steps})
), sent as (
    select chain_number{sent}
    from (select *, case {messages} end as what_message from step where is_message)
    group by chain_number
), handled as (
    select chain_number{handled}
    from (
        select *, case {messages} end as what_message, case {handlings} end as what_step,
            outcome = 'delivered' and is_in_order as is_good
        from step where is_handled
    ) group by chain_number
), decided as materialized (
    select shape.shape, coalesce({conditions}, false) as is_plain, sent.*, handled.*
    from shape left join sent using (chain_number) left join handled using (chain_number)
    where chain_number in (select chain_number from step where {is_anchor})
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
), judged as (
    select c.chain_id, c.start_unix_nano,
        coalesce(d.is_plain and {timely} and len(c.findings) = 0, false)
            and c.chain_id not in (select feeding_chain_id from troubled) as is_pass
    from chain_rows c join chain_shape_rows s using (chain_number) join decided d using (shape)
    where ($run_id::varchar is null or list_contains(c.run_ids, $run_id))
        and ($among::varchar[] is null or c.chain_id in (select unnest($among::varchar[])))
)
select count(*) filter (is_pass) as passed,
    coalesce(list(chain_id order by start_unix_nano, chain_id) filter (not is_pass), []) as others
from judged
