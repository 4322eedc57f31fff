-- What is stored of the touched chains, all of whose spans are worked on again; they are written anew.

delete from chain_rows where chain_number in (select chain_number from c_touched_chain);
delete from chain_span_rows where chain_number in (select chain_number from c_touched_chain);
delete from edge_rows where chain_number in (select chain_number from c_touched_chain);
delete from message_rows where chain_number in (select chain_number from c_touched_chain);
delete from hop_rows where chain_number in (select chain_number from c_touched_chain);
delete from chain_feed_rows where chain_number in (select chain_number from c_touched_chain);
delete from chain_trace_rows where chain_number in (select chain_number from c_touched_chain);
delete from chain_key_rows where chain_number in (select chain_number from c_touched_chain);
delete from chain_shape_rows where chain_number in (select chain_number from c_touched_chain);
delete from fact_block_rows where block in (select chain_number >> getvariable('block_bits') from c_touched_chain);
