"""Every document against its schema, and the schemas against their own."""

import io
import json
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator, ValidationError

from runner.core.attempts import OutcomeKind
from runner.core.diagnostics import Diagnostic, Severity
from runner.core.errors import ExitCode
from runner.core.events import EventType
from runner.planning.plan import ActionKind, PanelMoney
from runner.planning.status.order_status import Health, Standings, Sync
from runner.report.documents import as_json

SCHEMAS = Path(__file__).parents[2] / "schemas"
NAMES = ("plan", "apply", "status", "report", "validate", "services", "balance", "event", "doubt")

amounts = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=5)
texts = st.text(max_size=20)
rarely = st.none()


def schema(name):
    return json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8"))


def check(name, document):
    again = json.loads(as_json.line_of(document))
    Draft7Validator(schema(name)).validate(again)
    return again


def check_text(name, chunks):
    return check(name, json.loads("".join(chunks)))


def objects_of(node):
    if isinstance(node, dict):
        if node.get("type") == "object":
            yield node
        for value in node.values():
            yield from objects_of(value)
    elif isinstance(node, list):
        for value in node:
            yield from objects_of(value)


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_valid_draft_07_and_closed_and_described(name):
    body = schema(name)
    assert body["$schema"] == "http://json-schema.org/draft-07/schema#"
    Draft7Validator.check_schema(body)
    for node in objects_of(body):
        assert "additionalProperties" in node or "oneOf" in node
        for key, value in node.get("properties", {}).items():
            assert "$ref" in value or value["description"], key


def test_the_report_inside_an_apply_is_the_report():
    inside, alone = schema("apply")["definitions"], schema("report")
    assert inside["line"] == alone["definitions"]["line"]
    for key in ("panels", "since", "until"):  # only where `report` was asked for them
        del alone["properties"][key]
    assert inside["report"] == {key: alone[key] for key in inside["report"]}


def test_a_plan_has_exactly_the_promised_keys(make):
    plan = make.plan(make.action(runs=5, interval=60), make.action("late", ActionKind.WAIT, cost=None))
    document = check_text("plan", as_json.plan_chunks(plan, "c" * 64))
    assert list(document) == ["format_version", "checksum", "panel_balances", "actions", "summary", "cost"]
    assert document["panel_balances"] == {"sandbox": {"balance": "100.00", "currency": "USD"}}
    assert document["summary"] == {"place": 1, "wait": 1, "ok": 20}
    assert document["cost"] == "0.37"
    first, second = document["actions"]
    keys = ["order", "action", "reason", "service", "link", "quantity", "runs", "interval", "cost"]
    assert list(first) == keys
    assert (first["order"], first["runs"], first["interval"], first["cost"]) == ("spring/teaser", 5, 60, "0.37")
    assert (second["action"], second["runs"], second["cost"]) == ("wait", None, None)


def test_what_is_unknown_is_null(make):
    plan = make.plan(cost=None, money={"p": PanelMoney("p", None, Decimal(0), Decimal(0))})
    document = check_text("plan", as_json.plan_chunks(plan, "c"))
    assert document["cost"] is None
    assert document["panel_balances"] == {"p": {"balance": None, "currency": None}}
    totals = dict.fromkeys(("currency", "spent", "refunded", "reserved", "in_doubt", "balance", "unexplained"))
    assert check("report", as_json.report_document(make.ledger(**totals))).items() >= totals.items()


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.sampled_from(ActionKind), texts, texts, rarely | amounts, rarely | st.integers(1, 99)), max_size=5
    ),
    balance=amounts,
)
def test_any_plan_fits_its_schema(make, rows, balance):
    actions = [
        make.action(order_id, kind, reason=reason, cost=cost, runs=runs, interval=runs)
        for kind, order_id, reason, cost, runs in rows
    ]
    plan = make.plan(*actions)
    money = plan.money["sandbox"]
    seen = money.balance.__class__(amount=balance, currency="EUR")
    plan = make.plan(*actions, money={"sandbox": money._replace(balance=seen)}, cost=None)
    document = check_text("plan", as_json.plan_chunks(plan, "c"))
    assert [row["reason"] for row in document["actions"]] == [reason for _, _, reason, _, _ in rows]


@settings(max_examples=60, deadline=None)
@given(
    names=st.lists(texts, max_size=4),
    money=st.lists(amounts, min_size=4, max_size=4),
    totals=st.lists(rarely | amounts, min_size=6, max_size=6),
    currency=rarely | texts,
)
def test_any_report_fits_its_schema(make, names, money, totals, currency):
    spent, refunded, reserved, in_doubt = money
    lines = [
        make.line(name, spent=spent, refunded=refunded, reserved=reserved, in_doubt=in_doubt, currency=currency)
        for name in names
    ]
    fields = ("spent", "refunded", "reserved", "in_doubt", "balance", "unexplained")
    ledger = make.ledger(
        campaigns=lines, services=lines, days=lines, currency=currency, **dict(zip(fields, totals, strict=True))
    )
    document = check("report", as_json.report_document(ledger))
    assert [line["name"] for line in document["campaigns"]] == names
    assert all(Decimal(line["spent"]) == spent for line in document["days"])


def test_a_plan_of_many_orders_comes_in_pieces_and_never_as_one_text(make):
    plan = make.plan(*[make.action(str(number)) for number in range(1000)])
    pieces = as_json.plan_chunks(plan, "c")
    longest = max(len(piece) for piece in pieces)
    assert longest < 1000


