-- Whose file this is, and how far the store has got with its own upkeep.

create table schema_version (
    product varchar not null,               -- tracecheck
    version integer not null,
    created_unix_nano bigint not null
);

create table store_progress (
    task varchar not null,                  -- conflicts: rows up to here were compared with the whole store
    ingest_number bigint not null
);
