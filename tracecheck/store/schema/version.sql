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

create table journal_progress (             -- one row: all that a receiver's journal holds before it is stored here
    segment bigint not null,
    byte_offset bigint not null
);

insert into journal_progress values (0, 0);
