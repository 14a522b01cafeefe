"""What the state knows of one order: facts about its attempts, each found once and passed on. Pure."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from runner.core.attempts import BOUGHT, CLOSED, DOUBTFUL, ENDED_SHORT, Attempt, AttemptKind, AttemptState
from runner.core.orders import Campaign, Order
from runner.core.snapshot import Recorded
from runner.planning.orders.moved_orders import known_attempts

# Members looked up once: Python 3.11 takes longer for `AttemptKind.TOP_UP` than for the comparison behind it.
_INITIAL = AttemptKind.INITIAL
_REPLACEMENT = AttemptKind.REPLACEMENT
_TOP_UP = AttemptKind.TOP_UP
_REORDER = AttemptKind.REORDER
_INSTALMENT = AttemptKind.INSTALMENT
WHOLE = (_INITIAL, _REPLACEMENT)  # attempts that buy all of an order
_NO_ONE: Mapping[int, Attempt] = MappingProxyType({})


class OrderHistory(NamedTuple):
    """One order's attempts, and what follows from them. All in the order marked."""

    attempts: Sequence[Attempt]  # all of it; empty: it was never tried
    standing: Sequence[Attempt]  # what was bought, given up or may exist, from the newest replacement on
    replaced: Sequence[Attempt]  # the same, from before the newest replacement
    doubts: Sequence[Attempt]  # what may exist on the panel
    instalments: Sequence[Attempt]  # of `standing`: the runs of a drip by the runner
    bought: Attempt | None  # `standing` as one purchase, with its top-ups; None: only parts were bought, or nothing
    followers: Mapping[int, Attempt]  # attempt id -> the reorder that followed it

    @property
    def is_open(self) -> bool:
        """True if one of the attempts may exist, exists, or was given up: the order is never bought again by itself."""
        return bool(self.standing)

    @property
    def doubt(self) -> Attempt | None:
        """The newest open doubt; if there is none, the attempt that is being sent; else None."""
        newest_first = self.doubts[::-1]
        given_up_on = (one for one in newest_first if one.state is AttemptState.IN_DOUBT)
        return next(given_up_on, newest_first[0] if newest_first else None)


_NEVER_TRIED = OrderHistory((), (), (), (), (), None, _NO_ONE)


def history_of(attempts: Sequence[Attempt]) -> OrderHistory:
    """The history of an order with these attempts."""
    if not attempts:
        return _NEVER_TRIED
    # Nearly all orders were bought once: in a third of the time.
    if len(attempts) == 1 and attempts[0].kind is _INITIAL and attempts[0].state in BOUGHT:
        return OrderHistory(attempts, attempts, (), (), (), attempts[0], _NO_ONE)
    standing: list[Attempt] = []
    replaced: list[Attempt] = []
    doubts: list[Attempt] = []
    sent: list[Attempt] = []
    whole, more, has_reorders = None, 0, False
    for one in attempts:
        if one.state in CLOSED:
            continue
        if one.state in DOUBTFUL:
            doubts.append(one)
        kind = one.kind
        if kind is _REPLACEMENT:
            replaced += standing
            standing, sent, more = [], [], 0
        standing.append(one)
        if kind in WHOLE:
            whole = one
        elif kind is _TOP_UP:
            more += one.quantity
        elif kind is _INSTALMENT:
            sent.append(one)
        else:
            has_reorders = True
    bought = whole._replace(quantity=whole.quantity + more) if whole is not None and more else whole
    followers = {**_followers(replaced), **_followers(standing)} if has_reorders else _NO_ONE
    return OrderHistory(attempts, standing, replaced, doubts, sent, bought, followers)


def order_history(recorded: Recorded, campaign: Campaign, order_id: str) -> OrderHistory:
    """The history of a listed order, under whatever id the state knows it."""
    return history_of(known_attempts(recorded, campaign, order_id))


def as_order(bought: Attempt, source: str = "") -> Order:
    """An unlisted order as it was bought: for a selection, and for its line in a plan. It stands in no line of a file."""
    return Order(
        campaign=bought.campaign,
        id=bought.order_id,
        service=bought.service,
        link=bought.link,
        quantity=bought.quantity,
        runs=bought.runs,
        interval=bought.interval,
        source=source,
        line=0,
    )


def is_short(attempt: Attempt) -> bool:
    """True if the panel ended it without delivering all of it."""
    return attempt.state is AttemptState.PLACED and attempt.status in ENDED_SHORT


def missing_units(attempt: Attempt) -> int:
    """Units that the panel says it did not deliver; 0 where it does not say so in a number that can be true."""
    remains = attempt.remains
    return remains if remains is not None and 0 < remains <= attempt.units else 0


def _followers(standing: Sequence[Attempt]) -> dict[int, Attempt]:
    """Attempt id -> the reorder that followed it. A reorder follows one attempt that was bought before it.

    The state does not say which; it follows from how much was short. Statuses may change after a reorder was bought, so
    each one is given an attempt whatever that looks like now: nothing is bought again on account of a correction.
    """
    followers: dict[int, Attempt] = {}
    for place, reorder in enumerate(standing):
        if reorder.kind is not _REORDER:
            continue
        free = [one for one in standing[:place] if one.id not in followers]
        if free:
            followers[max(free, key=lambda one: _likeness(one, reorder)).id] = reorder
    return followers


def _likeness(former: Attempt, reorder: Attempt) -> tuple[bool, bool, int, int]:
    """Sorts by how likely it is that `reorder` was bought for `former`."""
    if not is_short(former):
        return (False, False, 0, former.id)
    missing = missing_units(former) or former.units
    # Of several that are short: the exact one; then the one that is short of most, so that what is left to buy is least.
    return (True, missing == reorder.units, missing, -former.id)
