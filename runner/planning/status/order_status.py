"""The status of each order: what was asked against what there is. Pure."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from runner.core.attempts import FINAL_STATUSES, Attempt, AttemptState, LiveStatus
from runner.core.orders import Campaign, Order
from runner.core.snapshot import Recorded
from runner.core.values.clock import to_the_minute
from runner.core.values.money import ZERO
from runner.planning.orders.drip import due_after
from runner.planning.orders.order_diff import change_of
from runner.planning.orders.order_history import OrderHistory, as_order, history_of, order_history
from runner.planning.refills.cancels import cancel_word
from runner.planning.refills.due_refills import last_word
from runner.planning.status.delivery_estimate import DeliveryTimes

GONE = "the panel no longer knows this order"
# Answers "no such order" in a row, counted at least half an hour apart; fewer may be a replica that lags (docs/protocol.md, Status).
LOST_AFTER = 3
_NAMED = 3  # lost orders in a warning
_PROTECTED = "protected: prune never cancels it"


class Sync(StrEnum):
    """How file and state agree about one order."""

    MISSING = "missing"  # listed, not bought
    SENDING = "sending"  # being bought by a run that is alive
    PLACED = "placed"  # listed and bought
    CHANGED = "changed"  # bought, but the line was edited since
    REMOVED = "removed"  # bought, no longer listed
    IN_DOUBT = "in_doubt"  # may have been bought
    REFUSED = "refused"  # the panel refused it last time


class Health(StrEnum):
    """What state a bought order is in."""

    WAITING = "waiting"
    PROGRESSING = "progressing"
    COMPLETED = "completed"
    PARTIAL = "partial"
    CANCELED = "canceled"
    REFILLING = "refilling"
    DROPPED = "dropped"
    STALLED = "stalled"  # failed, or live for too long; may still move
    UNKNOWN = "unknown"


class Standing(NamedTuple):
    """One order's line in `status`."""

    order: str  # address
    sync: Sync
    health: Health
    panel_order_id: str | None
    status: str | None  # folded status word
    charge: Decimal | None
    start_count: int | None
    remains: int | None
    checked_at: datetime | None
    message: str = ""
    eta: datetime | None = None  # when it should be done; None: final, or nothing tells


class Subject(NamedTuple):
    """The order that a line of `status` is about."""

    history: OrderHistory
    order: Order | None = None  # as listed; None: it is not
    panel: str = ""  # that it is listed for


@dataclass(frozen=True, slots=True, kw_only=True)
class Standings:
    """All orders; `summary` counts each sync and each health that occurs, and the `total`."""

    orders: Sequence[Standing]
    summary: Mapping[str, int]
    subjects: Sequence[Subject] = ()  # one for each of `orders`


_UNBOUGHT = {
    AttemptState.SENDING: Sync.SENDING,
    AttemptState.IN_DOUBT: Sync.IN_DOUBT,
    AttemptState.REFUSED: Sync.REFUSED,
}
HEALTH = {
    LiveStatus.PENDING: Health.WAITING,
    LiveStatus.PROCESSING: Health.PROGRESSING,
    LiveStatus.IN_PROGRESS: Health.PROGRESSING,
    LiveStatus.COMPLETED: Health.COMPLETED,
    LiveStatus.PARTIAL: Health.PARTIAL,
    LiveStatus.CANCELED: Health.CANCELED,
    LiveStatus.REFUNDED: Health.CANCELED,
    LiveStatus.FAILED: Health.STALLED,
    LiveStatus.UNKNOWN: Health.UNKNOWN,
}


