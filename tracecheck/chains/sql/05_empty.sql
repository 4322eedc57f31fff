-- Working tables that stay empty where nothing calls for their step.

create or replace temp table c_ghost (
    trace_id uuid, missing_span_id ubigint, n bigint, service varchar, start_unix_nano bigint, end_unix_nano bigint,
    message bigint, part varchar, grp varchar
);

create or replace temp table c_unclear (n bigint);

create or replace temp table c_duplicate_send (n bigint);

create or replace temp table c_unknown (
    n bigint, origin bigint, part varchar, grp varchar, consumer_group varchar, service varchar, system varchar,
    destination varchar, partition_id varchar, message_offset bigint, message_id varchar, failed boolean,
    context varchar
);
