"""Orders by the million, made in SQL straight into a store's span rows: the load of the analysis benchmark.

One order is 24 spans of seven services in three or four traces, with six steps across the broker: placed (send orders),
reserved (process orders, inventory), charged (process orders, billing, by link in a trace of its own), packed (process
reservations, shipping), notified (process shipments, mailer) and booked (process payments, ledger). A quarter of the
charges are handled in batches of eight under one poll trace. `failing` is the share of orders with a fault: its charge
never happened, its reservation ended in error, or its shipment was sent too late.
"""

from dataclasses import dataclass

from tests.support.spans import START, a_span
from tracecheck.store import Store
from tracecheck.store.rows import span_table

SPANS_PER_ORDER = 24
ORDER_EVERY_NS = 1_000_000
"""Between two orders: 1,000 orders a second."""

BATCH_ORDERS = 32
"""Every fourth of these is in one batch; an append holds it whole, or its poll span would be made twice."""

YAML = """
chain: order
steps:
  placed:   {send: orders, service: checkout}
  reserved: {process: orders, group: inventory, after: placed, within: 2s}
  charged:  {process: orders, group: billing, after: placed, within: 3s}
  packed:   {process: reservations, group: shipping, after: reserved, within: 2s}
  notified: {process: shipments, group: mailer, after: packed, within: 2s}
  booked:   {process: payments, group: ledger, after: charged, within: 3s}
"""


@dataclass(frozen=True, slots=True)
class Slot:
    """One span of an order: `trace` 0 the request's, 1 billing's, 2 the ledger's; `parent` and `link` name slots."""

    slot: int
    trace: int
    parent: int | None
    link: int | None
    kind: int
    operation: str | None
    destination: str | None
    group: str | None
    service: str
    name: str
    at_us: int
    took_us: int


SLOTS = (
    Slot(1, 0, None, None, 2, None, None, None, "checkout", "POST /orders", 0, 9_000),
    Slot(2, 0, 1, None, 1, None, None, None, "checkout", "validate", 500, 900),
    Slot(3, 0, 1, None, 3, None, None, None, "checkout", "INSERT orders", 1_500, 2_000),
    Slot(4, 0, 1, None, 4, "send", "orders", None, "checkout", "send orders", 4_000, 1_500),
    Slot(5, 0, 4, None, 5, "process", "orders", "inventory", "inventory", "process orders", 8_000, 9_000),
    Slot(6, 0, 5, None, 3, None, None, None, "inventory", "SELECT stock", 9_000, 1_500),
    Slot(7, 0, 5, None, 3, None, None, None, "inventory", "UPDATE stock", 11_000, 2_500),
    Slot(8, 0, 5, None, 4, "send", "reservations", None, "inventory", "send reservations", 14_000, 1_200),
    Slot(9, 1, None, 4, 5, "process", "orders", "billing", "billing", "process orders", 12_000, 30_000),
    Slot(10, 1, 9, None, 3, None, None, None, "billing", "SELECT accounts", 13_000, 1_700),
    Slot(11, 1, 9, None, 3, None, None, None, "billing", "POST /charges", 15_000, 15_000),
    Slot(12, 1, 11, None, 2, None, None, None, "psp", "POST /charges", 16_000, 12_000),
    Slot(13, 1, 12, None, 3, None, None, None, "psp", "INSERT charges", 18_000, 5_000),
    Slot(14, 1, 9, None, 4, "send", "payments", None, "billing", "send payments", 38_000, 1_100),
    Slot(15, 0, 8, None, 5, "process", "reservations", "shipping", "shipping", "process reservations", 20_000, 9_000),
    Slot(16, 0, 15, None, 3, None, None, None, "shipping", "INSERT parcels", 22_000, 2_000),
    Slot(17, 0, 15, None, 4, "send", "shipments", None, "shipping", "send shipments", 26_000, 1_000),
    Slot(18, 0, 17, None, 5, "process", "shipments", "mailer", "mailer", "process shipments", 33_000, 12_000),
    Slot(19, 0, 18, None, 1, None, None, None, "mailer", "render", 34_000, 3_000),
    Slot(20, 0, 18, None, 3, None, None, None, "mailer", "smtp", 38_000, 6_000),
    Slot(21, 2, None, 14, 5, "process", "payments", "ledger", "ledger", "process payments", 45_000, 6_000),
    Slot(22, 2, 21, None, 3, None, None, None, "ledger", "INSERT bookings", 46_000, 2_000),
    Slot(23, 2, 21, None, 1, None, None, None, "ledger", "balance", 48_500, 1_000),
    Slot(24, 2, 21, None, 3, None, None, None, "ledger", "UPDATE balances", 49_600, 1_000),
)

