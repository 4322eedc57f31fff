-- Half hops that belong together by topic and time: a consumer to which no context came, and the last message before it
-- at the same destination, within the window, that nobody is seen to handle. Too little to join their chains, enough to
-- say on both that the context was lost. Looked at anew for every destination that this refresh touched.

create or replace temp table c_half as
select rowid as row_number, chain_number, coalesce(system, '') as system, destination,
    outcome = 'origin_unknown' as is_consumer,
    coalesce(consumer_start_unix_nano, producer_start_unix_nano) as at_unix_nano,
    coalesce(consumer_trace_id, producer_trace_id) as trace_id, coalesce(consumer_span_id, producer_span_id) as span_id,
    list_contains(findings, 'context_lost') as was_lost
from hop_rows
where outcome in ('undelivered', 'origin_unknown') and destination is not null
    and (outcome = 'undelivered' or (context is null and not list_contains(findings, 'stale_context')))
    and (coalesce(system, ''), destination) in (
        select coalesce(system, ''), destination from hop_rows where chain_number > getvariable('last_chain'));

create or replace temp table c_lost as
with numbered as (
    select *, sum(case when is_consumer then 0 else 1 end) over (
        partition by system, destination order by at_unix_nano, is_consumer, trace_id, span_id
        rows between unbounded preceding and current row) as g
    from c_half
), matched as (
    select c.row_number as consumer_row, p.row_number as producer_row
    from (select * from numbered where is_consumer) c
    join (select * from numbered where not is_consumer) p
        on p.system = c.system and p.destination = c.destination and p.g = c.g
    where c.at_unix_nano - p.at_unix_nano <= getvariable('lost_context_window_ns')
)
select consumer_row as row_number from matched union select producer_row from matched;

create or replace temp table c_changed as
select h.row_number, h.chain_number, l.row_number is not null as is_lost
from c_half h left join c_lost l on l.row_number = h.row_number
where h.was_lost <> (l.row_number is not null);

update hop_rows set findings = list_sort(list_append(findings, 'context_lost'))
where rowid in (select row_number from c_changed where is_lost);

update hop_rows set findings = list_filter(findings, lambda x: x <> 'context_lost')
where rowid in (select row_number from c_changed where not is_lost);

update chain_rows set findings = list_sort(list_concat(
    list_filter(findings, lambda x: x <> 'context_lost'),
    case when chain_number in (select chain_number from hop_rows where list_contains(findings, 'context_lost'))
        then ['context_lost'] else [] end))
where chain_number in (select chain_number from c_changed);
