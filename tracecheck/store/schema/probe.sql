-- What was seen and done outside the spans: messages on the bus, states of the world, test runs.

create table records (
    run_id varchar,
    observer varchar,                       -- which observation saw it, e.g. the step or file that asked
    system varchar not null,
    destination varchar not null,
    partition_id varchar,
    message_offset bigint,
    message_id varchar,
    event_id varchar,
    correlation_id varchar,
    message_key blob,
    headers map(varchar, varchar),          -- last value where a header repeats; bytes that are no UTF-8 as hex
    value blob,
    value_text varchar,                     -- the value where it is UTF-8
    record_time_unix_nano bigint,           -- the broker's or producer's timestamp on the message
    seen_unix_nano bigint not null,         -- wall clock of the observer
    trace_id varchar,                       -- of the message's traceparent header, hex
    span_id varchar
);

create table state_samples (
    run_id varchar,
    name varchar not null,                  -- the state check, as the specification names it
    case_id varchar,
    query varchar,
    expected varchar,                       -- JSON text
    actual varchar,                         -- JSON text
    met boolean not null,
    error varchar,                          -- why it could not be sampled
    sampled_unix_nano bigint not null,
    took_ns bigint not null
);

create table runs (
    run_id varchar not null,
    specification varchar,                  -- path or name
    command varchar,                        -- JSON list of the child's arguments
    started_unix_nano bigint not null,
    ended_unix_nano bigint,
    child_exit_code integer,
    verdict varchar                         -- pass, inconclusive, fail
);
