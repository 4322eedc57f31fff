-- Every label takes over the label of the node it names, so that trees of hooks become flat.

create or replace temp table c_label as
select a.node, b.label from c_label a join c_label b on b.node = a.label;
