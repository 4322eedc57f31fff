-- What each messaging span does: create and send produce; receive and process consume; any other is no message span.
-- A span has one role only. A consumer that says create or send opens a batch (FastStream), so it receives.

create or replace temp table c_messaging as
select * from (
    select s.n, p.parent, s.trace_id, s.span_id, s.parent_span_id, s.kind, s.service, s.system, s.destination,
        s.consumer_group, s.partition_id, s.message_offset, s.message_id, s.event_id, s.batch_count, s.retry_of,
        s.run_id, s.start_unix_nano, s.end_unix_nano, s.status_code = 2 as failed,
        case when k.correlation_id is null then s.correlation_id end as correlation_id,
        case
            when s.operation in ('create', 'send') and s.kind <> 5 then s.operation
            when s.operation in ('create', 'send') then 'receive'
            when s.operation in ('receive', 'process') then s.operation
            when s.operation is not null then null
            when s.kind = 4 then 'send'
            when s.kind = 5 and s.destination is not null then 'process'
            when s.kind = 5 then 'receive'
        end as role
    from c_spans s
    left join c_parent p on p.n = s.n
    left join c_constant k on k.correlation_id = s.correlation_id
    where s.operation is not null or s.kind in (4, 5)
) where role is not null;

create or replace temp table c_producer_span as select * from c_messaging where role in ('create', 'send');

create or replace temp table c_consumer as select * from c_messaging where role in ('receive', 'process');
