-- What is stored of the chains that are worked on again; they are written anew.

delete from chain_rows where chain_number in (select chain_number from c_replaced);
delete from chain_span_rows where chain_number in (select chain_number from c_replaced);
delete from edge_rows where chain_number in (select chain_number from c_replaced);
delete from message_rows where chain_number in (select chain_number from c_replaced);
delete from hop_rows where chain_number in (select chain_number from c_replaced);
delete from chain_feed_rows where chain_number in (select chain_number from c_replaced);
delete from chain_trace_rows where chain_number in (select chain_number from c_replaced);
delete from chain_key_rows where chain_number in (select chain_number from c_replaced);
delete from chain_shape_rows where chain_number in (select chain_number from c_replaced);
