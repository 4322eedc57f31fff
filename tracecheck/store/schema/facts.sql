-- Sums over spans and hops for which every check asks; tracecheck/chains/facts.py writes and reads them. They cover the
-- appends and the blocks of chains that are named here; what is not covered is counted by whoever asks.

create table instance_fact_rows (           -- by process instance, of the appends covered
    service varchar not null,
    instance varchar,
    spans bigint not null,                  -- without flush and start marks, conflicting ones included
    marks bigint not null,                  -- flush marks
    marked_unix_nano bigint,                -- start of the latest flush mark that states a count
    spans_marked bigint,                    -- that count
    last_seen_unix_nano bigint,             -- latest end
    is_sampled boolean,                     -- this and what follows: of spans whose end is known
    links_dropped bigint,
    soonest_ns bigint,                      -- from a span's end to its append, the shortest and the longest
    latest_ns bigint
);

create table group_fact_rows (              -- by consumer group and service, of the appends covered: receives and handlings
    system varchar,
    destination varchar not null,
    consumer_group varchar,
    service varchar not null,
    last_seen_unix_nano bigint not null
);

create table hop_fact_rows (                -- the same of hops, by block of chains and by partition
    block bigint not null,                  -- chain_number >> 17
    system varchar,
    destination varchar not null,
    consumer_group varchar,
    service varchar not null,
    partition_id varchar,
    max_offset bigint,
    last_seen_unix_nano bigint
);

create table fact_block_rows (block bigint not null);          -- the blocks covered, none of which gets another chain

create table fact_progress (ingest_number bigint not null);    -- one row or none: the last append covered
