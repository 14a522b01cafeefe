"""The ledger: charges, refunds, reservations and the balance, with one line *unexplained*. Pure.

The one place that says what an attempt has cost; guards and reports use it.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple

from runner.core.attempts import CLOSED, ENDED_SHORT, Attempt, AttemptState, LiveStatus
from runner.core.catalogue import BalanceLabel, BalanceSeen
from runner.core.snapshot import Recorded
from runner.core.values.money import ROUNDING, ROUNDING_PER_ORDER, ZERO, last_unit
from runner.planning.accounting.balance_races import Race, races
from runner.planning.accounting.doubt_amounts import NOTHING as NOTHING_DOUBTED
from runner.planning.accounting.doubt_amounts import Doubted, doubted

# Members looked up once: Python 3.11 takes longer for `AttemptState.PLACED` than for the comparison behind it.
_PLACED = AttemptState.PLACED
_ABANDONED = AttemptState.ABANDONED
_GIVEN_BACK = (LiveStatus.CANCELED, LiveStatus.REFUNDED)


class LedgerLine(NamedTuple):
    """Money of one campaign, service or day; amounts in `currency`."""

    name: str
    currency: str | None
    orders: int  # attempts counted
    spent: Decimal  # known charges net of refunds
    refunded: Decimal
    reserved: Decimal  # expected charge of what is placed and live, and shows no charge yet
    in_doubt: Decimal  # expected charge of what may have been bought

    @property
    def amounts(self) -> tuple[Decimal, Decimal, Decimal, Decimal]:
        """Spent, refunded, reserved and in doubt."""
        return self.spent, self.refunded, self.reserved, self.in_doubt


class Account(NamedTuple):
    """One panel's balance against the books; amounts in `currency`."""

    panel: str
    currency: str | None
    balance: Decimal | None  # last seen
    unexplained: Decimal | None  # gone from the balance and in no book; negative: came in; None: no balance seen
    labelled: Decimal = ZERO  # came in for reasons that people gave; negative: went out
    seen_at: datetime | None = None  # when the balance was seen last; None: never
    is_compared: bool = True  # it was seen before as well, in the same currency; else nothing can be unexplained
    newer: int = 0  # orders sent since then: what they took is in no look yet
    doubted: Doubted = NOTHING_DOUBTED  # what orders in doubt say about what is gone unexplained
    given_up: Doubted = (
        NOTHING_DOUBTED  # what abandoned orders, which count as spent, say about what came in unexplained
    )
    races: Sequence[Race] = ()  # runs in which the panel took less than it charged, where that is what is unexplained


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """The whole account; amounts are None when the panels' currencies differ.

    A name has one line for each currency it was spent in.
    """

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
    accounts: Sequence[Account] = ()  # by panel
    labels: Sequence[BalanceLabel] = ()  # of these panels, in the order recorded

    @property
    def labelled(self) -> Decimal | None:
        """What people explained, came in less went out; None when the panels' currencies differ."""
        return None if self.spent is None else sum((account.labelled for account in self.accounts), ZERO)


class Booked(NamedTuple):
    """What one attempt has cost."""

    spent: Decimal = ZERO
    refunded: Decimal = ZERO
    reserved: Decimal = ZERO
    in_doubt: Decimal = ZERO

    @property
    def committed(self) -> Decimal:
        """What counts against a budget: doubts at full price."""
        return self.spent + self.reserved + self.in_doubt


_NOTHING = Booked()


def book(attempt: Attempt) -> Booked | None:
    """What an attempt has cost; None if nothing was bought: it isn't counted.

    =====================  ==========================================================  ==========================
    state                  charge                                                      booked
    =====================  ==========================================================  ==========================
    refused, not sent                                                                  not counted
    sending, in doubt                                                                  in doubt, expected charge
    abandoned                                                                          spent, expected charge
    placed, live           none or 0 seen                                              reserved, expected charge
    placed, final          none seen: it will show none any more                       spent, expected charge
    placed, given back     0, and never another                                        nothing
    placed                 latest >= first: raised, or not rewritten                   spent, latest
    placed, final          latest < first, agrees with `remains`                       spent, latest; rest refunded
    placed, ended short    the same, and `remains` is unknown                          spent, latest; rest refunded
    placed, given back     0 after another                                             first refunded
    placed                 latest < first otherwise: nobody vouches for a refund       spent, first
    =====================  ==========================================================  ==========================

    *Given back* is canceled or refunded. What a panel pays back without such evidence shows up as *unexplained*.
    """
    state = attempt.state
    if state is _PLACED:
        return _book_placed(attempt)
    if state in CLOSED:
        return None
    if state is _ABANDONED:
        return Booked(spent=attempt.expected_charge)
    return Booked(in_doubt=attempt.expected_charge)


