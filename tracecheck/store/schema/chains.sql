-- Edges, hops and chains, as tracecheck.chains.refresh writes them. Tables end in _rows and hold compact ids (UUID,
-- UBIGINT, chain_number); the views below them are the documented ones, with hex ids. A chain_number is only a key
-- inside this file: it changes when its chain is rebuilt. What users see is chain_id.

create table chain_rows (
    chain_number bigint not null,
    chain_id varchar not null,              -- trace_id:span_id of the origin, lower-case hex
    origin_trace_id uuid not null,          -- the first span: the one without a known cause
    origin_span_id ubigint not null,
    origin_service varchar not null,
    origin_name varchar not null,
    cause_absent boolean not null,          -- the origin names a parent or a link that was never stored
    correlation_id varchar,                 -- of the earliest span that has one
    run_id varchar,                         -- of the earliest span that has one
    correlation_ids varchar[] not null,     -- all of them, sorted
    run_ids varchar[] not null,             -- all of them, sorted
    trace_ids uuid[] not null,              -- all traces it has spans in, sorted
    start_unix_nano bigint not null,        -- earliest start of its spans
    end_unix_nano bigint not null,          -- latest end of its spans
    spans integer not null,                 -- how many
    hops integer not null,                  -- how many
    findings varchar[] not null             -- codes that the spans alone prove, sorted
);

create table chain_span_rows (
    chain_number bigint not null,
    trace_id uuid not null,
    span_id ubigint not null,
    parent_span_id ubigint,                 -- the parent, if it is stored and the span is no consumer of its message
    role varchar                            -- create, send, receive or process; null for any other span
);

create table edge_rows (
    chain_number bigint not null,           -- chain of the effect
    trace_id uuid not null,                 -- the effect
    span_id ubigint not null,
    cause_trace_id uuid not null,           -- the cause
    cause_span_id ubigint not null,
    evidence varchar not null,              -- context, identity, correlation or inferred
    via varchar not null,                   -- parent, link, identity, correlation or inferred
    is_message boolean not null             -- from a consumer to the producer of its message
);

create table message_rows (
    chain_number bigint not null,
    trace_id uuid not null,                 -- the producer span
    span_id ubigint not null,
    part varchar not null,                  -- tells the messages of one batch send apart; else empty
    service varchar not null,
    system varchar,
    destination varchar,
    partition_id varchar,
    message_offset bigint,
    message_id varchar,
    event_id varchar,
    retry_of varchar,
    correlation_id varchar,
    run_id varchar,
    start_unix_nano bigint not null,        -- of the producer span
    end_unix_nano bigint not null,
    failed boolean not null,                -- the send ended in error
    deliveries integer not null,            -- consumer groups that handled or received it
    owner_trace_id uuid,                    -- the consumer span inside which it was sent
    owner_span_id ubigint,
    owner_destination varchar,              -- of that consumer span: the step directly upstream
    owner_group varchar
);

create table hop_rows (
    chain_number bigint not null,
    system varchar,
    destination varchar,
    consumer_group varchar,
    partition_id varchar,
    message_offset bigint,
    message_id varchar,
    producer_trace_id uuid,
    producer_span_id ubigint,
    producer_service varchar,
    producer_name varchar,
    producer_start_unix_nano bigint,
    producer_end_unix_nano bigint,
    producer_error varchar,                 -- status message of a failed send ('' if it gave none), else null
    consumer_trace_id uuid,                 -- the attempt that decided: the first successful, else the last
    consumer_span_id ubigint,
    consumer_service varchar,
    consumer_name varchar,
    consumer_start_unix_nano bigint,
    consumer_end_unix_nano bigint,
    consumer_error varchar,
    evidence varchar,
    context varchar,                        -- how a trace context arrived: parent, link, or null for none
    transit_ns bigint,
    consumer_instant varchar,               -- process_start, receive_start or poll_end
    processing_ns bigint,
    succeeded_after_ns bigint,
    attempts integer not null,
    outcome varchar not null,
    findings varchar[] not null,
    attempt_spans struct(
        trace_id uuid, span_id ubigint, service varchar, name varchar,
        start_unix_nano bigint, end_unix_nano bigint, error varchar)[] not null
);

create table chain_feed_rows (
    chain_number bigint not null,           -- the chain that began at a batch of several chains' messages
    feeding_chain_id varchar not null       -- one of those chains
);

create table chain_trace_rows (             -- which chains a new span may touch, by its trace
    chain_number bigint not null,
    trace_id uuid not null,
    is_reference boolean not null           -- true: no span of it, only a link into that trace
);

create table chain_key_rows (               -- which chains a new span may touch, by what its message says
    chain_number bigint not null,
    key_hash ubigint not null               -- of a message position, message id or event id
);

create table chain_shape_rows (             -- chains with messages: those of one shape differ in instants and ids only
    chain_number bigint not null,
    shape ubigint not null,                 -- of all messages and hops: what, from whom, to whom, in what order, how it ended
    instants bigint[] not null              -- of those: a message's start, the end of a hop's deciding attempt
);

