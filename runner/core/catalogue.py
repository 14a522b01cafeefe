"""What a panel sells and what the account holds, at a moment."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """A panel's services by id."""

    panel: str
    services: Mapping[str, Service]
    fetched_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """What the account holds; may be negative. The currency is what the panel says, upper case."""

    amount: Decimal
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceSeen:
    """A balance with its panel and moment."""

    panel: str
    balance: Balance
    seen_at: datetime
