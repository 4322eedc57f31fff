"""The shape of a chain: everything about its messages and hops but ids and instants, as one number.

Chains of one shape differ only in when things happened. Thousands of orders have a handful of shapes, so a check
decides each shape once, on any chain that has it, and of each chain compares instants alone (`check/sift`).
"""

from tracecheck.store import Writer

_STEPS = """
    with item as (
        select chain_number, true as is_message, destination, null::varchar as consumer_group, service,
            null::varchar as outcome, null::boolean as is_handled, null::boolean as is_in_order, 0 as attempts,
            start_unix_nano as instant, trace_id as message_trace_id, span_id as message_span_id,
            owner_trace_id as handler_trace_id, owner_span_id as handler_span_id
        from message_rows where chain_number {among}
        union all
        select chain_number, false, destination, consumer_group, consumer_service, outcome,
            consumer_span_id is not null, consumer_start_unix_nano >= producer_start_unix_nano, attempts,
            coalesce(producer_end_unix_nano + succeeded_after_ns, consumer_end_unix_nano),
            producer_trace_id, producer_span_id, consumer_trace_id, consumer_span_id
        from hop_rows where chain_number {among}
    ), placed as materialized (
        select *, row_number() over (
            partition by chain_number order by what, instant, message_span_id, handler_span_id) as place
        from (
            select *, hash(is_message, destination, consumer_group, service, outcome, is_handled, is_in_order, attempts)
                as what
            from item
        )
    ), message as (
        select chain_number, message_trace_id, message_span_id, min(place) as message
        from placed where is_message group by all
    ), handler as (
        select chain_number, handler_trace_id, handler_span_id, min(place) as handler
        from placed where not is_message group by all
    )
    select p.chain_number, p.place, p.is_message, p.destination, p.consumer_group, p.service, p.outcome, p.is_handled,
        p.is_in_order, p.attempts, p.instant, p.what, m.message, h.handler
    from placed p
    left join message m using (chain_number, message_trace_id, message_span_id)
    left join handler h using (chain_number, handler_trace_id, handler_span_id)
"""

_SHAPES = """
    insert into chain_shape_rows
    select chain_number, hash(list(hash(what, message, handler) order by place)), list(instant order by place)
    from ({steps}) group by chain_number order by chain_number
"""


def steps_of(among: str) -> str:
    """A SELECT of the messages and hops of the chains whose number is `among` (such as `in (select ...)`).

    `place` numbers them within their chain from 1 on: the place of their instant in `chain_shape_rows.instants`.
    `message` and `handler` stand for span ids: equal numbers in one chain are equal spans, a hop's message and a
    message itself, or a hop's deciding attempt and the span in which a message was sent. Everything but `instant` is
    the same in all chains of a shape.
    """
    return _STEPS.format(among=among)


def write_shapes(writer: Writer, *, after: int) -> None:
    """Stores the shapes of the chains numbered beyond `after`, whose messages and hops are stored already."""
    writer.execute(_SHAPES.format(steps=steps_of(f"> {after}")))
