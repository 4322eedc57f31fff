-- A message is sent twice if an earlier one with its event id, at the same destination and in the same run, did not fail.
-- A retry says so, or sends the id of the message it handles.

insert into c_duplicate_send
select n from (
    select m.n, m.retry_of, coalesce(m.event_id, m.message_id) as id, o.owner,
        count(*) filter (not m.failed) over (
            partition by m.system, m.destination, m.run_id, coalesce(m.event_id, m.message_id) order by m.n
            rows between unbounded preceding and 1 preceding) as sent_before
    from c_message m left join c_owner o on o.n = m.n
    where coalesce(m.event_id, m.message_id) is not null
) d
where sent_before > 0 and retry_of is null and not exists (
    select 1 from c_edge e join c_message u on u.n = e.message
    where e.consumer = d.owner and coalesce(u.event_id, u.message_id) = d.id);
