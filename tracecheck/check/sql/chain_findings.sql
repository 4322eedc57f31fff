-- What only whole chains prove: one row per code and service of the origin, with the first of its kind as the example.
-- A code that a hop of the chain carries is told there.
with coded as (
    select c.chain_number, c.chain_id, c.correlation_id, unnest(c.findings) as code, c.origin_service as service,
        c.start_unix_nano as at_unix_nano,
        struct_pack(
            trace_id := replace(c.origin_trace_id::varchar, '-', ''),
            span_id := lpad(lower(hex(c.origin_span_id)), 16, '0'),
            service := c.origin_service, name := c.origin_name,
            start_unix_nano := c.start_unix_nano, end_unix_nano := c.end_unix_nano) as origin
    from chain_rows c
    where ($chain_id::varchar is null or c.chain_id = $chain_id)
        and ($run_id::varchar is null or list_contains(c.run_ids, $run_id))
), found as (
    select code, chain_id, correlation_id, service, at_unix_nano, origin
    from coded o
    where not exists (
        select 1 from hop_rows h where h.chain_number = o.chain_number and list_contains(h.findings, o.code))
)
select *,
    count(*) over kind as count,
    min(at_unix_nano) over kind as first_unix_nano,
    max(at_unix_nano) over kind as last_unix_nano
from found
window kind as (partition by code, service)
qualify row_number() over (partition by code, service order by at_unix_nano, chain_id) = 1
