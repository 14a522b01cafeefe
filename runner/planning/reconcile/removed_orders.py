"""Decides on orders that are no longer listed: kept, forgotten, protected, or cancelled with `--prune`. Pure.

Only campaigns that are given are looked at, and only of these what the selection takes: what is not seen is not
cancelled.
"""

from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta

from runner.core.attempts import BOUGHT, FORGOTTEN, Attempt
from runner.core.orders import Campaign, Order
from runner.core.refills import CancelRequest, CancelState
from runner.core.snapshot import Recorded
from runner.core.values.clock import to_the_minute
from runner.core.values.money import ZERO
from runner.planning.orders.order_history import as_order
from runner.planning.phrases import named, orders_are
from runner.planning.plan import Action, ActionKind, DueCancel
from runner.planning.refills.cancels import cancel_word, cannot_cancel, status_words
from runner.planning.status.order_status import is_lost

PAUSE = timedelta(hours=24)  # between two requests to cancel the same order, where the panel answered the first


def asked_already(requests: Sequence[CancelRequest], now: datetime | None) -> str:
    """Why the panel is not asked again yet to cancel an order that is live; empty if it may be asked.

    Without `now` an answered request keeps all others back.
    """
    if not requests or requests[-1].state is CancelState.UNKNOWN:  # the answer was lost: repeating it changes nothing
        return ""
    last = requests[-1]
    if now is not None and now - last.asked_at >= PAUSE:
        return ""
    again = f"asked again after {to_the_minute(last.asked_at + PAUSE)}"
    if last.state is CancelState.RECORDED:
        return f"asked to cancel it on {to_the_minute(last.asked_at)}, the panel has not cancelled it yet; {again}"
    said = f": {last.message}" if last.message else ""
    return f"the panel refused on {to_the_minute(last.asked_at)} to cancel it{said}; {again}"


class RemovedOrders:
    """Collects, while a plan is made, what is to be done about orders that are no longer listed."""

    def __init__(
        self,
        recorded: Recorded,
        panels: AbstractSet[str],
        *,
        prune: bool = False,
        selects: Callable[[Order], bool] | None = None,
        now: datetime | None = None,
    ) -> None:
        """`panels` are those that this pass has a client for; `prune` is the option of the command line."""
        self.actions: list[Action] = []
        self.cancels: list[DueCancel] = []
        self.gone: list[Attempt] = []  # bought, and no longer listed nor forgotten: what a new order may be a rename of
        self._recorded = recorded
        self._panels = panels
        self._prune = prune
        self._selects = selects
        self._now = now

    def look_at(self, campaign: Campaign, bought: AbstractSet[str], doubtful: AbstractSet[str]) -> list[str]:
        """Decide on a campaign's unlisted orders, `bought` and `doubtful` by id; return what must be said about them.

        What may exist is never cancelled: nobody knows its order id.
        """
        notes = self._look_at_bought(campaign, bought) if bought else []
        if doubtful:
            notes.append(
                f"{campaign.name}: {orders_are(len(doubtful))} no longer listed and in doubt; see `runner doubt list`"
            )
        return notes

    def _look_at_bought(self, campaign: Campaign, bought: AbstractSet[str]) -> list[str]:
        name, recorded = campaign.name, self._recorded
        ids = sorted(bought - campaign.removed - set(campaign.moved.values()))
        kept = {each: recorded.attempts[name, each] for each in ids}
        known = {each: several for each, several in kept.items() if FORGOTTEN not in each}  # `runner state rm` forgets
        self.gone += [one for several in known.values() for one in several if one.state in BOUGHT]
        if self._selects is not None:
            kept = {id_: own for id_, own in kept.items() if self._selects(as_order(own[-1], campaign.source))}
        live = [each for each in kept if each in known and any(one.is_live for one in known[each])]
        protected = [each for each in live if (name, each) in recorded.protected]
        if not (self._prune or campaign.prune):
            notes = [*_stay(campaign, len(kept) - len(protected))]
        elif not campaign.orders:
            notes = [
                f"{name} lists no order, and then prune cancels nothing",
                *_stay(campaign, len(kept) - len(protected)),
            ]
        else:
            free = [each for each in live if each not in protected]
            notes = [*_stay(campaign, len(kept) - len(live)), *self._cancel(campaign, free)]
        if protected:
            notes.append(
                f"{name}: {orders_are(len(protected))} no longer listed but protected, and never cancelled by prune: "
                f"{named([f'{name}/{each}' for each in protected])}; to change that, list it without `protect`, apply, and take it out again"
            )
        return notes

    def _cancel(self, campaign: Campaign, ids: Sequence[str]) -> list[str]:
        """Plan the cancellation of live orders, as far as possible; notes about those that can't be cancelled."""
        hindered: dict[str, list[str]] = {}  # why -> ids
        for each in ids:
            live = [one for one in self._recorded.attempts[campaign.name, each] if one.is_live]
            why = {one.id: self._hindrance(one) for one in live}
            open_ones = [one for one in live if not why[one.id]]
            if not open_ones:
                hindered.setdefault(why[live[-1].id], []).append(each)
                continue
            waiting = {one.id: asked_already(self._recorded.cancels.get(one.id, ()), self._now) for one in open_ones}
            due = [one for one in open_ones if not waiting[one.id]]
            order = as_order(open_ones[0], campaign.source)
            if not due:
                reason = f"no longer listed; {waiting[open_ones[-1].id]}"
                self.actions.append(Action(order, ActionKind.WAIT, reason, ZERO, open_ones[0].panel))
                continue
            reason = f"no longer listed; {'; '.join(self._words(one) for one in due)}"
            self.actions.append(Action(order, ActionKind.CANCEL, reason, ZERO, due[0].panel))
            self.cancels += [DueCancel(one.address, one.id, one.panel, one.panel_order_id or "", reason) for one in due]
        return [
            f"{campaign.name}: {orders_are(len(several))} no longer listed and {_stays(len(several))} bought, as {why}: "
            f"{named([f'{campaign.name}/{each}' for each in several])}"
            for why, several in hindered.items()
        ]

    def _hindrance(self, attempt: Attempt) -> str:
        """Why the panel need not be asked to cancel a live attempt; empty if it may be."""
        if attempt.panel not in self._panels:
            return f"it was bought on {attempt.panel}, which no campaign here orders on; by hand: `runner cancel ADDR`"
        if is_lost(attempt):
            return "the panel no longer knows it"
        return cannot_cancel(attempt, self._recorded)

    def _words(self, attempt: Attempt) -> str:
        words = f"order {attempt.panel_order_id} is {status_words(attempt)}"
        former = cancel_word(attempt, self._recorded.cancels.get(attempt.id, ()))
        return f"{words}; {former}" if former else words


def _stay(campaign: Campaign, number: int) -> Iterable[str]:
    if number:
        yield f"{campaign.name}: {orders_are(number)} no longer listed; {'it' if number == 1 else 'they'} {_stays(number)} bought"


def _stays(number: int) -> str:
    return "stays" if number == 1 else "stay"
