-- How far this refresh came; nowhere, if every span was removed meanwhile.

delete from chain_progress;

insert into chain_progress
select max(ingest_number), max(ingested_unix_nano) from span_rows
where ingest_number <= getvariable('last_append')
having count(*) > 0;

insert into correlation_rows select correlation_id, trace_id from c_new_correlation;
