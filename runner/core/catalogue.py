"""Catalogues and balances: what a panel sells and what the account holds at a moment."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

PAGE_SIZES = frozenset({100, 200, 250, 500, 1000})  # a price list of so many services may be one page of more
NO_CURRENCY = "XXX"  # ISO 4217's code for none, as the state writes it; everywhere else that is None


class Service(NamedTuple):
    """One line of a panel's service list."""

    id: str
    name: str  # cleaned, may be empty
    type: str  # cleaned, folded: lower case, `_` and `-` as spaces; `default` is the only one ordered
    category: str
    rate: Decimal  # per 1000, in the account's currency
    min: int
    max: int
    refill: bool | None  # None: the panel does not say
    cancel: bool | None
    dripfeed: bool | None

    @property
    def is_default(self) -> bool:
        """True for the documented Default order type."""
        return self.type == "default"


class Repeated(NamedTuple):
    """A service that the list has more than once with different facts, so that it is not known which of them hold."""

    service: str
    times: int
    rates: tuple[Decimal, ...]  # the different ones, in the list's order
    fields: tuple[str, ...]  # what else differs, by the names of the API: `min`, `refill`


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """A panel's services by id; a `repeated` one has the worst facts of its lines."""

    panel: str
    services: Mapping[str, Service]
    fetched_at: datetime
    repeated: Mapping[str, Repeated] = field(default_factory=dict)


class ServiceSeen(NamedTuple):
    """How a panel listed a service from a moment on, until the next one of the same service."""

    panel: str
    seen_at: datetime
    service: Service  # as last listed where it no longer is
    is_listed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """What the account holds; may be negative."""

    amount: Decimal
    currency: (
        str | None
    )  # the panel's own word, cleaned: `USD`, `€`, `USDT_TRC20`; None: neither it nor its profile names one


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceSeen:
    """A balance with its panel and moment."""

    panel: str
    balance: Balance
    seen_at: datetime
    # Its place in the journal, where that was recorded: a clock that was put back can not change it.
    number: int | None = field(default=None, compare=False)  # grows from look to look
    last_attempt: int | None = field(default=None, compare=False)  # id of the newest attempt marked before it

    def is_before(self, attempt_id: int, marked_at: datetime) -> bool:
        """True if the balance was read before an attempt on its panel was marked: by id, or by time where `last_attempt` is None."""
        return marked_at >= self.seen_at if self.last_attempt is None else attempt_id > self.last_attempt

    def is_after(self, attempt_id: int, marked_at: datetime) -> bool:
        """True if the balance was read after an attempt on its panel was marked; decided as in `is_before`."""
        return marked_at <= self.seen_at if self.last_attempt is None else attempt_id <= self.last_attempt

    def is_same_look(self, other: "BalanceSeen") -> bool:
        """True if both are the same reading, not two readings of equal amounts."""
        return self == other and self.number == other.number


class BalanceLabel(NamedTuple):
    """An amount that moved a balance for a reason that a person gave: a top-up, say."""

    panel: str
    text: str  # cleaned
    amount: Decimal  # came in; negative: went out
    currency: str | None
    reading: int  # number of the look that showed it first
    seen_at: datetime  # when that was
    user: str
    host: str
    at: datetime

    def is_between(self, first: BalanceSeen, last: BalanceSeen) -> bool:
        """True if what it is about happened between two looks at one balance; by the clock where their places are not known."""
        if self.panel != last.panel or self.currency != last.balance.currency:
            return False
        if first.number is None or last.number is None:
            return first.seen_at < self.seen_at <= last.seen_at
        return first.number < self.reading <= last.number
