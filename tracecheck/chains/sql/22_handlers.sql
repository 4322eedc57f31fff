-- The handler of what a receive span brought: what begins below it, in its service, when it has ended, and is no
-- message span or call. If there are several, they are taken together, and the last one says whether it failed.

create or replace temp table c_below_receive as
select r.n, r.service, r.kind, r.end_unix_nano, s.n as below
from c_messaging r join c_spans s on s.parent = r.n
where r.role = 'receive';

create or replace temp table c_handler as
select r.n, min(h.start_unix_nano) as start_unix_nano, max(h.end_unix_nano) as end_unix_nano,
    arg_max(w.name, h.n) as name, arg_max(w.status_code = 2, h.n) as failed,
    arg_max(coalesce(w.status_message, ''), h.n) as message
from c_below_receive r join c_spans h on h.n = r.below join c_stored w on w.place = h.place
where w.service = r.service and h.kind in (0, 1, 2) and h.start_unix_nano >= r.end_unix_nano
    and h.n not in (select n from c_messaging)
group by r.n;

-- Receive spans that wrap what they brought, as callbacks do: something below begins before they end.
create or replace temp table c_wrapping as
select distinct r.n
from c_below_receive r join c_spans s on s.n = r.below
where r.kind in (2, 5) and s.start_unix_nano < r.end_unix_nano;
