"""Report models to write: a small true one, one full of hostile text, and as large a one as wanted. No assertions."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from runner.core.attempts import AttemptState, LiveStatus
from runner.core.catalogue import BalanceSeen
from runner.core.snapshot import Recorded
from runner.planning.accounting.ledger import make_ledger
from runner.planning.reconcile.planner import make_plan
from runner.planning.status.order_status import make_standings
from runner.report.model.build import plan_model, report_model
from runner.report.model.model import ReportModel
from tests.planning.builders import (
    EARLIER,
    LINK,
    NOW,
    a_balance,
    a_campaign,
    a_catalogue,
    a_charged_attempt,
    a_service,
    an_attempt,
    an_order,
    recorded_with,
)

HOSTILE = (
    '=HYPERLINK("http://evil.example","x")',
    "+1+1",
    "-2+3",
    "@SUM(A1)",
    "\t=1",
    "</script><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "]]> & <!-- -->",
    "| a | b |\n\n# head",
    "`code` **bold** [link](http://evil.example) ![i](http://evil.example/i.png) @octocat #1 GH-1 www.evil.example",
    "{{ 7*7 }} {% raw %}",
    "\u202egnp.exe\u200b\x1b[31m\x00",
    "::error::owned%0A::set-output name=x::y",
    "1,2;=3\r\n4",
    "\uffff\ufffe\ud800",
)


def modelled(
    recorded: Recorded, *, balances: Sequence[BalanceSeen] = (), now: datetime = NOW, exit_code: int = 0
) -> ReportModel:
    """What `runner report` would tell of a state."""
    return report_model(recorded, make_ledger(recorded), now=now, exit_code=exit_code, balances=balances)


def a_model() -> ReportModel:
    """One order of each kind that is counted, on one panel."""
    attempts = [
        a_charged_attempt("0.90", "0.90", LiveStatus.COMPLETED)._replace(order_id="done", panel_order_id="1"),
        a_charged_attempt("0.90", "0.54", LiveStatus.PARTIAL, 400)._replace(order_id="part", panel_order_id="2"),
        a_charged_attempt("0.90", "0", LiveStatus.CANCELED, 1000)._replace(order_id="gone", panel_order_id="3"),
        an_attempt(an_order("new"), panel_order_id="4"),
        an_attempt(an_order("lost"), AttemptState.IN_DOUBT, message="connection reset"),
        an_attempt(an_order("never"), AttemptState.REFUSED, message="Incorrect link"),
    ]
    balances = [a_balance("100.00", at=EARLIER - timedelta(hours=1)), a_balance("97.66", at=NOW)]
    recorded = recorded_with(*attempts, balances=balances[1:], first_balances=balances[:1])
    return modelled(recorded, balances=balances, exit_code=15)


def a_hostile_model() -> ReportModel:
    """Every text that somebody else writes is an attack."""
    attempts = [
        an_attempt(
            an_order(f"order-{number}", link=f"{LINK}/{text}", service=text[:20]),
            AttemptState.IN_DOUBT if number % 2 else AttemptState.REFUSED,
            message=text,
        )
        for number, text in enumerate(HOSTILE)
    ]
    placed = [
        an_attempt(an_order(f"placed-{number}"), panel_order_id=f"{text}{number}", panel=f"panel {text[:9]}")
        for number, text in enumerate(HOSTILE)
    ]
    return modelled(recorded_with(*attempts, *placed, balances=[a_balance("1", currency="<b>")]))


def a_large_model(orders: int, campaigns: int = 3) -> ReportModel:
    """Orders in every state, each of another price."""
    statuses = list(LiveStatus)
    usual = an_attempt(checked_at=NOW)
    attempts = {
        (f"campaign-{number % campaigns}", f"post-{number}"): [
            usual._replace(
                id=number,
                campaign=f"campaign-{number % campaigns}",
                order_id=f"post-{number}",
                link=f"{LINK}/{number}",
                panel_order_id=str(number),
                status=statuses[number % len(statuses)],
                first_charge=Decimal(number).scaleb(-3),
                charge=Decimal(number).scaleb(-3),
                remains=number % 1000,
            )
        ]
        for number in range(orders)
    }
    return modelled(replace(recorded_with(), attempts=attempts))


def a_planned_model(
    orders: int, doubts: int = 0, notes: Sequence[str] = (), max_cost: Decimal | None = None, said: str = "Post likes"
) -> ReportModel:
    """A plan over two campaigns and two services, `said` by name: of so many new orders, each dearer than the former."""
    recorded = recorded_with(
        *(an_attempt(an_order(f"doubt-{number}"), AttemptState.IN_DOUBT) for number in range(doubts)),
        catalogues=[a_catalogue(a_service("1", name=said, max=10**8), a_service("2", rate=Decimal(3), max=10**8))],
        balances=[a_balance("1000000000")],
    )
    campaigns = [
        a_campaign(
            *(an_order(f"doubt-{number}") for number in range(doubts if name == "spring" else 0)),
            *(
                an_order(f"post-{number}", service=service, quantity=1000 + 100 * number, runs=2, interval=60)
                for number in range(start, orders, 2)
            ),
            name=name,
        )
        for start, (name, service) in enumerate((("spring", "1"), ("autumn", "2")))
    ]
    plan = replace(make_plan(campaigns, recorded, max_cost=max_cost), warnings=notes)
    return plan_model(
        plan,
        make_standings(campaigns, recorded, NOW),
        recorded,
        make_ledger(recorded),
        now=NOW,
        exit_code=plan.exit_code,
        balances=[a_balance("1000000000")],
        next_command="runner apply",
    )
