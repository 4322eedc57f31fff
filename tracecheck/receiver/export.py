"""One export request, from body bytes to answer bytes. Both protocols call this; neither knows more of OTLP."""

import logging
from concurrent.futures import Future
from dataclasses import dataclass

from tracecheck.errors import TracecheckError
from tracecheck.receiver.answers import Fault, fault_of, success
from tracecheck.receiver.decode_json import decode_json
from tracecheck.receiver.intake import Intake
from tracecheck.receiver.limits import limited
from tracecheck.receiver.options import ReceiverOptions
from tracecheck.receiver.other_signals import TRACES, Signal, advice, count_items

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Exporting:
    """A request that was decoded and handed over: send `answer` once `durable` has ended well."""

    durable: "Future[None]"
    answer: bytes


def begin_export(intake: Intake, signal: Signal, body: bytes, options: ReceiverOptions, *, as_json: bool) -> Exporting:
    """Decodes the body and hands its spans over. Raises `DecodeError` or `StoreUnavailable`.

    Metrics and logs are counted and not kept: the answer says so, and there is nothing to wait for.
    """
    if signal is TRACES:
        if as_json:
            decoded = limited(decode_json(body), options.span_limits)
            durable = intake.submit(decoded, body)
            return Exporting(durable, success(signal, decoded.rejected, decoded.reasons, as_json=True))
        taken, durable = intake.decode(body)
        return Exporting(durable, success(signal, taken.rejected, taken.reasons, as_json=False))
    rejected = count_items(signal, body, json=as_json)
    nothing: Future[None] = Future()
    nothing.set_result(None)
    return Exporting(nothing, success(signal, rejected, (advice(signal),) if rejected else (), as_json=as_json))


def failed_export(intake: Intake, error: BaseException, options: ReceiverOptions) -> Fault:
    """Counts a refused request, logs it when it is our fault, and says what to answer."""
    intake.note_request(refused=True)
    if not isinstance(error, TracecheckError):
        _log.error("a request failed for a reason that is no fault of its sender", exc_info=error)
    return fault_of(error, options.retry_after_s)
