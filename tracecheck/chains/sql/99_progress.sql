-- How far this refresh came.

delete from chain_progress;

insert into chain_progress select max(ingest_number), max(ingested_unix_nano) from span_rows;
