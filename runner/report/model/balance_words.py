"""Explains a balance and what is unexplained of it, the same on screens, in HTML and in Markdown. Pure."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import NamedTuple

from runner.core.values.clock import to_the_minute
from runner.core.values.money import ZERO, plain
from runner.planning.accounting.balance_races import Race
from runner.planning.accounting.doubt_amounts import Doubted
from runner.planning.accounting.ledger import Account, Ledger
from runner.report.wording import count

_NAMED = 3  # orders that are named


class Meaning(NamedTuple):
    """A sentence, and whether somebody should mind it."""

    words: str
    is_odd: bool = False


def of_balance(accounts: Sequence[Account]) -> Meaning:
    """Say when the balance was read; of several panels, when the first of them was."""
    seen = [one.seen_at for one in accounts if one.seen_at is not None]
    if not seen:
        return Meaning("as the panel said last")
    said = "as the panel said last, at" if len(accounts) == 1 else "as the panels said last, the first of them at"
    newer = sum(one.newer for one in accounts)
    since = f"; not read since: {count(newer, 'order')} sent after it" if newer else ""
    return Meaning(f"{said} {to_the_minute(min(seen))}{since}", is_odd=bool(newer))


def of_unexplained(ledger: Ledger) -> Meaning:
    """Say what the unexplained amount is. With several panels that is the sum alone: each account has a sentence of its own."""
    if len(ledger.accounts) == 1:
        return of_account(ledger.accounts[0])
    return _of_amount(ledger.unexplained)


def of_account(account: Account) -> Meaning:
    """What is unexplained of one panel's balance, and until when that holds."""
    found = _of_account(account)
    if not account.newer or account.seen_at is None:
        return found
    return found._replace(words=f"until {to_the_minute(account.seen_at)}: {found.words}")


def _of_account(account: Account) -> Meaning:
    unexplained = account.unexplained
    if unexplained is None and account.balance is not None:
        return Meaning("the balance was in another currency before: nothing to compare it with", is_odd=True)
    if unexplained == ZERO and not account.is_compared:
        return Meaning("the balance was read once: nothing to compare it with yet")
    if account.given_up.is_likely:
        words = (
            f"what {_names(account.given_up)}, given up and counted as spent, would have cost: probably never placed"
        )
        return Meaning(words, is_odd=True)
    if account.doubted.amount and unexplained is not None:
        return Meaning("; ".join(_doubted(account.doubted, unexplained)), is_odd=True)
    if account.races and unexplained is not None:
        return Meaning("; ".join(_raced(account.races, unexplained)), is_odd=True)
    return _of_amount(unexplained)


def _of_amount(unexplained: Decimal | None) -> Meaning:
    if unexplained is None:
        return Meaning("no balance has been seen")
    if unexplained > ZERO:
        return Meaning("gone from the balance and in no book: other spending, or a changed charge", is_odd=True)
    if unexplained < ZERO:
        return Meaning("came into the balance and is in no book: a deposit, or a late refund", is_odd=True)
    return Meaning("balance and books agree")


def _doubted(doubts: Doubted, unexplained: Decimal) -> Iterator[str]:
    names = _names(doubts)
    if doubts.is_likely:
        yield f"what {names}, in doubt, would have cost: probably the same money as in doubt above, not a second loss"
        return
    yield f"{plain(doubts.amount)} of it may be the same money as in doubt above ({names})"
    yield f"the other {plain(unexplained - doubts.amount)}: other spending, or a changed charge"


def _names(doubts: Doubted) -> str:
    named = ", ".join(doubts.orders[:_NAMED])
    more = len(doubts.orders) - _NAMED
    return f"{named} and {more:,} more" if more > 0 else named


def _raced(races: Sequence[Race], unexplained: Decimal) -> Iterator[str]:
    yield races[-1].words
    if len(races) > 1:
        yield f"so did {count(len(races) - 1, 'run')} before"
    left = -unexplained - sum((one.missing for one in races), ZERO)
    if left > ZERO:
        yield f"the other {plain(left)} came in: a deposit, or a late refund"