def make_standings(
    campaigns: Sequence[Campaign],
    recorded: Recorded,
    now: datetime,
    *,
    selection: Callable[[Order], bool] | None = None,
    complete: bool = True,
) -> Standings:
    """Every listed order in file order, then every recorded one that may exist and isn't listed.

    `removed:` hides an unlisted order, unless it is in doubt. `complete` says that `campaigns` are all there are, so
    that purchases of other campaigns are unlisted too; if False, only the doubts among them are shown.
    """
    shown: list[Standing] = []
    subjects: list[Subject] = []
    listed: set[tuple[str, str]] = set()
    look = Look(recorded, now, DeliveryTimes(recorded))
    for campaign in campaigns:
        for order in campaign.orders:
            history = order_history(recorded, campaign, order.id)
            if history.attempts:
                listed.add((campaign.name, history.attempts[0].order_id))
            if selection is None or selection(order):
                shown.append(_listed(order, history, campaign, look))
                subjects.append(Subject(history, order, campaign.panel))
    by_name = {campaign.name: campaign for campaign in campaigns}
    for row, history in _unlisted(look, listed, by_name, selection=selection, complete=complete):
        shown.append(row)
        subjects.append(Subject(history))
    summary = Counter[str]()
    for (sync, health), count in Counter((one.sync, one.health) for one in shown).items():
        summary[sync.value] += count
        summary[health.value] += count
    total = dict(sorted(summary.items())) | {"total": len(shown)}
    return Standings(orders=shown, summary=total, subjects=subjects)


class Look(NamedTuple):
    """What standings are made from, beside the orders."""

    recorded: Recorded
    now: datetime
    times: DeliveryTimes


def _listed(order: Order, history: OrderHistory, campaign: Campaign, look: Look) -> Standing:
    if history.doubts or not history.is_open:
        return _not_bought(order.address, history)
    is_drip = order.id in campaign.drips
    change = change_of(order, history, campaign.panel, is_drip=is_drip)
    sync = Sync.PLACED if change is None else Sync.CHANGED
    message = "" if change is None else change.words
    standing = _placed(order.address, sync, history, look, campaign.policy.stalled_after, message=message)
    return _dripped(standing, order, history, look.now) if is_drip else standing


def standing_of(address: str, history: OrderHistory, look: Look) -> Standing:
    """How a recorded order stands where no file says what is listed: what was bought is `placed`."""
    if history.doubts or not history.is_open:
        return _not_bought(address, history)
    return _placed(address, Sync.PLACED, history, look)


def _not_bought(address: str, history: OrderHistory) -> Standing:
    """The row of an order whose status can't be asked for: it is in doubt, was refused, was not sent, or never tried."""
    last = history.doubt or (history.attempts[-1] if history.attempts else None)
    if last is None:
        return _standing(address, Sync.MISSING)
    return _standing(address, _UNBOUGHT.get(last.state, Sync.MISSING), last.message)


def _unlisted(
    look: Look,
    listed: set[tuple[str, str]],
    campaigns: Mapping[str, Campaign],
    *,
    selection: Callable[[Order], bool] | None,
    complete: bool,
) -> Iterator[tuple[Standing, OrderHistory]]:
    for name, order_id in sorted(key for key in look.recorded.attempts if key not in listed):
        history = history_of(look.recorded.attempts[name, order_id])
        campaign = campaigns.get(name)
        is_hidden = not complete if campaign is None else order_id in campaign.removed
        if not history.is_open or (is_hidden and not history.doubts):
            continue
        if selection is not None and not selection(as_order(history.doubt or history.standing[-1])):
            continue
        address = f"{name}/{order_id}"
        limit = None if campaign is None else campaign.policy.stalled_after
        is_bought = not history.doubts
        row = _placed(address, Sync.REMOVED, history, look, limit) if is_bought else _not_bought(address, history)
        if (name, order_id) in look.recorded.protected and any(one.is_live for one in history.standing):
            row = row._replace(message=f"{row.message}; {_PROTECTED}" if row.message else _PROTECTED)
        yield row, history


def _standing(address: str, sync: Sync, message: str = "") -> Standing:
    """The row of an order whose status can't be asked for."""
    return Standing(address, sync, Health.UNKNOWN, None, None, None, None, None, None, message)