create table correlation_rows (             -- every correlation id and the traces it was seen in
    correlation_id varchar not null,
    trace_id uuid not null
);

create table chain_progress (               -- one row: how far refresh came
    ingest_number bigint not null,          -- the last append that is in the tables above
    as_of_unix_nano bigint not null         -- its instant, by the receiver's clock
);

create view chains as
select
    chain_id,                                                               -- trace_id:span_id of the origin
    list_transform(trace_ids, lambda t: replace(t::varchar, '-', '')) as trace_ids,
    correlation_id,
    run_id,
    replace(origin_trace_id::varchar, '-', '') as origin_trace_id,
    lpad(lower(hex(origin_span_id)), 16, '0') as origin_span_id,
    origin_service,
    origin_name,
    cause_absent,                                                           -- the origin's own cause was never stored
    start_unix_nano,
    end_unix_nano - start_unix_nano as duration_ns,
    end_unix_nano,
    spans,
    hops,
    findings,
    correlation_ids,
    run_ids
from chain_rows;

create view chain_spans as
select
    c.chain_id,
    replace(s.trace_id::varchar, '-', '') as trace_id,
    lpad(lower(hex(s.span_id)), 16, '0') as span_id,
    s.role                                                                  -- create, send, receive, process or null
from chain_span_rows s join chain_rows c using (chain_number);

create view edges as
select
    c.chain_id,                                                             -- chain of the effect
    replace(e.trace_id::varchar, '-', '') as trace_id,                      -- the effect
    lpad(lower(hex(e.span_id)), 16, '0') as span_id,
    replace(e.cause_trace_id::varchar, '-', '') as cause_trace_id,          -- the cause
    lpad(lower(hex(e.cause_span_id)), 16, '0') as cause_span_id,
    e.evidence,                                                             -- context, identity, correlation, inferred
    e.via,                                                                  -- parent, link, or the weaker evidence
    e.is_message                                                            -- across the broker, consumer to producer
from (
    select * from edge_rows
    union all
    select chain_number, trace_id, span_id, trace_id, parent_span_id, 'context', 'parent', false
    from chain_span_rows where parent_span_id is not null
) e join chain_rows c using (chain_number);

create view messages as
select
    c.chain_id,
    replace(m.trace_id::varchar, '-', '') as trace_id,                      -- the producer span
    lpad(lower(hex(m.span_id)), 16, '0') as span_id,
    m.service,
    m.system,
    m.destination,
    m.partition_id,
    m.message_offset,
    m.message_id,
    m.event_id,
    m.retry_of,
    m.correlation_id,
    m.run_id,
    m.start_unix_nano,
    m.end_unix_nano,
    m.failed,
    m.deliveries,
    replace(m.owner_trace_id::varchar, '-', '') as owner_trace_id,          -- the consumer span that sent it
    lpad(lower(hex(m.owner_span_id)), 16, '0') as owner_span_id,
    m.owner_destination,
    m.owner_group
from message_rows m join chain_rows c using (chain_number);

create view hops as
select
    c.chain_id,
    h.system,
    h.destination,
    h.consumer_group,
    h.partition_id,
    h.message_offset,
    h.message_id,
    replace(h.producer_trace_id::varchar, '-', '') as producer_trace_id,
    lpad(lower(hex(h.producer_span_id)), 16, '0') as producer_span_id,
    h.producer_service,
    h.producer_name,
    h.producer_start_unix_nano,
    h.producer_end_unix_nano,
    h.producer_error,
    replace(h.consumer_trace_id::varchar, '-', '') as consumer_trace_id,    -- first successful attempt, else the last
    lpad(lower(hex(h.consumer_span_id)), 16, '0') as consumer_span_id,
    h.consumer_service,
    h.consumer_name,
    h.consumer_start_unix_nano,
    h.consumer_end_unix_nano,
    h.consumer_error,
    h.evidence,                                                             -- context, identity, correlation, inferred
    h.context,                                                              -- parent, link or null
    h.transit_ns,                                                           -- first attempt's instant - producer's end
    h.consumer_instant,                                                     -- process_start, receive_start, poll_end
    h.processing_ns,                                                        -- duration of the deciding attempt
    h.succeeded_after_ns,                                                   -- first success's end - producer's end
    h.attempts,
    h.outcome,                                      -- delivered, undelivered, failed, origin_unknown, unobserved
    h.findings,
    list_transform(h.attempt_spans, lambda a: struct_pack(
        trace_id := replace(a.trace_id::varchar, '-', ''),
        span_id := lpad(lower(hex(a.span_id)), 16, '0'),
        service := a.service,
        name := a.name,
        start_unix_nano := a.start_unix_nano,
        end_unix_nano := a.end_unix_nano,
        error := a.error)) as attempt_spans                                 -- all attempts, by start
from hop_rows h join chain_rows c using (chain_number);

create view chain_feeds as
select
    c.chain_id,                                                             -- the chain that began at a batch
    f.feeding_chain_id                                                      -- a chain whose message was in that batch
from chain_feed_rows f join chain_rows c using (chain_number);
