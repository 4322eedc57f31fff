-- Those sends, with what the span says itself and else the consumer below it.

insert into c_messaging by name
select c.n, c.parent, c.trace_id, c.span_id, c.parent_span_id, c.kind, s.service, s.name, c.start_unix_nano,
    c.end_unix_nano, s.status_code = 2 as failed, s.status_message, c.run_id, coalesce(s.system, b.system) as system,
    b.destination, s.consumer_group, s.partition_id, s.message_offset, s.message_id, s.event_id, s.batch_count,
    s.retry_of,
    case when c.correlation_id not in (select correlation_id from c_constant) then c.correlation_id end
        as correlation_id,
    'send' as role
from c_named_send d
join c_spans c on c.n = d.n
join c_messaging b on b.n = d.consumer
join c_stored s on s.place = c.place;
