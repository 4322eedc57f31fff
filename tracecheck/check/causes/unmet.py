"""The cause of a step that nothing met: the rules, in the order in which they are asked."""

from tracecheck.check.causes import order, shape
from tracecheck.check.causes.attempts import send_failed
from tracecheck.check.causes.killed import killed
from tracecheck.check.causes.not_consumed import not_consumed, taken_unseen
from tracecheck.check.causes.not_sent import not_sent, upstream_failed
from tracecheck.check.causes.span_missing import consumer_span_missing
from tracecheck.check.scene import Case
from tracecheck.expect import Role
from tracecheck.model import Finding


def cause_of(case: Case) -> tuple[Finding, bool]:
    """Why nothing met the step, and whether it happened all the same (its span is what is missing)."""
    if wrong_order := order.before_its_cause(case):
        return wrong_order, False
    if span_missing := consumer_span_missing(case):
        return span_missing, True
    if attempted := killed(case):
        return attempted, False
    if case.pattern.role is Role.PROCESS and case.messages:
        broken = [message for message in case.messages if message.succeeded is None]
        if len(broken) == len(case.messages):
            return send_failed(case, broken), False
        sent = [message for message in case.messages if message.succeeded is not None]
        if unseen := taken_unseen(case, sent[-1]):
            return unseen, True
        return not_consumed(case, sent), False
    if failed := upstream_failed(case):
        return failed, False
    if case.pattern.role in (Role.SEND, Role.PROCESS):
        return not_sent(case), False
    return shape.absent(case), False
