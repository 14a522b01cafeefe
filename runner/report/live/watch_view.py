"""What the screens of a watch show after a pass: numbers by campaign, and the money. Pure."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from runner.engine.watch.totals import PassResult
from runner.planning.accounting.ledger import Ledger
from runner.planning.status.completion import Outlook
from runner.planning.status.order_status import Sync, make_standings
from runner.report.model.build import progress_of, states_of
from runner.report.model.model import CampaignProgress, State, panel_money
from runner.report.model.order_rows import listed_rows

_HOUR = 3600.0
RATE_OVER = timedelta(hours=1)  # the rate of delivery is that of the last passes, over so long


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
    campaigns: Sequence[CampaignProgress]
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
    rows = listed_rows(standings, {})
    listed = {order.address: order.units for one in passed.campaigns for order in one.orders}
    progress = progress_of((row for row in rows if row.sync is not Sync.REMOVED), listed)
    campaigns = {one.name: CampaignProgress(one.name, 0, 0, 0, {}) for one in passed.campaigns}
    campaigns |= {one.campaign: one for one in progress}
    return WatchView(
        number=number,
        at=now,
        campaigns=[one._replace(per_hour=rates.see(name, now, one.delivered)) for name, one in campaigns.items()],
        money=_money(passed.result.report),
        states=states_of(progress),
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
