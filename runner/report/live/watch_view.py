"""What the screens of a watch show after a pass: numbers by campaign, and the money. Pure."""

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from runner.engine.watch.totals import PassResult
from runner.planning.accounting.ledger import Ledger
from runner.planning.status.completion import Outlook
from runner.planning.status.order_status import Sync, make_standings
from runner.report.model.model import OrderRow, State, panel_money
from runner.report.model.order_rows import listed_rows

_LIVE = frozenset({State.SENDING, State.UNKNOWN, State.WAITING, State.PROGRESSING, State.REFILLING})
_FINAL = frozenset({State.COMPLETED, State.PARTIAL, State.CANCELED, State.DROPPED})
_NOT_BOUGHT = (State.MISSING, State.REFUSED, State.IN_DOUBT)
_HOUR = 3600.0
RATE_OVER = timedelta(hours=1)  # the rate of delivery is that of the last passes, over so long


class CampaignView(NamedTuple):
    """One campaign's numbers."""

    name: str
    orders: int  # listed
    bought: int
    units: int  # listed in all
    delivered: int  # of these, as far as panels have said
    live: int
    final: int
    problems: int  # in doubt, refused, lost, stalled: somebody should look
    per_hour: float | None  # units delivered; None: not known yet


class MoneyView(NamedTuple):
    """One currency's money; several panels may share it."""

    currency: str | None
    spent: Decimal
    reserved: Decimal
    in_doubt: Decimal
    balance: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchView:
    """All that a screen shows of one moment."""

    number: int  # passes so far
    at: datetime
    campaigns: Sequence[CampaignView]
    money: Sequence[MoneyView]
    states: Mapping[State, int]  # of listed orders, those that occur, worst first
    outlook: Outlook


class Rates:
    """How fast each campaign is delivered, from the passes of the last hour."""

    def __init__(self) -> None:
        self._seen: dict[str, deque[tuple[datetime, int]]] = {}

    def see(self, campaign: str, at: datetime, delivered: int) -> float | None:
        """Note how much is delivered; units an hour, None after one look only."""
        seen = self._seen.setdefault(campaign, deque())
        seen.append((at, delivered))
        while len(seen) > 2 and at - seen[1][0] >= RATE_OVER:  # noqa: PLR2004  # one older than the hour spans it
            seen.popleft()
        hours = (at - seen[0][0]).total_seconds() / _HOUR
        return max(delivered - seen[0][1], 0) / hours if hours > 0 else None


def view_of(number: int, passed: PassResult, outlook: Outlook, now: datetime, rates: Rates) -> WatchView:
    """What a pass left behind."""
    standings = make_standings(passed.campaigns, passed.recorded, now, selection=passed.selection, complete=False)
    ledger = passed.result.report
    rows = listed_rows(standings, passed.campaigns, passed.recorded, {})
    listed = {order.address: order.units for one in passed.campaigns for order in one.orders}
    by_campaign: dict[str, list[OrderRow]] = {one.name: [] for one in passed.campaigns}
    counts = dict.fromkeys(State, 0)
    for row in rows:
        if row.sync is not Sync.REMOVED:
            counts[row.state] += 1
            by_campaign.setdefault(row.campaign, []).append(row)
    return WatchView(
        number=number,
        at=now,
        campaigns=[_campaign(name, several, listed, now, rates) for name, several in by_campaign.items()],
        money=_money(ledger),
        states={state: counts[state] for state in State if counts[state]},
        outlook=outlook,
    )


def _money(ledger: Ledger) -> list[MoneyView]:
    """By currency: amounts of different ones are never added, nor those of panels whose currency is not known."""
    found: dict[tuple[str | None, str], MoneyView] = {}
    for account, booked in panel_money(ledger):
        one = MoneyView(account.currency, booked.spent, booked.reserved, booked.in_doubt, account.balance)
        key = (account.currency, "" if account.currency else account.panel)
        found[key] = _added(found[key], one) if key in found else one
    return list(found.values())


def _added(a: MoneyView, b: MoneyView) -> MoneyView:
    balance = None if a.balance is None or b.balance is None else a.balance + b.balance
    return MoneyView(a.currency, a.spent + b.spent, a.reserved + b.reserved, a.in_doubt + b.in_doubt, balance)


def _campaign(
    name: str, rows: Sequence[OrderRow], listed: Mapping[str, int], now: datetime, rates: Rates
) -> CampaignView:
    states = Counter(row.state for row in rows)
    # A drip is bought bit by bit, and what came up short again.
    wanted = [listed.get(row.address, row.units) for row in rows]
    delivered = sum(min(row.delivered or 0, units) for row, units in zip(rows, wanted, strict=True))
    live, final = (sum(states[state] for state in several) for several in (_LIVE, _FINAL))
    return CampaignView(
        name,
        orders=len(rows),
        bought=len(rows) - sum(states[state] for state in _NOT_BOUGHT),
        units=sum(wanted),
        delivered=delivered,
        live=live,
        final=final,
        problems=len(rows) - live - final - states[State.MISSING],
        per_hour=rates.see(name, now, delivered),
    )
