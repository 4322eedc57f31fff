"""OTLP protobuf bytes straight to the columns of `span_rows`, canonical ones included.

The modules say the same as `decode_protobuf`, `limits`, `semconv.canonical` and `store.rows` say together, span by span
in Python; a property test holds them to it. When tracecheck is installed they are compiled in one piece (Cython, pure
Python mode; `unit`), as `tracecheck.receiver.compiled_columns`. Where that is impossible they run as they are, with
equal results.

How to read them. One buffer, `work`, holds words that are always needed (`vocabulary`), then the request, then whatever
text is made from it; any text is a place and a length in there, a length of -1 is None (`text`). A message is walked
field by field (`wire`): the request down to its spans (`request`), its resources (`resources`), a span (`spans`), which
is looked through once for its ids and where its parts lie. Only then its attributes (`keys`, `values`) become items
(`attributes`, `items`), from these the canonical columns follow (`named`, `meaning`, `operations`, `identity`,
`positions`, `canonical`), and the row is written (`packed`, `links`, `events`, `rows`). Nothing recurses: nested values
keep frames of their own (`json_text`). What is wrong inside a span is counted, what is wrong with the request raises
`DecodeError` (`faults`), and then every column goes back to where the request began (`decoder`).

Safety. All memory is reached through views that check every index; the few routines that copy or compare whole ranges
are in `memory`. Hashes of keys are SipHash-1-3 under a seed of this process, so that no sender can make keys collide.
"""
