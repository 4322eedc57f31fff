-- What each messaging span does: create and send produce; receive and process consume; any other is no message span.
-- A span has one role only. A consumer that says create or send opens a batch (FastStream), so it receives.
-- RabbitMQ's consumer groups are its queues. A consumer whose attributes tell the exchange may be named by the queue.

create or replace temp table c_messaging as
select * from (
    select c.n, c.parent, c.trace_id, c.span_id, c.parent_span_id, s.kind, s.service, s.name, s.start_unix_nano,
        s.end_unix_nano, s.status_code = 2 as failed, s.status_message, c.run_id, s.system, s.destination,
        case
            when s.consumer_group is null and s.system = 'rabbitmq' and s.kind = 5
                and regexp_full_match(s.name, '[^<(].* (process|receive)', 's')
                and not list_contains(string_split(s.destination, ':'), left(s.name, -8)) then left(s.name, -8)
            else s.consumer_group
        end as consumer_group, s.partition_id, s.message_offset, s.message_id, s.event_id, s.batch_count, s.retry_of,
        case when c.correlation_id not in (select correlation_id from c_constant) then c.correlation_id end
            as correlation_id,
        case
            when s.operation in ('create', 'send') and s.kind <> 5 then s.operation
            when s.operation in ('create', 'send') then 'receive'
            when s.operation in ('receive', 'process') then s.operation
            when s.operation is not null then null
            when s.kind = 4 then 'send'
            when s.kind = 5 and s.destination is not null then 'process'
            when s.kind = 5 then 'receive'
        end as role
    from c_stored s join c_spans c on c.place = s.place
    where s.operation is not null or s.kind in (4, 5)
) where role is not null;

-- A CLIENT span that says nothing of messages, and is named as the send of what a consumer directly below it consumed
-- ("send orders", "orders publish"), sent that message: one side of a pair of which only the other has attributes.
create or replace temp table c_named_send as
select s.n, min(c.n) as consumer
from c_messaging c
join (
    select c.n, lower(s.name) as said
    from c_stored s join c_spans c on c.place = s.place
    where s.kind = 3 and s.operation is null
        and regexp_matches(s.name, '^(send|publish|produce) | (send|publish|produce)$', 'i')
) s on s.n = c.parent
where c.role in ('receive', 'process') and s.said in (
    'send ' || lower(c.destination), 'publish ' || lower(c.destination), 'produce ' || lower(c.destination),
    lower(c.destination) || ' send', lower(c.destination) || ' publish', lower(c.destination) || ' produce')
group by s.n;

create or replace temp view c_producer_span as select * from c_messaging where role in ('create', 'send');

create or replace temp view c_consumer as select * from c_messaging where role in ('receive', 'process');
