"""What must hold between the steps of one expectation, checked on plain values so that every problem shows at once."""

from collections.abc import Mapping
from difflib import get_close_matches

from tracecheck.expect.model import After

Path = tuple[str | int, ...]
Problem = tuple[Path, str]


def step_problems(raw: object) -> list[Problem]:
    """Unknown predecessors, cycles, missing or several anchors, and what an anchor cannot have.

    Parts of a wrong type are passed over: the schema reports them.
    """
    steps = raw.get("steps") if isinstance(raw, Mapping) else None
    if not isinstance(steps, Mapping) or not steps:
        return []
    known = [name for name in steps if isinstance(name, str)]
    after = {name: _predecessors(step) for name, step in steps.items() if isinstance(step, Mapping)}
    problems: list[Problem] = []
    for name, predecessors in after.items():
        for predecessor in predecessors or ():
            if predecessor not in steps:
                close = get_close_matches(predecessor, known, n=1)
                hint = f"did you mean {close[0]!r}?" if close else f"known steps: {', '.join(known[:10])}"
                problems.append((("steps", name, "after"), f"unknown step {predecessor!r}; {hint}"))
    return problems + _anchor_problems(steps, after) + _cycle_problems(after)


def _predecessors(step: Mapping[str, object]) -> list[str] | None:
    """None for a step without `after`."""
    written = step.get("after")
    if written is None:
        return None
    if isinstance(written, str):
        return [written]
    if isinstance(written, Mapping):
        names = [name for value in written.values() if isinstance(value, list | tuple) for name in value]
        return [name for name in names if isinstance(name, str)]
    return list(written.steps) if isinstance(written, After) else []


def _anchor_problems(steps: Mapping[str, object], after: Mapping[str, list[str] | None]) -> list[Problem]:
    anchors = [name for name, predecessors in after.items() if predecessors is None]
    if not anchors:
        return [(("steps",), "no step without `after`: exactly one must be the anchor that opens an instance")]
    problems: list[Problem] = []
    for name in anchors[1:]:
        message = f"two anchors: {anchors[0]!r} and {name!r} both have no `after`; exactly one step may be the anchor"
        problems.append((("steps", name), message))
    anchor = steps[anchors[0]]
    assert isinstance(anchor, Mapping)
    advice = {
        "within": "the anchor has no predecessor to count from; put `within` at the top level or on a later step",
        "times": "each match of the anchor opens its own instance; use `chains: {at_least: n}` instead",
        "optional": "the anchor cannot be optional: without it there is no instance",
    }
    for key, message in advice.items():
        if anchor.get(key) not in (None, False):
            problems.append((("steps", anchors[0], key), message))
    return problems


def _cycle_problems(after: Mapping[str, list[str] | None]) -> list[Problem]:
    """One problem per cycle, at the step that closes it. Iterative, as a file may hold a thousand steps."""
    problems: list[Problem] = []
    finished: set[str] = set()
    for start in after:
        path: list[str] = []
        stack: list[tuple[str, bool]] = [(start, False)]
        on_path: set[str] = set()
        while stack:
            name, leaving = stack.pop()
            if leaving:
                on_path.discard(path.pop())
                finished.add(name)
            elif name in on_path:
                cycle = [*path[path.index(name) :], name]
                problems.append((("steps", path[-1], "after"), f"cycle: {' after '.join(cycle)}"))
            elif name not in finished and name in after:
                path.append(name)
                on_path.add(name)
                stack.append((name, True))
                stack.extend((predecessor, False) for predecessor in after[name] or ())
    return problems
