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

-- A CLIENT span that says nothing of messages, and is named as the send of what a consumer directly below it consumed
-- ("send orders", "orders publish"), sent that message: one side of a pair of which only the other has attributes.
insert into c_messaging
select s.n, p.parent, s.trace_id, s.span_id, s.parent_span_id, s.kind, s.service, coalesce(s.system, c.system),
    c.destination, s.consumer_group, s.partition_id, s.message_offset, s.message_id, s.event_id, s.batch_count,
    s.retry_of, s.run_id, s.start_unix_nano, s.end_unix_nano,
    s.status_code = 2, case when k.correlation_id is null then s.correlation_id end, 'send'
from c_messaging c
join c_spans s on s.n = c.parent
left join c_parent p on p.n = s.n
left join c_constant k on k.correlation_id = s.correlation_id
where c.role in ('receive', 'process') and s.kind = 3 and s.operation is null
    and lower(s.name) in (select unnest([w || ' ' || lower(c.destination), lower(c.destination) || ' ' || w])
        from (values ('send'), ('publish'), ('produce')) words (w))
qualify row_number() over (partition by s.n order by c.n) = 1;

create or replace temp table c_producer_span as select * from c_messaging where role in ('create', 'send');

-- The handler of what a receive span brought: what begins below it, in its service, when it has ended, and is no
-- message span or call. If there are several, they are taken together, and the last one says whether it failed.
create or replace temp table c_handler as
select r.n, min(h.start_unix_nano) as start_unix_nano, max(h.end_unix_nano) as end_unix_nano,
    arg_max(h.name, h.n) as name, arg_max(h.status_code = 2, h.n) as failed,
    arg_max(coalesce(h.status_message, ''), h.n) as message
from c_messaging r
join c_parent p on p.parent = r.n
join c_spans h on h.n = p.n
where r.role = 'receive' and h.service = r.service and h.kind in (0, 1, 2) and h.start_unix_nano >= r.end_unix_nano
    and h.n not in (select n from c_messaging)
group by r.n;

-- Receive spans that wrap what they brought, as callbacks do: something below begins before they end.
create or replace temp table c_wrapping as
select distinct r.n
from c_messaging r join c_parent p on p.parent = r.n join c_spans s on s.n = p.n
where r.role = 'receive' and r.kind in (2, 5) and s.start_unix_nano < r.end_unix_nano;

create or replace temp table c_consumer as
select c.* replace (c.failed or coalesce(h.failed, false) as failed)
from c_messaging c left join c_handler h on h.n = c.n
where c.role in ('receive', 'process');