def _book_placed(attempt: Attempt) -> Booked:
    latest = attempt.charge
    first = attempt.first_charge or latest
    if first is None or first <= ZERO:
        if latest is not None and latest == ZERO and attempt.status in _GIVEN_BACK:
            return _NOTHING
        if attempt.is_final:
            return Booked(spent=attempt.expected_charge)
        return Booked(reserved=attempt.expected_charge)
    if latest is None or latest < ZERO:  # no figure, or one that means nothing
        return Booked(spent=first)
    if latest >= first:
        return Booked(latest)
    if attempt.is_final and _is_refund(attempt, first, latest):
        return Booked(spent=latest, refunded=first - latest)
    return Booked(spent=first)


def paid_back(attempt: Attempt, booked: Booked) -> Decimal:
    """What the panel says it paid back of an attempt that was booked so; the balance may say otherwise."""
    whole = attempt.first_charge or attempt.charge or attempt.expected_charge
    return max(whole - booked.committed, ZERO)


def is_unconfirmed(attempt: Attempt) -> bool:
    """True if a placed attempt without a charge was bought by us, and may have cost anything."""
    return attempt.status not in _GIVEN_BACK and not attempt.is_imported


def _is_refund(attempt: Attempt, first: Decimal, latest: Decimal) -> bool:
    """True if nothing contradicts that `first - latest` was paid back for the units not delivered."""
    if latest == ZERO and attempt.status in _GIVEN_BACK:
        return True
    remains, units = attempt.remains, attempt.units
    if remains is None or remains > units:
        return attempt.status in ENDED_SHORT  # nothing is paid back for what is completed
    kept = first * (units - max(remains, 0)) / units
    return abs(latest - kept) <= last_unit(first, latest) / 2 + first * ROUNDING


class _Group(NamedTuple):
    """What attempts have to share to be summed up once, before the kinds of lines are made of the sums."""

    campaign: str
    panel: str
    service: str
    day: str
    currency: str | None


class _Sum:
    """The sums of one ledger line while it is added up."""

    __slots__ = ("in_doubt", "orders", "refunded", "reserved", "spent")

    def __init__(self) -> None:
        self.orders = 0
        self.spent = self.refunded = self.reserved = self.in_doubt = ZERO

    def add(self, booked: Booked, orders: int = 1) -> None:
        self.orders += orders
        self.spent += booked.spent
        self.refunded += booked.refunded
        self.reserved += booked.reserved
        self.in_doubt += booked.in_doubt

    def booked(self) -> Booked:
        return Booked(self.spent, self.refunded, self.reserved, self.in_doubt)


def make_ledger(
    recorded: Recorded,
    panels: Collection[str] | None = None,
    currencies: Mapping[str, str | None] | None = None,
) -> Ledger:
    """The books of `panels` (default: all that the state knows); `currencies` names those of panels never asked.

    An amount is in the currency that its panel's balance was in when the attempt was marked.
    """
    groups: defaultdict[_Group, _Sum] = defaultdict(_Sum)
    windows = {
        panel: _Window(_opening(panel, recorded), last)
        for panel, last in recorded.last_balances.items()
        if panel in recorded.first_balances
    }
    named: dict[str, str | None] = {**(currencies or {})} | {
        panel: one.balance.currency for panel, one in recorded.last_balances.items()
    }
    changes = recorded.currency_changes
    known = {panel for panel in recorded.last_balances if panels is None or panel in panels}
    for attempt in recorded.each():
        panel = attempt.panel
        booked = book(attempt) if panels is None or panel in panels else None
        if booked is None:
            continue
        known.add(panel)
        day = attempt.marked_at.astimezone(UTC).date().isoformat()
        currency = currency_at(attempt, changes[panel]) if panel in changes else named.get(panel)
        group = _Group(attempt.campaign, panel, attempt.service, day, currency)
        groups[group].add(booked)
        window = windows.get(panel)
        if window is not None:
            window.see(attempt, booked)
    accounts = [_account(panel, named.get(panel), recorded, windows.get(panel)) for panel in sorted(known)]
    labels = [label for label in recorded.labels if label.panel in known]
    return _ledger(groups, accounts, labels)


class _Window:
    """The first and the last comparable look at a balance, and what was bought between them."""

    __slots__ = ("between", "doubts", "first", "given_up", "last", "newer")

    def __init__(self, first: BalanceSeen, last: BalanceSeen) -> None:
        self.first = first
        self.last = last
        self.between = _Sum()
        self.doubts: list[Attempt] = []  # of those between them
        self.given_up: list[Attempt] = []  # the same
        self.newer = 0  # orders sent since the last one

    def see(self, attempt: Attempt, booked: Booked) -> None:
        if not self.last.is_after(attempt.id, attempt.marked_at):
            self.newer += not attempt.is_imported
        elif self.first.is_before(attempt.id, attempt.marked_at):
            self.between.add(booked)
            if booked.in_doubt:
                self.doubts.append(attempt)
            elif attempt.state is _ABANDONED:
                self.given_up.append(attempt)

    @property
    def tolerance(self) -> Decimal:
        """What roundings may make of the difference: half a unit of the last decimal, and 0.00001 for each attempt."""
        unit = last_unit(self.first.balance.amount, self.last.balance.amount)
        return unit / 2 + ROUNDING_PER_ORDER * self.between.orders


