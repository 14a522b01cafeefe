"""Documents for programs: exactly the keys of the schemas in `schemas/`. Money is a decimal string, unknown is null.

Documents hold amounts and moments as they are; the encoder writes them as text. A document that grows with the orders
comes as `…_chunks`, its text piece by piece, which never holds it whole.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import lru_cache

from runner.core.catalogue import BalanceSeen, Service
from runner.core.diagnostics import Diagnostic
from runner.core.events import Event
from runner.core.values.clock import to_text
from runner.core.values.money import ZERO, plain
from runner.engine.results import ApplyResult, RequestResult
from runner.planning.accounting.ledger import Ledger
from runner.planning.accounting.periods import Period
from runner.planning.plan import Action, Plan
from runner.planning.status.order_status import Standing, Standings

PLAN_FORMAT = 1  # `format_version` of a plan document; grows when a reader of the former one would go wrong

Document = dict[str, object]

_amount = lru_cache(maxsize=10_000)(plain)  # many orders share amounts


def as_text(value: object) -> str:
    """How documents write what JSON has no type for: an exact amount, a moment in ISO form. TypeError for others."""
    if isinstance(value, Decimal):
        return _amount(value)
    if isinstance(value, datetime):
        return to_text(value)
    raise TypeError(f"a document can't hold {type(value)}")


# ASCII only: no control or bidi character of a panel reaches a terminal through `--format json`.
_encode = json.JSONEncoder(
    ensure_ascii=True, allow_nan=False, check_circular=False, separators=(", ", ": "), default=as_text
).encode


def plan_chunks(plan: Plan, checksum: str, more: Mapping[str, object] | None = None) -> Iterator[str]:
    """What `plan --format json` prints, `plan.schema.json`; with the top-level keys of `more` behind it."""
    document: Document = {
        "format_version": PLAN_FORMAT,
        "checksum": checksum,
        "panel_balances": {
            name: {
                "balance": None if money.balance is None else money.balance.amount,
                "currency": None if money.balance is None else money.balance.currency,
            }
            for name, money in plan.money.items()
        },
        "actions": (_action(action, plan) for action in plan.actions),
        "summary": plan.summary,
        "cost": plan.cost,
    }
    return json_chunks(document | dict(more or {}))


def apply_chunks(result: ApplyResult) -> Iterator[str]:
    """What `apply --format json` prints; `apply.schema.json`."""
    return json_chunks(
        {
            "run_id": result.run_id,
            "exit_code": int(result.exit_code),
            "placed": result.placed,
            "refused": result.refused,
            "in_doubt": result.in_doubt,
            "refills": result.refills,
            "cancels": result.cancels,
            "orders": (one._asdict() for one in result.orders),
            "report": report_document(result.report),
        }
    )


def status_chunks(standings: Standings) -> Iterator[str]:
    """What `status --format json` prints; `status.schema.json`."""
    return json_chunks(
        {"orders": (_fields(one, "message") for one in standings.orders), "summary": dict(standings.summary)}
    )


def report_document(ledger: Ledger, period: Period | None = None, *, panels: bool = False) -> Document:
    """What `report --format json` prints; `report.schema.json`. A period and the lines of panels only where asked for."""
    more: Document = {"panels": [line._asdict() for line in ledger.panels]} if panels else {}
    if period is not None:
        more |= {"since": period.since, "until": period.until}
    return more | {
        "currency": ledger.currency,
        "spent": ledger.spent,
        "refunded": ledger.refunded,
        "reserved": ledger.reserved,
        "in_doubt": ledger.in_doubt,
        "balance": ledger.balance,
        "unexplained": ledger.unexplained,
        "balance_seen_at": min((one.seen_at for one in ledger.accounts if one.seen_at is not None), default=None),
        "sent_since": sum(one.newer for one in ledger.accounts),
        "doubted": None if ledger.spent is None else sum((one.doubted.amount for one in ledger.accounts), ZERO),
        "campaigns": [line._asdict() for line in ledger.campaigns],
        "services": [line._asdict() for line in ledger.services],
        "days": [line._asdict() for line in ledger.days],
    }


def validate_document(diagnostics: Iterable[Diagnostic]) -> Document:
    """What `validate --format json` prints; `validate.schema.json`."""
    return {
        "diagnostics": [
            {
                "file": found.file,
                "line": found.line,
                "column": found.column,
                "severity": found.severity,
                "code": found.code,
                "message": found.message,
            }
            for found in diagnostics
        ]
    }


def services_document(services: Iterable[tuple[str, Service]]) -> Document:
    """What `services --format json` prints, from (panel, service) pairs; `services.schema.json`."""
    return {
        "services": [
            {"panel": panel, "service": service.id, **_fields(service, "id"), "orderable": service.is_default}
            for panel, service in services
        ]
    }


def balance_document(balances: Iterable[BalanceSeen]) -> Document:
    """What `balance --format json` prints; `balance.schema.json`."""
    return {
        "balances": [
            {"panel": seen.panel, "balance": seen.balance.amount, "currency": seen.balance.currency}
            for seen in balances
        ]
    }


def refill_document(results: Sequence[RequestResult], *, dry_run: bool) -> Document:
    """What `refill --format json` prints; `refill.schema.json`."""
    rows = [_request(one) | {"refill_id": one.refill_id} for one in results]
    return {"dry_run": dry_run, "orders": rows, "summary": Counter(one.outcome for one in results)}


def cancel_document(results: Sequence[RequestResult], *, dry_run: bool) -> Document:
    """What `cancel --format json` prints; `cancel.schema.json`."""
    rows = [_request(one) for one in results]
    return {"dry_run": dry_run, "orders": rows, "summary": Counter(one.outcome for one in results)}


def event_document(event: Event) -> Document:
    """One line of `--format jsonl`; `event.schema.json`."""
    document: Document = {"type": event.type, "time": event.time, "run_id": event.run_id}
    if event.order is not None:
        document["order"] = event.order
    return document | dict(event.facts)


def line_of(document: Mapping[str, object]) -> str:
    """One document on one line, with its newline."""
    return _encode(document) + "\n"


def _action(action: Action, plan: Plan) -> Document:
    order = action.order
    quantity, runs, interval = plan.terms(action)
    return {
        "order": order.address,
        "action": action.kind,
        "reason": action.reason,
        "service": order.service,
        "link": order.link,
        "quantity": quantity,
        "runs": runs,
        "interval": interval,
        "cost": action.cost,
    }


def _request(result: RequestResult) -> Document:
    return {name: getattr(result, name) for name in ("order", "panel_order_id", "outcome", "message")}


def _fields(row: Standing | Service, left_out: str) -> Document:
    """The fields of `row` by name, but for one."""
    return {name: value for name, value in row._asdict().items() if name != left_out}


def json_chunks(document: Mapping[str, object]) -> Iterator[str]:
    """The JSON text of a document whose top-level values may be lists or iterators of rows, with a newline behind it.

    Top-level lists are one row a line, so that big documents can be read and grepped.
    """
    before = "{\n"
    for key, value in document.items():
        yield f"{before}  {_encode(key)}: "
        before = ",\n"
        if isinstance(value, list | Iterator):
            yield from _rows(value)
        else:
            yield _encode(value)
    yield "\n}\n"


def _rows(rows: Iterable[object]) -> Iterator[str]:
    before = "[\n    "
    for row in rows:
        yield before + _encode(row)
        before = ",\n    "
    yield "[]" if before.startswith("[") else "\n  ]"
