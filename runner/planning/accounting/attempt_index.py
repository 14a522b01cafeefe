"""Indexes what the state remembers of attempts, once for each planning pass."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

from runner.core.attempts import CLOSED, DOUBTFUL, ENDED_SHORT, FINAL_STATUSES, Attempt, AttemptState
from runner.core.orders import Campaign, Order
from runner.core.snapshot import Recorded
from runner.core.values.links import page_key
from runner.core.values.money import ZERO
from runner.planning.accounting.ledger import book, currency_at, is_unconfirmed, paid_back

_PLACED = AttemptState.PLACED  # looked up once: Python 3.11 takes longer for it than for the comparison

# Who holds a (service, page) of a panel, the page by `page_key`: an attempt in flight, an order of this plan, or the ready reason to wait for it.
Flights = dict[str, dict[str, Attempt | Order | str]]


Billed = tuple[str, str | None]  # a panel, and the currency if it ever changed its own; None: the present one


class Taken:
    """What past purchases took of one cap, by panel and currency."""

    __slots__ = ("amounts", "returned")

    def __init__(self) -> None:
        self.amounts: dict[Billed, Decimal] = {}  # net of what was paid back, as the panels say
        self.returned: dict[Billed, Decimal] = {}  # what the panels say they paid back

    def add(self, attempts: Sequence[Attempt], recorded: Recorded, since: datetime | None = None) -> None:
        """Add what attempts marked since then have committed; a mark with a future time (the clock was put back) counts too."""
        for attempt in attempts:
            if (since is None or attempt.marked_at >= since) and (booked := book(attempt)) is not None:
                panel = attempt.panel
                changes = recorded.currency_changes.get(panel) if recorded.currency_changes else None
                key = (panel, None if changes is None else currency_at(attempt, changes))
                self.amounts[key] = self.amounts.get(key, ZERO) + booked.committed
                if attempt.status in FINAL_STATUSES and (back := paid_back(attempt, booked)):
                    self.returned[key] = self.returned.get(key, ZERO) + back


class History:
    """One pass over all attempts: what is in flight, in doubt or not charged yet, what each campaign has committed."""

    __slots__ = ("_flights", "_in_doubt", "bought", "committed", "doubtful", "returned", "today", "uncharged")

    def __init__(self, recorded: Recorded, campaigns: Sequence[Campaign], now: datetime | None = None) -> None:
        """`now` tells what day it is; raises ValueError if a campaign's budget needs it and it isn't given."""
        self._flights: dict[str, Flights] = {}
        self._in_doubt: dict[str, Decimal] = {}
        self.bought: dict[str, set[str]] = {campaign.name: set() for campaign in campaigns}  # ids placed or given up
        self.doubtful: dict[str, set[str]] = {campaign.name: set() for campaign in campaigns}  # ids that may exist
        self.returned: dict[str, Decimal] = {}  # panel -> what it says it paid back of orders that ended short
        self.uncharged: dict[str, int] = {}  # panel -> orders bought there whose charge it has not shown
        # By campaign, of those that have a budget for their life, and of those that have one for a day (UTC).
        self.committed = {one.name: Taken() for one in campaigns if one.budget.total is not None}
        self.today = {one.name: Taken() for one in campaigns if one.budget.per_day is not None}
        if self.today and now is None:
            raise ValueError("budget.per_day needs to know what day it is")
        day = None if now is None else now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        for (campaign, order_id), attempts in recorded.attempts.items():
            self._index(campaign, order_id, attempts)
            if campaign in self.committed:
                self.committed[campaign].add(attempts, recorded)
            if campaign in self.today:
                self.today[campaign].add(attempts, recorded, day)

    def _index(self, campaign: str, order_id: str, attempts: Sequence[Attempt]) -> None:
        for attempt in attempts:
            state = attempt.state
            if state in CLOSED:
                continue
            doubtful = state in DOUBTFUL
            if doubtful or (state is _PLACED and attempt.status not in FINAL_STATUSES):  # Attempt.is_in_flight
                self.flights(attempt.panel)[attempt.service][page_key(attempt.link)] = attempt
            if doubtful:
                self._in_doubt[attempt.panel] = self.in_doubt(attempt.panel) + attempt.expected_charge
            elif state is _PLACED and not attempt.charge and not attempt.first_charge and is_unconfirmed(attempt):
                self.uncharged[attempt.panel] = self.uncharged.get(attempt.panel, 0) + 1
            if state is _PLACED and attempt.status in ENDED_SHORT and (booked := book(attempt)) is not None:
                self.returned[attempt.panel] = self.returned.get(attempt.panel, ZERO) + paid_back(attempt, booked)
            ids = (self.doubtful if doubtful else self.bought).get(campaign)
            if ids is not None:
                ids.add(order_id)

    def flights(self, panel: str) -> Flights:
        """Who holds what on a panel, by service and page (`page_key`); the plan adds its own purchases."""
        if panel not in self._flights:
            self._flights[panel] = defaultdict(dict)
        return self._flights[panel]

    def in_doubt(self, panel: str) -> Decimal:
        """Full price of all that may have been bought on a panel, from any campaign."""
        return self._in_doubt.get(panel, ZERO)
