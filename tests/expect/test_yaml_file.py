"""A specification file is read as written, or refused with every problem at once."""

from pathlib import Path

import pytest

from tracecheck.errors import InvalidFile, UsageError
from tracecheck.expect import Expectation, load_expectations, parse_expectations
from tracecheck.expect.model import (
    After,
    CleanUp,
    Comparison,
    Duplicates,
    Join,
    Observe,
    Pattern,
    Policy,
    Predicate,
    Role,
    Seed,
    StateProbe,
    Step,
    Times,
)
from tracecheck.model import Basis, Evidence

S = 1_000_000_000

WHOLE = """\
chain: order-fulfilment
chains: {at_least: 2}
within: 10s
evidence: identity
completeness: proven
steps:
  placed:   {send: orders, service: checkout}
  reserved: {process: orders, group: inventory, after: placed, within: 2s, times: 1}
  charged:  {process: orders, group: billing, after: placed, within: 1.5s, times: {at_least: 2, at_most: 3}}
  paid:     {call: payments, after: charged, where: {amount: {at_least: 3}, order.id: o-1}}
  stamped:  {span: Stamp, after: {any: [reserved, charged]}}
  shipped:  {send: shipments, after: {all: [reserved, charged]}, within: 1m, optional: true}
never:      [{process: orders.dlq}]
closed: true
duplicates: {deliveries: allow, effects: forbid}
settle: 600ms
cases:   cases.csv
seed:    {kafka: orders, key: "o-{run}", value: {id: "o-{run}", total: 42}, headers: {a: b}}
observe: [{rabbitmq: shipments, where: {id: "o-{run}"}, within: 5s, times: 1}]
state:   [{sql: "select 1", params: {id: "o-{run}"}, equals: SHIPPED, within: 2s, hold: 200ms}]
"""


def problems(text: str) -> list[str]:
    with pytest.raises(InvalidFile) as caught:
        parse_expectations(text, name="f.yaml")
    return caught.value.problems


def minimal(extra: str = "", step: str = "") -> str:
    return f"chain: c\nsteps:\n  a: {{send: q{step}}}\n{extra}"


def test_every_field_of_a_specification_reaches_the_model() -> None:
    where = (
        Predicate(attribute="amount", comparison=Comparison.AT_LEAST, value=3),
        Predicate(attribute="order.id", comparison=Comparison.EQUALS, value="o-1"),
    )
    both = ("reserved", "charged")
    expected = Expectation(
        name="order-fulfilment",
        at_least=2,
        within_ns=10 * S,
        evidence=Evidence.IDENTITY,
        completeness=Basis.PROVEN,
        steps=(
            Step(name="placed", pattern=Pattern(role=Role.SEND, target="orders", service="checkout")),
            Step(
                name="reserved",
                pattern=Pattern(role=Role.PROCESS, target="orders", group="inventory"),
                after=After(steps=("placed",)),
                within_ns=2 * S,
                times=Times(at_least=1, at_most=1),
            ),
            Step(
                name="charged",
                pattern=Pattern(role=Role.PROCESS, target="orders", group="billing"),
                after=After(steps=("placed",)),
                within_ns=1_500_000_000,
                times=Times(at_least=2, at_most=3),
            ),
            Step(
                name="paid",
                pattern=Pattern(role=Role.CALL, target="payments", where=where),
                after=After(steps=("charged",)),
            ),
            Step(
                name="stamped",
                pattern=Pattern(role=Role.SPAN, target="Stamp"),
                after=After(steps=both, join=Join.ANY),
            ),
            Step(
                name="shipped",
                pattern=Pattern(role=Role.SEND, target="shipments"),
                after=After(steps=both, join=Join.ALL),
                within_ns=60 * S,
                optional=True,
            ),
        ),
        never=(Pattern(role=Role.PROCESS, target="orders.dlq"),),
        closed=True,
        duplicates=Duplicates(deliveries=Policy.ALLOW, sends=Policy.REPORT, effects=Policy.FORBID),
        settle_ns=600_000_000,
        cases="cases.csv",
        seed=Seed(
            system="kafka",
            destination="orders",
            key="o-{run}",
            value={"id": "o-{run}", "total": 42},
            headers={"a": "b"},
        ),
        observe=(
            Observe(
                system="rabbitmq",
                destination="shipments",
                where=(Predicate(attribute="id", value="o-{run}"),),
                within_ns=5 * S,
                times=Times(at_least=1, at_most=1),
            ),
        ),
        state=(
            StateProbe(
                equals="SHIPPED",
                sql="select 1",
                params={"id": "o-{run}"},
                within_ns=2 * S,
                hold_ns=200_000_000,
            ),
        ),
    )
    assert parse_expectations(WHOLE) == [expected]


