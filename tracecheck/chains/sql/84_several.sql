-- Consumers with several causes.

create or replace temp table c_several as
select n from c_cause where n in (select n from c_consumer) group by n having min(cause) <> max(cause);