_INSERT = """
insert into span_rows by name
with slots as (
    select * from (values {slots}) as s(
        slot, trace, parent, link, kind, operation, destination, grp, service, name, at_us, took_us)
), orders as (
    select o, o % 4 = 0 as batched,
        case when hash(o) % 1000000 < {failing}
            then ['lost', 'failed', 'late'][(hash(o, 1) % 3 + 1)::integer] end as fault,
        {start} + o::bigint * {every} + (hash(o, 2) % 700000)::bigint as began
    from range({first}::bigint, {last}::bigint) as r(o)
), made as (
    select
        {ingest} as ingest_number, {ingested} as ingested_unix_nano,
        false as conflicting, null::ubigint as content_hash,
        case when batched and trace = 1 then bench_trace(3, o // 32) else bench_trace(trace, o) end as trace_id,
        bench_span(o, slot) as span_id,
        case when batched and slot = 9 then bench_span(o // 32, 60)
            when parent is not null then bench_span(o, parent)
            end as parent_span_id,
        null::varchar as trace_state, 0::uinteger as flags, name, kind::utinyint as kind,
        began + 1000::bigint * (at_us + case when fault = 'late' and slot in (17, 18, 19, 20) then 2500000 else 0 end)
            as start_unix_nano,
        start_unix_nano + 1000::bigint * took_us + (hash(o, slot) % 300000)::bigint as end_unix_nano,
        false as time_overflow, null::ubigint as start_raw_unix_nano, null::ubigint as end_raw_unix_nano,
        (case when fault = 'failed' and slot = 5 then 2 else 0 end)::utinyint as status_code,
        case when fault = 'failed' and slot = 5 then 'out of stock' end as status_message,
        service, concat(service, '-', o % 3) as instance, concat('host-', o % 5) as host, '{resource}' as resource,
        case when operation is not null or trace = 0 then concat('o-', o) end as correlation_id,
        null::varchar as run_id,
        case when operation is not null then 'kafka' end as system, operation, destination, grp as consumer_group,
        case when operation is not null then (o % 12)::varchar end as partition_id,
        case when operation is not null then o // 12 end as message_offset,
        null::varchar as message_id, case when operation is not null then concat('o-', o) end as message_key,
        false as event_is_message, null::varchar as own_event_id, null::integer as batch_count,
        null::bigint as record_time_unix_nano, null::integer as attempt, null::varchar as retry_of, false as tombstone,
        null::varchar as attr_keys, null::varchar[] as attr_vals, null::varchar as attr_int_keys,
        null::bigint[] as attr_ints, 0::uinteger as dropped_attributes_count,
        case when link is not null then [struct_pack(
            trace_id := case when batched and slot = 21 then bench_trace(3, o // 32)
                else bench_trace(case slot when 21 then 1 else 0 end, o) end,
            span_id := bench_span(o, link),
            trace_state := null::varchar, flags := 0::uinteger, partition_id := null::varchar,
            message_offset := null::bigint, message_id := null::varchar, attributes := '{{}}',
            dropped_attributes_count := 0::uinteger)] else [] end as links,
        0::uinteger as dropped_links_count, [] as events, 0::uinteger as dropped_events_count
    from orders cross join slots
    where fault is distinct from 'lost' or trace = 0
)
select * from made
union all by name
select * exclude (o, place) replace (
    bench_span(o // 32, 60) as span_id, null as parent_span_id,
    'poll orders' as name, 3::utinyint as kind, start_unix_nano - 20000000 as start_unix_nano,
    start_unix_nano - 1000000 as end_unix_nano, 'receive' as operation, null as correlation_id, null as partition_id,
    null as message_offset, null as message_key, 8 as batch_count)
from (
    select m.* replace (list(m.links[1]) over w as links), row_number() over w_ordered as place
    from (
        select made.*, (message_offset * 12 + partition_id::bigint) as o from made
        where operation = 'process' and consumer_group = 'billing'
    ) m where m.o % 4 = 0
    window w as (partition by m.o // 32), w_ordered as (partition by m.o // 32 order by m.start_unix_nano)
) where place = 1
"""

_NOTE_TRACES = """
insert into trace_append_rows
select distinct trace_digest(trace_id), ingest_number from span_rows
where ingest_number not in (select ingest_number from trace_append_rows)
order by ingest_number
"""


def fill(store: Store, orders: int, *, failing: float = 0.01, first: int = 0, at_once: int = 200_000) -> None:
    """Stores `orders` orders (from number `first` on), as appends of some `at_once` orders, in the order of time."""
    at_once = -(-at_once // BATCH_ORDERS) * BATCH_ORDERS

    def work(writer: object) -> None:
        writer.execute(  # type: ignore[attr-defined]
            "create or replace temp macro bench_trace(trace, o) as "
            "(lpad(format('{:x}', o * 4 + trace + 1), 32, '0')::uuid)"
        )
        writer.execute(  # type: ignore[attr-defined]
            "create or replace temp macro bench_span(o, slot) as "
            "((o::bigint * 64 + slot) * 2654435761::bigint)::ubigint"
        )
        for start in range(first, first + orders, at_once):
            last = min(start + at_once, first + orders)
            writer.execute(_sql(start, last, failing))  # type: ignore[attr-defined]
        writer.execute(_NOTE_TRACES)  # type: ignore[attr-defined]

    store.write(work)


def _sql(first: int, last: int, failing: float) -> str:
    rows = ", ".join(
        "({}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {})".format(
            *(
                "null" if value is None else f"'{value}'" if isinstance(value, str) else str(value)
                for value in (getattr(slot, name) for name in Slot.__slots__)
            )
        )
        for slot in SLOTS
    )
    return _INSERT.format(
        slots=rows,
        first=first,
        last=last,
        failing=round(failing * 1_000_000),
        start=START,
        every=ORDER_EVERY_NS,
        resource=span_table([a_span()])["resource"][0].as_py(),
        ingest="(select coalesce(max(ingest_number), 0) + 1 from span_rows)",
        ingested=str(START + last * ORDER_EVERY_NS),
    )