def test_a_document_ends_with_one_newline_and_has_one_row_a_line(make):
    stream = io.StringIO()
    stream.writelines(as_json.json_chunks(as_json.balance_document([make.balance(panel="a"), make.balance(panel="b")])))
    plan = "".join(as_json.plan_chunks(make.plan(make.action("a"), make.action("b")), "c"))
    for text, row in ((stream.getvalue(), '"panel": '), (plan, '"order": "spring/')):
        assert text.endswith("}\n")
        assert not text.endswith("\n\n")
        assert sum(row in line for line in text.splitlines()) == 2
    assert json.loads(stream.getvalue())["balances"][1]["panel"] == "b"
    assert json.loads(plan)["actions"][1]["order"] == "spring/b"


def test_hostile_text_leaves_json_as_escapes(make):
    evil = "\x1b[31m\u202egpj.\u0085\u2028"
    text = "".join(as_json.plan_chunks(make.plan(make.action(reason=evil)), "c"))
    assert text.isascii()
    assert "\x1b" not in text
    assert json.loads(text)["actions"][0]["reason"] == evil


def test_an_apply_has_exactly_the_promised_keys(make):
    result = make.applied(
        make.result(OutcomeKind.PLACED),
        make.result(OutcomeKind.IN_DOUBT, "lost", "no answer", cost=None),
        exit_code=ExitCode.IN_DOUBT,
    )
    document = check_text("apply", as_json.apply_chunks(result))
    assert list(document) == [
        "run_id", "exit_code", "placed", "refused", "in_doubt", "refills", "cancels", "orders", "report",
    ]  # fmt: skip
    assert document["exit_code"] == 15
    assert document["orders"][0] == {
        "order": "spring/teaser",
        "outcome": "placed",
        "panel_order_id": "23501",
        "cost": "0.37",
        "message": "",
    }
    assert document["orders"][1]["cost"] is None


def test_every_standing_fits_the_status_schema(make):
    orders = [make.standing(sync=sync, health=health) for sync in Sync for health in Health]
    orders.append(make.standing(panel_order_id=None, status=None, charge=None, start_count=None, checked_at=None))
    standings = Standings(orders=orders, summary={"placed": 3})
    document = check_text("status", as_json.status_chunks(standings))
    assert document["summary"] == {"placed": 3}
    assert document["orders"][0]["checked_at"] == "2026-03-01T12:00:00.000Z"
    assert "message" not in document["orders"][0]


def test_diagnostics_services_and_balances_fit_their_schemas(make):
    found = [Diagnostic("a.yaml", 1, 2, "unknown-key", "no"), Diagnostic("b", 1, 1, "x", "y", Severity.WARNING)]
    document = check("validate", as_json.validate_document(found))
    assert [each["severity"] for each in document["diagnostics"]] == ["error", "warning"]
    services = [("sandbox", make.service()), ("other", make.service(type="custom comments", refill=None))]
    document = check("services", as_json.services_document(services))
    assert [row["orderable"] for row in document["services"]] == [True, False]
    assert document["services"][0]["rate"] == "0.90"
    document = check("balance", as_json.balance_document([make.balance(amount="-1.5", currency="EUR")]))
    assert document == {"balances": [{"panel": "sandbox", "balance": "-1.50", "currency": "EUR"}]}


FACTS = {
    EventType.RUN_STARTED: {"command": "apply"},
    EventType.REFRESH_STARTED: {"panel": "sandbox", "live": 3},
    EventType.STATUSES: {"panel": "sandbox", "asked": 3, "answered": 2},
    EventType.PLANNED: {
        "place": 1,
        "top_up": 0,
        "replace": 0,
        "reorder": 0,
        "refill": 0,
        "cancel": 1,
        "wait": 0,
        "blocked": 0,
        "in_doubt": 0,
        "ok": 2,
        "cost": None,
    },
    EventType.SUBMIT_STARTED: {"panel": "sandbox", "orders": 1},
    EventType.MARKED: {},
    EventType.SETTLED: {"outcome": "placed", "panel_order_id": "1", "cost": "0.37", "message": ""},
    EventType.REFILLED: {"outcome": "requested", "refill_id": "1", "message": ""},
    EventType.CANCEL_ASKED: {"outcome": "recorded", "message": ""},
    EventType.RATE_LOWERED: {
        "panel": "sandbox",
        "per_minute": 30,
        "until": "2026-03-01T12:00:07.000Z",
        "message": "Rate limit exceeded",
    },
    EventType.PANEL_STOPPED: {"panel": "sandbox", "message": "no funds"},
    EventType.DRAINING: {"in_flight": 4},
    EventType.NOTE: {"message": "old prices"},
    EventType.WARNING: {"message": "spring/teaser looks as if it was executed after all"},
    EventType.RUN_FINISHED: {"exit_code": 15},
    EventType.WAITING: {"until": "2026-03-01T12:00:30.000Z", "why": "statuses"},
}


@pytest.mark.parametrize("kind", EventType)
def test_every_event_fits_its_schema_and_no_other_facts_do(make, kind):
    about_orders = (EventType.MARKED, EventType.SETTLED, EventType.REFILLED, EventType.CANCEL_ASKED)
    order = "spring/teaser" if kind in about_orders else None
    document = check("event", as_json.event_document(make.event(kind, order, **FACTS[kind])))
    assert list(document)[:3] == ["type", "time", "run_id"]
    assert ("order" in document) == (order is not None)
    with pytest.raises(ValidationError):
        check("event", document | {"key": "secret"})


def test_a_note_may_name_its_order(make):
    check("event", as_json.event_document(make.event(EventType.NOTE, "spring/teaser", message="in doubt")))
