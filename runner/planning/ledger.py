"""Charges, refunds, reservations and the balance, reconciled, with one line *unexplained*. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple


class LedgerLine(NamedTuple):
    """Money of one campaign, service or day; amounts in `currency`."""

    name: str
    currency: str | None
    orders: int  # attempts counted
    spent: Decimal  # known charges net of refunds
    refunded: Decimal
    reserved: Decimal  # expected charge of what is marked or placed and not yet charged
    in_doubt: Decimal  # expected charge of what may have been bought


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """The whole account; amounts are None when the panels' currencies differ."""

    currency: str | None
    spent: Decimal | None
    refunded: Decimal | None
    reserved: Decimal | None
    in_doubt: Decimal | None
    balance: Decimal | None  # last seen; None also when never seen
    unexplained: Decimal | None  # gone from the balance and in no book; negative: came in
    campaigns: Sequence[LedgerLine]
    services: Sequence[LedgerLine]  # name is `panel/service`
    days: Sequence[LedgerLine]  # name is the UTC day of the mark, YYYY-MM-DD
    panels: Sequence[LedgerLine]