def test_defaults_are_those_of_the_contract() -> None:
    (expectation,) = parse_expectations(minimal())
    assert expectation.at_least == 1
    assert expectation.evidence is Evidence.CORRELATION
    assert expectation.completeness is Basis.ASSUMED
    assert expectation.steps[0].times == Times(at_least=1, at_most=None)
    assert expectation.duplicates is None
    assert not expectation.closed
    assert not expectation.negative


@pytest.mark.parametrize(
    "extra",
    ["never: [{send: x}]", "closed: true", "duplicates: {effects: forbid}", "duplicates: {deliveries: forbid}"],
)
def test_a_stated_negative_claim_is_recognised(extra: str) -> None:
    assert parse_expectations(minimal(extra))[0].negative


def test_each_document_of_a_file_is_an_expectation(tmp_path: Path) -> None:
    file = tmp_path / "two.yaml"
    texts = [minimal(), minimal().replace("chain: c", "chain: d"), minimal().replace("chain: c", "chain: e")]
    file.write_text("\ufeff" + texts[0] + "---\n\ufeff" + texts[1] + "\ufeff---\n" + texts[2], encoding="utf-8")
    assert [one.name for one in load_expectations(file)] == ["c", "d", "e"]


def test_all_problems_of_a_file_are_told_at_once_with_their_places() -> None:
    text = """\
chain: 3
wihtin: 10s
steps:
  placed:   {send: orders, servce: checkout}
  reserved: {process: orders, after: plced, within: 2}
closed: yes
"""
    assert problems(text) == [
        "f.yaml:1:8: chain: expected text, got the number 3; put it in quotes",
        "f.yaml:2:1: wihtin: unknown key 'wihtin'; did you mean 'within'?",
        "f.yaml:4:28: steps.placed.servce: unknown key 'servce'; did you mean 'service'?",
        "f.yaml:5:38: steps.reserved.after: unknown step 'plced'; did you mean 'placed'?",
        "f.yaml:5:53: steps.reserved.within: expected a duration with its unit such as 3s, 200ms or 1m, got 2; "
        "did you mean 2s?",
        "f.yaml:6:9: closed: expected true or false, got the text 'yes'",
    ]


REFUSED = [
    ("a cycle", "chain: c\nsteps:\n  r: {send: q}\n  a: {send: q, after: b}\n  b: {send: q, after: a}\n", "cycle: "),
    ("a step after itself", "chain: c\nsteps:\n  r: {send: q}\n  a: {send: q, after: a}\n", "cycle: a after a"),
    ("no anchor", "chain: c\nsteps:\n  a: {send: q, after: b}\n  b: {send: q, after: a}\n", "no step without `after`"),
    ("two anchors", "chain: c\nsteps:\n  a: {send: q}\n  b: {send: q}\n", "4:3: steps.b: two anchors: 'a' and 'b'"),
    ("a budget on the anchor", minimal(step=", within: 2s"), "the anchor has no predecessor"),
    ("times on the anchor", minimal(step=", times: 2"), "chains: {at_least: n}"),
    ("an optional anchor", minimal(step=", optional: true"), "cannot be optional"),
    ("a duplicate key", "chain: c\nchain: d\nsteps:\n  a: {send: q}\n", "2:1: duplicate key 'chain'; first on line 1"),
    ("a duplicate step", "chain: c\nsteps:\n  a: {send: q}\n  a: {send: z}\n", "duplicate key 'a'"),
    ("an alias", "chain: c\nsteps: {a: &x {send: q}, b: *x}\n", "2:29: aliases are not supported"),
    ("an anchor", "chain: c\nsteps: {a: &x {send: q}}\n", "anchors are not supported"),
    ("a merge key", "chain: c\nsteps:\n  a: {send: q, <<: {service: s}}\n", "merge keys are not supported"),
    ("a tab", "chain: c\nsteps:\n\ta: {send: q}\n", "3:1: this is no valid YAML"),
    (
        "an empty document",
        minimal() + "---\n---\n" + minimal(),
        "expected a mapping with `chain` and `steps`, got nothing",
    ),
    ("no steps", "chain: c\nsteps: {}\n", "2:8: steps: is empty; expected at least one entry"),
    (
        "times as text",
        minimal("  b: {send: q, after: a, times: 1..3}\n"),
        "expected a number, or {at_least: n, at_most",
    ),
    ("a duration without a unit it knows", minimal("within: 3 seconds\n"), "a duration with its unit such as 3s"),
    ("a tag", "chain: !!python/object/apply:os.system ['true']\n", "1:8: tags are not supported"),
    ("deep nesting", "chain: " + "[" * 100_000, "nested deeper than 32 levels"),
    ("a mapping as a key", "chain: c\n{a: b}: d\n", "a key must be plain text"),
    ("broken syntax", "chain: [c\nsteps: d\n", "this is no valid YAML"),
    ("a NUL byte", "chain: \x00\n", "this is no valid YAML"),
    ("an empty file", "", "the file is empty"),
    ("a list", "- chain: c\n", "expected a mapping with `chain` and `steps`, got a list"),
    ("no role", minimal().replace("send: q", "service: s"), "exactly one of send, process, span, call; got none"),
    ("two roles", minimal(step=", process: q"), "exactly one of send, process, span, call; got send and process"),
    ("a group on a send", minimal(step=", group: g"), "group belongs to a process step"),
    ("a list as after", minimal("  b: {send: q, after: [a]}\n"), "did you mean {all: ['a']}?"),
    ("times 0", minimal("  b: {send: q, after: a, times: 0}\n"), "belongs under `never`"),
    ("reversed times", minimal("  b: {send: q, after: a, times: {at_least: 3, at_most: 2}}\n"), "at_most (2) is below"),
    ("a regular expression", minimal(step=', where: {x: {matches: "(a+)+$"}}'), "expected a plain value, or one of"),
    ("a boolean without YAML 1.2", minimal("closed: no\n"), "closed: expected true or false, got the text 'no'"),
    ("a seed without a broker", minimal("seed: {key: k}\n"), "exactly one of kafka, rabbitmq"),
    ("a state without a source", minimal("state: [{equals: 1}]\n"), "exactly one of sql, http"),
    ("a state without a value", minimal('state: [{sql: "x"}]\n'), "state[0]: equals is missing"),
    ("a state with two values", minimal('state: [{sql: "x", equals: 1, matches: 2}]\n'), "either equals or matches"),
    ("a clean-up without a statement", minimal("clean_up: [{database: x}]\n"), "clean_up[0]: sql is missing"),
    ("a name used twice", minimal() + "---\n" + minimal(), "a second chain named 'c'; the first is on line 1"),
    ("a missing chain", "steps:\n  a: {send: q}\n", "chain is missing"),
    ("a huge number", minimal("chains: {at_least: 99999999999}\n"), "less than or equal to 1000000"),
]


