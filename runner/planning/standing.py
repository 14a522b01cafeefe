"""What was asked against what there is, order by order. Pure."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from runner.core.attempts import Attempt, AttemptState, LiveStatus
from runner.core.orders import Campaign, Order
from runner.core.recorded import Recorded
from runner.planning.cancels import cancel_word
from runner.planning.history import DOUBTFUL, change_in_words, is_as_listed, is_open, known_as, purchase
from runner.planning.refills import last_word

PATIENCE = timedelta(hours=72)  # one family of panels shows every state it can't name as pending: too long is a stall
GONE = "the panel no longer knows this order"
LOST_AFTER = 3  # answers "no such order" in a row; fewer may be a replica that lags (PROTOCOL, status)


class Sync(StrEnum):
    """How the file and the state agree on one order."""

    MISSING = "missing"  # listed, not bought
    SENDING = "sending"  # being bought by a run that is alive
    PLACED = "placed"  # listed and bought
    CHANGED = "changed"  # bought, but the line was edited since
    REMOVED = "removed"  # bought, no longer listed
    IN_DOUBT = "in_doubt"  # may have been bought
    REFUSED = "refused"  # the panel refused it last time


class Health(StrEnum):
    """How a bought order fares."""

    WAITING = "waiting"
    PROGRESSING = "progressing"
    COMPLETED = "completed"
    PARTIAL = "partial"
    CANCELED = "canceled"
    REFILLING = "refilling"
    DROPPED = "dropped"
    STALLED = "stalled"  # failed or pending for too long; may still move
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Standings:
    """All orders; `summary` counts each sync and each health that occurs, and the `total`."""

    orders: Sequence[Standing]
    summary: Mapping[str, int]


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
    listed: set[tuple[str, str]] = set()
    for campaign in campaigns:
        for order in campaign.orders:
            known_id, attempts = known_as(recorded, campaign, order.id)
            if attempts:
                listed.add((campaign.name, known_id))
            if selection is None or selection(order):
                shown.append(_listed(order, attempts, campaign.panel, recorded, now))
    by_name = {campaign.name: campaign for campaign in campaigns}
    shown += _unlisted(recorded, listed, by_name, now, selection=selection, complete=complete)
    summary = Counter[str]()
    for (sync, health), count in Counter((one.sync, one.health) for one in shown).items():
        summary[sync.value] += count
        summary[health.value] += count
    return Standings(orders=shown, summary=dict(sorted(summary.items())) | {"total": len(shown)})


def _listed(order: Order, attempts: Sequence[Attempt], panel: str, recorded: Recorded, now: datetime) -> Standing:
    if not attempts:
        return _standing(order.address, Sync.MISSING)
    if doubt := _doubt(attempts):
        return _doubtful(order.address, doubt)
    if bought := purchase(attempts):
        if is_as_listed(bought, order, panel):
            return _placed(order.address, Sync.PLACED, bought, recorded, now)
        return _placed(
            order.address, Sync.CHANGED, bought, recorded, now, message=change_in_words(bought, order, panel)
        )
    last = attempts[-1]
    sync = Sync.REFUSED if last.state is AttemptState.REFUSED else Sync.MISSING
    return _standing(order.address, sync, last.message)


def standing_of(address: str, attempts: Sequence[Attempt], recorded: Recorded, now: datetime) -> Standing:
    """How a recorded order stands where no file says what is listed: what was bought is `placed`."""
    if doubt := _doubt(attempts):
        return _doubtful(address, doubt)
    if bought := purchase(attempts):
        return _placed(address, Sync.PLACED, bought, recorded, now)
    last = attempts[-1]
    sync = Sync.REFUSED if last.state is AttemptState.REFUSED else Sync.MISSING
    return _standing(address, sync, last.message)


def _unlisted(
    recorded: Recorded,
    listed: set[tuple[str, str]],
    campaigns: Mapping[str, Campaign],
    now: datetime,
    *,
    selection: Callable[[Order], bool] | None,
    complete: bool,
) -> Iterator[Standing]:
    for (name, order_id), attempts in sorted(
        (item for item in recorded.attempts.items() if item[0] not in listed and is_open(item[1])),
        key=lambda item: item[0],
    ):
        doubt = _doubt(attempts)
        campaign = campaigns.get(name)
        is_hidden = not complete if campaign is None else order_id in campaign.removed
        bought = doubt or purchase(attempts)
        if bought is None or (is_hidden and not doubt):
            continue
        if selection is not None and not selection(_as_order(bought)):
            continue
        address = f"{name}/{order_id}"
        yield _doubtful(address, doubt) if doubt else _placed(address, Sync.REMOVED, bought, recorded, now)


def _doubt(attempts: Sequence[Attempt]) -> Attempt | None:
    """The newest attempt that may exist; one that a run gave up on before one that is being sent."""
    doubts = [attempt for attempt in reversed(attempts) if attempt.state in DOUBTFUL]
    return next((one for one in doubts if one.state is AttemptState.IN_DOUBT), doubts[0] if doubts else None)


def _as_order(bought: Attempt) -> Order:
    """An unlisted order as it was bought, for a selection to look at."""
    return Order(
        campaign=bought.campaign,
        id=bought.order_id,
        service=bought.service,
        link=bought.link,
        quantity=bought.quantity,
        runs=bought.runs,
        interval=bought.interval,
        source="",
        line=0,
    )


def _standing(address: str, sync: Sync, message: str = "") -> Standing:
    """An order of which the panel can't be asked."""
    return Standing(address, sync, Health.UNKNOWN, None, None, None, None, None, None, message)


def _doubtful(address: str, doubt: Attempt) -> Standing:
    sync = Sync.IN_DOUBT if doubt.state is AttemptState.IN_DOUBT else Sync.SENDING
    return _standing(address, sync, doubt.message)


def _placed(
    address: str, sync: Sync, bought: Attempt, recorded: Recorded, now: datetime, *, message: str = ""
) -> Standing:
    if bought.state is AttemptState.ABANDONED:
        return _standing(address, sync, message or "given up: it counts as spent and is not bought again")
    if bought.missing_in_a_row >= LOST_AFTER:
        message = message or GONE
    refills = recorded.refills.get(bought.id, ())
    message = message or cancel_word(bought, recorded.cancels.get(bought.id, ())) or last_word(refills)
    return Standing(
        address,
        sync,
        Health.REFILLING if any(one.is_open for one in refills) else health_of(bought, now),
        bought.panel_order_id,
        None if bought.checked_at is None else str(bought.status),
        bought.charge,
        bought.start_count,
        bought.remains,
        bought.checked_at,
        message,
    )


def health_of(bought: Attempt, now: datetime) -> Health:
    """How a placed attempt fares, refills aside."""
    if bought.status is LiveStatus.PENDING and now - bought.marked_at > PATIENCE:
        return Health.STALLED
    return HEALTH[bought.status]