def _opening(panel: str, recorded: Recorded) -> BalanceSeen:
    """The first look at a balance that can be compared with the last: the first one in its last currency."""
    first = recorded.first_balances[panel]
    latest = recorded.currency_changes[panel][-1] if panel in recorded.currency_changes else first
    return latest if (latest.number or 0) > (first.number or 0) else first


def currency_at(attempt: Attempt, changes: Sequence[BalanceSeen]) -> str | None:
    """The currency of the panel's balance when an attempt was marked."""
    currency = changes[0].balance.currency
    for change in changes[1:]:
        if change.is_before(attempt.id, attempt.marked_at):
            currency = change.balance.currency
    return currency


def _account(panel: str, currency: str | None, recorded: Recorded, window: _Window | None) -> Account:
    last = recorded.last_balances.get(panel)
    if last is None:
        return Account(panel, currency, None, None)
    account = Account(panel, currency, last.balance.amount, None, seen_at=last.seen_at, is_compared=False)
    if window is None:
        return account
    account = account._replace(newer=window.newer)
    if window.first.balance.currency != last.balance.currency:
        return account
    labelled = sum((label.amount for label in recorded.labels if label.is_between(window.first, last)), ZERO)
    unexplained = _unexplained(window, labelled)
    return account._replace(
        unexplained=unexplained,
        labelled=labelled,
        is_compared=not window.first.is_same_look(last),
        doubted=doubted(unexplained, window.doubts, window.tolerance),
        given_up=doubted(-unexplained, window.given_up, window.tolerance),
        races=_races(panel, recorded, unexplained, window.tolerance),
    )


def _races(panel: str, recorded: Recorded, unexplained: Decimal, tolerance: Decimal) -> Sequence[Race]:
    """The runs in which less was taken than charged, if what came in unexplained is at least that much."""
    if unexplained >= ZERO:
        return ()
    found = races(recorded, panel)
    return found if found and sum((one.missing for one in found), unexplained) <= tolerance else ()


def _unexplained(window: _Window, labelled: Decimal) -> Decimal:
    """What the balance lost between two looks and neither a book nor a label shows.

    Nothing is made of less than the window's tolerance; coarser rounding of many charges does add up to an amount
    that is shown.
    """
    first, last, between = window.first, window.last, window.between
    if first.is_same_look(last):  # one look brackets nothing
        return ZERO
    gone = first.balance.amount - last.balance.amount
    difference = gone + labelled - between.spent - between.reserved
    return ZERO if abs(difference) <= window.tolerance else difference


def _ledger(groups: Mapping[_Group, _Sum], accounts: Sequence[Account], labels: Sequence[BalanceLabel]) -> Ledger:
    found = {account.currency for account in accounts} | {group.currency for group in groups}
    mixed = len(found) > 1 or (len(accounts) > 1 and None in found)
    total = _Sum()
    for one in groups.values():
        total.add(one.booked(), one.orders)
    return Ledger(
        currency=None if mixed or not found else found.pop(),
        spent=None if mixed else total.spent,
        refunded=None if mixed else total.refunded,
        reserved=None if mixed else total.reserved,
        in_doubt=None if mixed else total.in_doubt,
        balance=None if mixed else _sum_if_known([account.balance for account in accounts]),
        unexplained=None if mixed else _sum_if_known([account.unexplained for account in accounts]),
        campaigns=_lines(groups, lambda group: group.campaign),
        services=_lines(groups, lambda group: f"{group.panel}/{group.service}"),
        days=_lines(groups, lambda group: group.day),
        panels=_lines(groups, lambda group: group.panel),
        accounts=accounts,
        labels=labels,
    )


def _sum_if_known(amounts: Sequence[Decimal | None]) -> Decimal | None:
    known = [one for one in amounts if one is not None]
    return sum(known, ZERO) if known and len(known) == len(amounts) else None


def _lines(groups: Mapping[_Group, _Sum], name_of: Callable[[_Group], str]) -> list[LedgerLine]:
    """Lines by name and currency, sorted; panels of unknown currency are not added to one another."""
    sums: dict[tuple[str, str, str], _Sum] = {}
    for group, one in groups.items():
        currency = group.currency
        key = (name_of(group), currency or "", "" if currency else group.panel)
        sums.setdefault(key, _Sum()).add(one.booked(), one.orders)
    return [
        LedgerLine(name, currency or None, one.orders, *one.booked())
        for (name, currency, _), one in sorted(sums.items(), key=lambda item: item[0])
    ]
