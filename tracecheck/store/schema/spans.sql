-- Spans at rest. Compact ids below (UUID, UBIGINT), hex in the views; see tracecheck/store/README.md for every column.

create table span_rows (
    ingest_number bigint not null,          -- grows by one per append; the progress mark of chains.refresh
    ingested_unix_nano bigint not null,     -- wall clock of the append, for completeness by ingest time
    conflicting boolean not null,           -- another row has the same ids and different content
    content_hash ubigint,                   -- of the OTLP fields, on conflicting rows only: tells their order
    trace_id uuid not null,
    span_id ubigint not null,
    parent_span_id ubigint,
    trace_state varchar,
    flags uinteger not null,
    name varchar not null,
    kind utinyint not null,
    start_unix_nano bigint not null,
    end_unix_nano bigint not null,
    time_overflow boolean not null,         -- an instant was 2^63 or later; clamped above, whole below
    start_raw_unix_nano ubigint,
    end_raw_unix_nano ubigint,
    status_code utinyint not null,
    status_message varchar,
    service varchar not null,
    instance varchar,
    host varchar,
    resource varchar not null,              -- JSON text: attributes, dropped counts, schema urls, scope
    -- canonical columns (tracecheck/semconv.py)
    correlation_id varchar,
    run_id varchar,
    system varchar,
    operation varchar,
    destination varchar,
    consumer_group varchar,
    partition_id varchar,
    message_offset bigint,
    message_id varchar,
    message_key varchar,
    event_is_message boolean not null,      -- the system has no message ids of its own: message_id is the event's id
    own_event_id varchar,                   -- the event's id, where it is another than message_id
    event_id varchar generated always as (case when event_is_message then message_id else own_event_id end) virtual,
    batch_count integer,
    record_time_unix_nano bigint,
    attempt integer,
    retry_of varchar,
    tombstone boolean not null,
    -- all attributes as received: ordered keys joined by U+001F (U+001E and a letter mark a type), values beside them
    attr_keys varchar,
    attr_vals varchar[],
    attr_int_keys varchar,
    attr_ints bigint[],
    dropped_attributes_count uinteger not null,
    links struct(
        trace_id uuid, span_id ubigint, trace_state varchar, flags uinteger,
        partition_id varchar, message_offset bigint, message_id varchar,
        attributes varchar, dropped_attributes_count uinteger)[],
    dropped_links_count uinteger not null,
    events struct(time_unix_nano ubigint, name varchar, attributes varchar, dropped_attributes_count uinteger)[],
    dropped_events_count uinteger not null
);

create table trace_append_rows (            -- which appends stored spans of a trace (tracecheck/store/traces.py)
    digest uinteger not null using compression uncompressed, -- trace_digest(trace_id); packing it would double a look-up
    ingest_number bigint not null
);

create macro trace_digest(id) as ('0x' || right(id::varchar, 8))::uinteger;

create macro appends_of(id) as table select ingest_number from trace_append_rows where digest = trace_digest(id);
