-- What only whole chains prove: one row per code and service, with the first of its kind as the example. The span is the
-- one that proves it: an orphan, one of several under its id, the second of one effect; else the chain's origin. A code
-- that a hop of the chain carries is told there.
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
), untold as (
    select * from coded o
    where not exists (
        select 1 from hop_rows h where h.chain_number = o.chain_number and list_contains(h.findings, o.code))
), span as materialized (
    select p.chain_number, s.conflicting, s.events, s.trace_id, s.parent_span_id, s.service, s.start_unix_nano,
        (s.trace_id, s.span_id) in (select (trace_id, span_id) from edge_rows where is_message) as is_told,
        struct_pack(
            trace_id := replace(s.trace_id::varchar, '-', ''), span_id := lpad(lower(hex(s.span_id)), 16, '0'),
            service := s.service, name := s.name,
            start_unix_nano := s.start_unix_nano, end_unix_nano := s.end_unix_nano) as brief
    from chain_span_rows p join span_rows s on s.trace_id = p.trace_id and s.span_id = p.span_id
    where p.chain_number in (
        select chain_number from untold where code in ('orphan', 'conflicting_span', 'duplicate_effect'))
), effect as (
    select *, row_number() over (partition by chain_number, service, key order by start_unix_nano, brief) as turn
    from (
        select chain_number, service, start_unix_nano, brief,
            unnest(list_transform(
                list_filter(events, lambda e: e.name = 'tracecheck.effect'),
                lambda e: e.attributes::json ->> '$."tracecheck.effect.key"')) as key
        from span where len(events) > 0
    ) where key is not null
), proof as (
    select chain_number, 'orphan' as code, arg_min(brief, (is_told, start_unix_nano, brief)) as brief
    from span s
    where parent_span_id is not null and not exists (
        select 1 from span_rows p where p.trace_id = s.trace_id and p.span_id = s.parent_span_id)
    group by chain_number
    union all
    select chain_number, 'conflicting_span', arg_min(brief, (start_unix_nano, brief)) from span where conflicting
    group by chain_number
    union all
    select chain_number, 'duplicate_effect', arg_min(brief, (start_unix_nano, brief)) from effect where turn = 2
    group by chain_number
), found as (
    select o.code, o.chain_id, o.correlation_id, coalesce(p.brief.service, o.service) as service,
        coalesce(p.brief.start_unix_nano, o.at_unix_nano) as at_unix_nano, coalesce(p.brief, o.origin) as origin
    from untold o left join proof p on p.chain_number = o.chain_number and p.code = o.code
)
select *,
    count(*) over kind as count,
    min(at_unix_nano) over kind as first_unix_nano,
    max(at_unix_nano) over kind as last_unix_nano
from found
window kind as (partition by code, service)
qualify row_number() over (partition by code, service order by at_unix_nano, chain_id) = 1
