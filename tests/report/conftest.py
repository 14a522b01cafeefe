"""Subjects to report about, and terminals to report on."""

import io
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace

import pytest
from rich.ansi import AnsiDecoder
from rich.cells import cell_len

from runner.core.attempts import OutcomeKind
from runner.core.catalogue import Balance, BalanceSeen, Service
from runner.core.errors import ExitCode
from runner.core.events import Event, EventType
from runner.core.orders import Order
from runner.engine.results import ApplyResult, OrderResult
from runner.planning.accounting.ledger import Ledger, LedgerLine
from runner.planning.plan import Action, ActionKind, PanelMoney, Plan
from runner.planning.status.order_status import Health, Standing, Sync
from runner.report.terminal.screen import Screen

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LINK = "https://example.com/our-brand/posts/2026/a-rather-long-slug-of-a-post"


def make_order(order_id: str = "teaser", **changes: object) -> Order:
    order = Order("spring", order_id, "1", f"{LINK}/{order_id}", 1000, None, None, "campaigns/spring.yaml", 9)
    return order._replace(**changes)


def make_action(order_id: str = "teaser", kind: ActionKind = ActionKind.PLACE, **changes: object) -> Action:
    of_order = {key: changes.pop(key) for key in list(changes) if key in Order._fields}
    return Action(make_order(order_id, **of_order), kind, "not bought yet", Decimal("0.37"), "sandbox")._replace(
        **changes
    )


def make_plan(*actions: Action, **changes: object) -> Plan:
    cost = sum((action.cost or Decimal(0) for action in actions if action.kind is ActionKind.PLACE), Decimal(0))
    balance = Balance(amount=Decimal(100), currency="USD")
    facts = {
        "actions": actions,
        "ok": 20,
        "money": {"sandbox": PanelMoney("sandbox", balance, cost, Decimal(0))},
        "cost": cost,
        "currency": "USD",
        "lineage": "L1",
        "digests": {"campaigns/spring.yaml": "ab" * 32},
    }
    return Plan(**(facts | changes))


def make_line(name: str = "spring", **changes: object) -> LedgerLine:
    amounts = [Decimal(text) for text in ("83.20", "1.20", "12", "0.37")]
    return LedgerLine(name, "USD", 225, *amounts)._replace(**changes)


def make_ledger(**changes: object) -> Ledger:
    ledger = Ledger(
        currency="USD",
        spent=Decimal("83.20"),
        refunded=Decimal("1.20"),
        reserved=Decimal(12),
        in_doubt=Decimal("0.37"),
        balance=Decimal("1004.43"),
        unexplained=Decimal(0),
        campaigns=[make_line()],
        services=[make_line("sandbox/1")],
        days=[make_line("2026-03-01")],
        panels=[make_line("sandbox")],
    )
    return replace(ledger, **changes)


def make_result(outcome: OutcomeKind, order_id: str = "teaser", message: str = "", **changes: object) -> OrderResult:
    panel_id = "23501" if outcome is OutcomeKind.PLACED else None
    return OrderResult(f"spring/{order_id}", outcome, panel_id, Decimal("0.37"), message)._replace(**changes)


def make_applied(*orders: OrderResult, exit_code: ExitCode = ExitCode.OK, **changes: object) -> ApplyResult:
    facts = {
        "run_id": "run-1",
        "exit_code": exit_code,
        "in_doubt": sum(order.outcome is OutcomeKind.IN_DOUBT for order in orders),
        "orders": orders,
        "plan": make_plan(),
        "report": make_ledger(),
    }
    return ApplyResult(**(facts | changes))


def make_standing(order: str = "spring/teaser", **changes: object) -> Standing:
    standing = Standing(
        order, Sync.PLACED, Health.PROGRESSING, "23501", "in_progress", Decimal("0.37"), 100, 250, NOW, ""
    )
    return standing._replace(**changes)


def make_service(**changes: object) -> Service:
    return Service("1", "Followers", "default", "Profiles", Decimal("0.90"), 100, 10000, True, False, None)._replace(
        **changes
    )


def make_balance(panel: str = "sandbox", amount: str = "100", currency: str = "USD") -> BalanceSeen:
    return BalanceSeen(panel=panel, balance=Balance(amount=Decimal(amount), currency=currency), seen_at=NOW)


def make_event(kind: EventType, order: str | None = None, **facts: str | int | None) -> Event:
    return Event(type=kind, time=NOW, run_id="run-1", order=order, facts=facts)


@pytest.fixture(scope="session")
def make() -> SimpleNamespace:
    return SimpleNamespace(
        now=NOW,
        order=make_order,
        action=make_action,
        plan=make_plan,
        line=make_line,
        ledger=make_ledger,
        result=make_result,
        applied=make_applied,
        standing=make_standing,
        service=make_service,
        balance=make_balance,
        event=make_event,
    )


def written(render: Callable[..., None], *subject: object, width: int | None = 80, colour: bool = False) -> str:
    """What `render` writes; on a terminal of `width` columns, or through a pipe for None."""
    stream = io.StringIO()
    terminal = width is not None
    out = Screen(stream, terminal=terminal, width=width, colour=colour, environ={})
    before, after = (subject[:1], subject[1:])
    render(*before, out, *after)
    text = stream.getvalue()
    if width is not None:
        bare = "\n".join(line.plain for line in AnsiDecoder().decode(text))
        assert max((cell_len(line) for line in bare.split("\n")), default=0) <= width
    return text


@pytest.fixture(scope="session")
def write() -> Callable[..., str]:
    return written
