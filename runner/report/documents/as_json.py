"""Documents for programs: exactly the keys of the schemas in `schemas/`. Money is a decimal string, unknown is null.

A document that grows with the orders comes as `…_chunks`, its text piece by piece, which never holds it whole.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from itertools import chain
from typing import TextIO

from runner.core.catalogue import BalanceSeen, Service
from runner.core.diagnostics import Diagnostic
from runner.core.events import Event
from runner.core.values.clock import to_text
from runner.core.values.money import ZERO, plain
from runner.engine.results import ApplyResult, OrderResult
from runner.planning.accounting.ledger import Ledger, LedgerLine
from runner.planning.accounting.periods import Period
from runner.planning.plan import Action, Plan
from runner.planning.status.order_status import Standing, Standings

PLAN_FORMAT = 1  # `format_version` of a plan document; grows when a reader of the former one would go wrong

Document = dict[str, object]

# ASCII only: no control or bidi character of a panel reaches a terminal through `--format json`.
_encode = json.JSONEncoder(ensure_ascii=True, allow_nan=False, separators=(", ", ": ")).encode


def write_json(stream: TextIO, document: Mapping[str, object]) -> None:
    """One document and a newline: top-level lists one row a line, so that big documents can be read and grepped."""
    stream.writelines(_chunks(document))


def plan_chunks(plan: Plan, checksum: str, more: Mapping[str, object] | None = None) -> Iterator[str]:
    """What `plan --format json` prints, `plan.schema.json`; with the top-level keys of `more` behind it."""
    document: Document = {
        "format_version": PLAN_FORMAT,
        "checksum": checksum,
        "panel_balances": {
            name: {
                "balance": None if money.balance is None else plain(money.balance.amount),
                "currency": None if money.balance is None else money.balance.currency,
            }
            for name, money in plan.money.items()
        },
        "actions": (_action(action, plan) for action in plan.actions),
        "summary": plan.summary,
        "cost": _money(plan.cost),
    }
    return _chunks(document | dict(more or {}))


def apply_chunks(result: ApplyResult) -> Iterator[str]:
    """What `apply --format json` prints; `apply.schema.json`."""
    return _chunks(
        {
            "run_id": result.run_id,
            "exit_code": int(result.exit_code),
            "placed": result.placed,
            "refused": result.refused,
            "in_doubt": result.in_doubt,
            "refills": result.refills,
            "cancels": result.cancels,
            "orders": map(_order_result, result.orders),
            "report": report_document(result.report),
        }
    )


def status_chunks(standings: Standings) -> Iterator[str]:
    """What `status --format json` prints; `status.schema.json`."""
    return _chunks({"orders": map(_standing, standings.orders), "summary": dict(standings.summary)})


def report_document(ledger: Ledger, period: Period | None = None, *, panels: bool = False) -> Document:
    """What `report --format json` prints; `report.schema.json`. A period and the lines of panels only where asked for."""
    more: Document = {"panels": [_ledger_line(line) for line in ledger.panels]} if panels else {}
    if period is not None:
        more |= {"since": _time(period.since), "until": _time(period.until)}
    return more | {
        "currency": ledger.currency,
        "spent": _money(ledger.spent),
        "refunded": _money(ledger.refunded),
        "reserved": _money(ledger.reserved),
        "in_doubt": _money(ledger.in_doubt),
        "balance": _money(ledger.balance),
        "unexplained": _money(ledger.unexplained),
        "balance_seen_at": _time(
            min((one.seen_at for one in ledger.accounts if one.seen_at is not None), default=None)
        ),
        "sent_since": sum(one.newer for one in ledger.accounts),
        "doubted": plain(sum((one.doubted.amount for one in ledger.accounts), ZERO))
        if ledger.spent is not None
        else None,
        "campaigns": [_ledger_line(line) for line in ledger.campaigns],
        "services": [_ledger_line(line) for line in ledger.services],
        "days": [_ledger_line(line) for line in ledger.days],
    }


def validate_document(diagnostics: Iterable[Diagnostic]) -> Document:
    """What `validate --format json` prints; `validate.schema.json`."""
    return {
        "diagnostics": [
            {
                "file": found.file,
                "line": found.line,
                "column": found.column,
                "severity": found.severity.value,
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
            {
                "panel": panel,
                "service": service.id,
                "name": service.name,
                "type": service.type,
                "category": service.category,
                "rate": plain(service.rate),
                "min": service.min,
                "max": service.max,
                "refill": service.refill,
                "cancel": service.cancel,
                "dripfeed": service.dripfeed,
                "orderable": service.is_default,
            }
            for panel, service in services
        ]
    }


def balance_document(balances: Iterable[BalanceSeen]) -> Document:
    """What `balance --format json` prints; `balance.schema.json`."""
    return {
        "balances": [
            {"panel": seen.panel, "balance": plain(seen.balance.amount), "currency": seen.balance.currency}
            for seen in balances
        ]
    }


def event_document(event: Event) -> Document:
    """One line of `--format jsonl`; `event.schema.json`."""
    document: Document = {"type": event.type.value, "time": to_text(event.time), "run_id": event.run_id}
    if event.order is not None:
        document["order"] = event.order
    return document | dict(event.facts)


def event_line(event: Event) -> str:
    """The text of `event_document`, with its newline."""
    return line_of(event_document(event))


def line_of(document: Mapping[str, object]) -> str:
    """One document on one line, with its newline."""
    return _encode(document) + "\n"


def _action(action: Action, plan: Plan) -> Document:
    order = action.order
    quantity, runs, interval = plan.terms(action)
    return {
        "order": order.address,
        "action": action.kind.value,
        "reason": action.reason,
        "service": order.service,
        "link": order.link,
        "quantity": quantity,
        "runs": runs,
        "interval": interval,
        "cost": _money(action.cost),
    }


def _order_result(result: OrderResult) -> Document:
    return {
        "order": result.order,
        "outcome": result.outcome.value,
        "panel_order_id": result.panel_order_id,
        "cost": _money(result.cost),
        "message": result.message,
    }


def _standing(standing: Standing) -> Document:
    return {
        "order": standing.order,
        "sync": standing.sync.value,
        "health": standing.health.value,
        "panel_order_id": standing.panel_order_id,
        "status": standing.status,
        "charge": _money(standing.charge),
        "start_count": standing.start_count,
        "remains": standing.remains,
        "checked_at": _time(standing.checked_at),
        "eta": _time(standing.eta),
    }


def _ledger_line(line: LedgerLine) -> Document:
    return {
        "name": line.name,
        "currency": line.currency,
        "orders": line.orders,
        "spent": plain(line.spent),
        "refunded": plain(line.refunded),
        "reserved": plain(line.reserved),
        "in_doubt": plain(line.in_doubt),
    }


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else to_text(moment)


def _money(amount: Decimal | None) -> str | None:
    return None if amount is None else plain(amount)


def _chunks(document: Mapping[str, object]) -> Iterator[str]:
    """The JSON text of a document whose top-level values may be lists or iterators of rows."""
    before = "{\n"
    for key, value in document.items():
        yield f"{before}  {_encode(key)}: "
        before = ",\n"
        if isinstance(value, list | Iterator):
            yield from _rows(iter(value))
        else:
            yield _encode(value)
    yield "\n}\n"


def _rows(rows: Iterator[object]) -> Iterator[str]:
    first = next(rows, None)
    if first is None:
        yield "[]"
        return
    before = "[\n    "
    for row in chain((first,), rows):
        yield before + _encode(row)
        before = ",\n    "
    yield "\n  ]"