@pytest.mark.parametrize(("text", "expected"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_is_refused_with_its_reason(text: str, expected: str) -> None:
    assert any(expected in problem for problem in problems(text)), problems(text)
    assert all(problem.startswith("f.yaml:") for problem in problems(text))


def test_plain_scalars_follow_yaml_1_2() -> None:
    text = minimal(step=", where: {a: no, b: 010, c: 2001-12-14, d: 12:30:45, e: 0o17, f: '3', g: ~, h: 1.5e3}")
    (expectation,) = parse_expectations(text)
    assert [one.value for one in expectation.anchor.pattern.where] == [
        "no",
        10,
        "2001-12-14",
        "12:30:45",
        15,
        "3",
        None,
        1500.0,
    ]


def test_a_missing_file_and_a_folder_are_one_clear_line(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.yaml", tmp_path):
        with pytest.raises(UsageError, match=r"^[^\n]*expected an expectation in YAML$"):
            load_expectations(path)


def test_a_file_that_is_no_text_names_the_line(tmp_path: Path) -> None:
    file = tmp_path / "latin.yaml"
    file.write_bytes(b"chain: c\nsteps: \xff\n")
    with pytest.raises(InvalidFile, match=r"latin.yaml:2:1: this is no UTF-8 text"):
        load_expectations(file)


def test_what_a_scenario_adds_is_read() -> None:
    (read,) = parse_expectations(
        minimal(
            "tags: [smoke]\n"
            'clean_up: [{sql: "delete from t where id = :id", params: {id: "{run}"}}]\n'
            "seed: {kafka: q, value: x, content_type: text/plain, twice: true}\n"
            "observe: [{kafka: q, key: k, headers: {a: b}, times: 0}]\n"
            'state: [{sql: "select 1", matches: {at_least: 3}}]\n'
        )
    )
    assert read.tags == ("smoke",)
    assert read.clean_up == (CleanUp(sql="delete from t where id = :id", params={"id": "{run}"}),)
    assert read.seed == Seed(system="kafka", destination="q", value="x", content_type="text/plain", twice=True)
    assert read.observe[0].times == Times(at_least=0, at_most=0)
    assert (read.observe[0].key, read.observe[0].headers) == ("k", {"a": "b"})
    assert read.state[0].matches == Predicate(attribute="value", comparison=Comparison.AT_LEAST, value=3)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("group:", "5:6: steps.c.group: "),
        ("within: ~", "5:6: steps.c.within: "),
        ("budgets: {transit: null}", "5:16: steps.c.budgets.transit: "),
    ],
)
def test_a_key_without_a_value_is_no_key_left_out(text: str, at: str) -> None:
    content = f"chain: a\nsteps:\n  p: {{send: q}}\n  c:\n     {text}\n     process: q\n     after: p\n"
    with pytest.raises(InvalidFile) as caught:
        parse_expectations(content, name="f.yaml")
    assert caught.value.problems == [f"f.yaml:{at}has no value; give it one, or leave it out"]