def _placed(
    address: str,
    sync: Sync,
    history: OrderHistory,
    look: Look,
    limit: timedelta | None = None,
    *,
    message: str = "",
) -> Standing:
    """The row of what was bought, by the newest part of it that is worked on, or else the newest."""
    standing = history.standing
    bought = standing[-1]
    if len(standing) > 1:
        bought = next((one for one in reversed(standing) if one.is_live), bought)
    if bought.state is AttemptState.ABANDONED:
        return _standing(address, sync, message or "given up: it counts as spent and is not bought again")
    refills = look.recorded.refills.get(bought.id, ())
    stalled, eta = "", None
    if bought.status not in FINAL_STATUSES:
        stalled = look.times.stalled(bought, look.now, limit)
        is_gone = is_lost(bought)
        eta = None if stalled or is_gone else look.times.eta(bought, look.now)
        told = [GONE] if is_gone else [stalled, cancel_word(bought, look.recorded.cancels.get(bought.id, ()))]
        message = "; ".join(one for one in (message, *told) if one)
    message = message or last_word(refills)
    is_refilling = any(one.is_open for one in refills)
    row = Standing(
        address,
        sync,
        Health.REFILLING if is_refilling else Health.STALLED if stalled else HEALTH[bought.status],
        bought.panel_order_id,
        None if bought.checked_at is None else str(bought.status),
        bought.charge,
        bought.start_count,
        bought.remains,
        bought.checked_at,
        message,
        eta,
    )
    return row if len(standing) == 1 else _in_sum(row, history, look.recorded)


def _in_sum(newest: Standing, history: OrderHistory, recorded: Recorded) -> Standing:
    """The row of an order that was bought in several parts: what they cost and lack together, and how they fare.

    What was bought again is missing no longer: there the reorder speaks.
    """
    standing = history.standing
    ends = [one for one in standing if one.id not in history.followers]
    remains = [0 if one.status is LiveStatus.COMPLETED else one.remains for one in ends]
    charges = [one.charge for one in standing if one.charge is not None]
    starts = (one.start_count for one in standing if one.start_count is not None)
    health = newest.health
    if any(one.is_open for each in standing for one in recorded.refills.get(each.id, ())):
        health = Health.REFILLING
    elif not any(one.is_live for one in standing):
        healths = {HEALTH[one.status] for one in ends if one.state is AttemptState.PLACED}
        health = healths.pop() if len(healths) == 1 else Health.PARTIAL
    return newest._replace(
        health=health,
        charge=sum(charges, ZERO) if charges else None,
        start_count=next(starts, None),
        remains=sum(one for one in remains if one is not None) if any(one is not None for one in remains) else None,
    )


def _dripped(standing: Standing, order: Order, history: OrderHistory, now: datetime) -> Standing:
    """The row of an order whose runs the runner sends one by one: it is not done before the last."""
    sent = history.instalments
    left = (order.runs or 1) - len(sent)
    if left <= 0 or not sent:
        return standing
    due = due_after(sent[-1], order)
    last = max(due, now) + timedelta(minutes=(left - 1) * (order.interval or 0))
    words = f"instalment {len(sent)} of {order.runs} was sent; the next is due {to_the_minute(due)}"
    is_over = standing.health in (Health.COMPLETED, Health.PARTIAL, Health.CANCELED)
    return standing._replace(
        health=Health.PROGRESSING if is_over else standing.health,
        message=standing.message or words,
        eta=last,
    )


def is_lost(attempt: Attempt) -> bool:
    """True if a live order has not been known for long. A final one that vanishes is ignored: panels purge finished orders."""
    return attempt.missing_in_a_row >= LOST_AFTER and attempt.is_live


def lost_words(recorded: Recorded) -> tuple[str, ...]:
    """One sentence for each panel that no longer knows live orders, in the order of the first of each."""
    lost: dict[str, list[Attempt]] = {}
    for attempt in recorded.each():
        if attempt.missing_in_a_row and is_lost(attempt):  # of nearly all it is 0: no call for each
            lost.setdefault(attempt.panel, []).append(attempt)
    return tuple(_lost_words(panel, several) for panel, several in lost.items())


def _lost_words(panel: str, lost: list[Attempt]) -> str:
    named = ", ".join(f"{one.address} ({one.panel_order_id})" for one in lost[:_NAMED])
    more = f" and {len(lost) - _NAMED:,} more" if len(lost) > _NAMED else ""
    whole = "order" if len(lost) == 1 else "orders"
    return (
        f"panel {panel} no longer knows {len(lost):,} live {whole}: {named}{more}; look for the ids on its order page and "
        "ask its support: the money counts as spent, and nothing is bought again"
    )
