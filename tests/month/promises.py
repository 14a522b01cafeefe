"""What must hold, worked out from the panels' own books and the files alone: none of the runner's rules is asked here."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

from runner.core.attempts import Attempt, AttemptKind, AttemptState, LiveStatus
from runner.core.refills import RefillState
from runner.core.snapshot import Recorded
from runner.core.values.clock import ManualClock
from runner.planning.accounting.ledger import make_ledger
from runner.sandbox.world import DAY, PanelOrder, Progress, end_of
from tests.month.desire import Wanted
from tests.month.panels import MonthPanel

MULTI = 100  # orders in one call
_WORDS = {
    "Pending": LiveStatus.PENDING,
    "Processing": LiveStatus.PROCESSING,
    "In progress": LiveStatus.IN_PROGRESS,
    "Completed": LiveStatus.COMPLETED,
    "Partial": LiveStatus.PARTIAL,
    "Canceled": LiveStatus.CANCELED,
    "Refunded": LiveStatus.REFUNDED,
}
_NOTHING = Decimal(0)
_POINT = Decimal("0.00001")


def calls_for(orders: int, panel: MonthPanel) -> int:
    """Status calls that `orders` need at least."""
    return -(-orders // MULTI) if panel.has_many else orders


class Promises:
    """Watches passes one by one, and the books at the end."""

    def __init__(self, campaigns: Mapping[str, Wanted], panels: Mapping[str, MonthPanel], clock: ManualClock) -> None:
        self.tally: Counter[str] = Counter()
        self._campaigns = campaigns
        self._panels = panels
        self._clock = clock
        self._sendings: dict[str, int] = {}
        self._calls: dict[str, int] = {}
        self._due: dict[str, int] = {}
        self._known: set[tuple[str, str]] = set()  # placed before the pass: panel, order id
        self._wishes = dict.fromkeys(panels, 0)
        self._last_pass = clock.now()

    # One pass

    def begin(self, recorded: Recorded | None, *, adaptive: bool) -> None:
        """Before a pass."""
        self._last_pass = self._clock.now()
        attempts = [one for one in _attempts(recorded) if one.state is AttemptState.PLACED]
        self._sendings = {name: _sendings(panel) for name, panel in self._panels.items()}
        self._calls = {name: panel.status_calls for name, panel in self._panels.items()}
        self._due = Counter(one.panel for one in attempts if self._is_due(one, recorded, adaptive=adaptive))
        self._known = {(one.panel, one.panel_order_id or "") for one in attempts}

    def _is_due(self, attempt: Attempt, recorded: Recorded | None, *, adaptive: bool) -> bool:
        """Live ones always, with `adaptive` by their age; final ones once a day, while they may be refilled."""
        if attempt.is_live:
            return not adaptive or recorded is None or self._is_overdue(attempt, recorded)
        policy = self._campaigns[attempt.campaign].policy.get("refill", {})
        assert isinstance(policy, Mapping)
        window = timedelta(days=int(str(policy.get("for", "30d"))[:-1]))
        now, since = self._clock.now(), attempt.final_at or attempt.marked_at
        return now < since + window and now - (attempt.checked_at or since) >= timedelta(days=1)

    def _is_overdue(self, attempt: Attempt, recorded: Recorded) -> bool:
        """The table of docs/life.md, once more."""
        if attempt.checked_at is None:
            return True
        asked = [one.asked_at for one in recorded.cancels.get(attempt.id, ())]
        age = attempt.checked_at - max([attempt.settled_at or attempt.marked_at, *asked])
        minutes = next(
            minutes
            for limit, minutes in ((10, 1), (60, 5), (1440, 15), (7 * 1440, 60), (float("inf"), 360))
            if age <= timedelta(minutes=min(limit, 10**6))
        )
        return self._clock.now() - attempt.checked_at >= timedelta(minutes=minutes)

    def end(self, recorded: Recorded, panels: Collection[str]) -> None:
        """After a pass that reached these panels."""
        placed = [one for one in _attempts(recorded) if one.state is AttemptState.PLACED]
        new = [one for one in placed if (one.panel, one.panel_order_id or "") not in self._known]
        for name in panels:
            panel = self._panels[name]
            bought = Counter(one.service for one in new if one.panel == name)
            trials = sum(number > 4 for number in bought.values())  # first charges are read before many follow
            ideal = calls_for(self._due[name], panel) + calls_for(bought.total(), panel) + trials
            self.tally["status calls"] += panel.status_calls - self._calls[name]
            self.tally["status calls, ideal"] += ideal
            self.tally["statuses asked for"] += self._due[name] + bought.total()
        self._wishes_have_their_reasons(recorded)

    def nothing_was_sent(self) -> None:
        """After a pass that was refused."""
        sent = {name: _sendings(panel) for name, panel in self._panels.items()}
        assert sent == self._sendings, f"refused, and sent all the same: {self._sendings} -> {sent}"

    def _wishes_have_their_reasons(self, recorded: Recorded) -> None:
        """Only the unwanted is cancelled, and only what has dropped is refilled where that is the policy."""
        by_id = {(one.panel, one.panel_order_id): one for one in _attempts(recorded)}
        for name, panel in self._panels.items():
            wishes = panel.server.book.wishes()
            for wish in wishes[self._wishes[name] :]:
                if wish.action == "cancel":
                    attempt = by_id[name, str(wish.order)]
                    assert self._may_be_cancelled(attempt), f"{attempt.address} was cancelled: {attempt}"
                    self.tally["cancels asked for"] += 1
                else:
                    attempt = by_id[name, str(wish.order)]
                    self._has_dropped_enough(attempt, panel)
                    self.tally[f"refills asked for of {attempt.kind}"] += 1
            self._wishes[name] = len(wishes)

    def _has_dropped_enough(self, attempt: Attempt, panel: MonthPanel) -> None:
        campaign = self._campaigns[attempt.campaign]
        if not campaign.asks_for_drops:
            return
        ((order, seen),) = [one for one in panel.orders() if str(one[0].id) == attempt.panel_order_id]
        if order.forced_at is not None:
            return  # corrected since it was looked at
        missing = (seen.start_count or 0) + seen.delivered - campaign.counts[order.link]
        assert missing * 50 > seen.delivered, f"{attempt.address}: {missing} of {seen.delivered} are gone, within 2 %"
        self.tally["refills of drops"] += 1

    def _may_be_cancelled(self, attempt: Attempt) -> bool:
        campaign = self._campaigns[attempt.campaign]
        order_id = attempt.order_id
        if order_id in campaign.cancelled:
            return True
        line = campaign.lines.get(order_id)
        if line is not None:
            bought = (attempt.service, attempt.link, attempt.quantity, attempt.runs, attempt.interval)
            return campaign.policy["on_change"] == "replace" and line.terms != bought
        return campaign.prune and order_id not in campaign.guarded and order_id not in campaign.removed

    # The month

    def all_kept(self, recorded: Recorded) -> None:
        """At the end, when everything is final and no answer is open."""
        self._books_are_equal(recorded)
        self._money_is_explained(recorded)
        self._nothing_was_bought_twice(recorded)
        self._refills_kept_their_rules(recorded)
        calls, ideal = self.tally["status calls"], self.tally["status calls, ideal"]
        assert calls <= ideal * 1.1, f"{calls} status calls where {ideal} do"

    def _books_are_equal(self, recorded: Recorded) -> None:
        known = {
            (one.panel, one.panel_order_id): one for one in _attempts(recorded) if one.state is AttemptState.PLACED
        }
        doubts = [one.address for one in _attempts(recorded) if one.is_open_doubt]
        assert not doubts, f"in doubt at the end: {doubts}"
        there = 0
        for name, panel in self._panels.items():
            for order, seen in panel.orders():
                there += 1
                attempt = known.get((name, str(order.id)))
                assert attempt is not None, f"{name} holds order {order.id}, and the state does not know it: {order}"
                _same(attempt, order, seen)
        assert there == len(known), f"the state knows {len(known)} orders, the panels {there}"

    def _money_is_explained(self, recorded: Recorded) -> None:
        ledger = make_ledger(recorded)
        charged = sum((seen.charge for panel in self._panels.values() for _, seen in panel.orders()), _NOTHING)
        assert ledger.spent == charged, f"the ledger says {ledger.spent}, the panels charged {charged}"
        assert (ledger.reserved, ledger.in_doubt, ledger.unexplained) == (0, 0, 0)
        taken = sum((order.charge for panel in self._panels.values() for order, _ in panel.orders()), _NOTHING)
        for name, panel in self._panels.items():
            panel.server.book.catch_up()
            assert recorded.last_balances[name].balance.amount == panel.server.book.balance
        self.tally["cents spent"] += int(charged * 100)
        self.tally["cents given back"] += int((taken - charged) * 100)

    def _nothing_was_bought_twice(self, recorded: Recorded) -> None:
        ends = {(name, str(order.id)): seen for name, panel in self._panels.items() for order, seen in panel.orders()}
        for (name, order_id), attempts in recorded.attempts.items():
            placed = [one for one in attempts if one.state is AttemptState.PLACED]
            slots = Counter((one.kind, one.slot) for one in placed)
            assert max(slots.values(), default=0) <= 1, f"{name}/{order_id}: {slots}"
            campaign = self._campaigns[name]
            self._drips_take_their_time(placed, campaign)
            delivered = sum(ends[one.panel, one.panel_order_id or ""].delivered for one in placed)
            kinds = Counter(one.kind for one in placed)
            self.tally.update({f"bought as {kind.value}": number for kind, number in kinds.items()})
            where = (
                f"{name}/{order_id} {[(one.kind.value, one.units, one.status.value, one.remains) for one in placed]}"
            )
            assert kinds[AttemptKind.REPLACEMENT] <= campaign.replaced.get(order_id, 0), where
            if not campaign.replaced.get(order_id):
                assert delivered <= campaign.most.get(order_id, 0), f"{where}: {delivered} of {campaign.most}"
            if not placed:
                continue
            if campaign.policy.get("on_canceled") != "reorder" and campaign.policy.get("on_partial") != "reorder":
                assert not kinds[AttemptKind.REORDER], where
            if campaign.policy["on_change"] != "top_up":
                assert not kinds[AttemptKind.TOP_UP], where

    @staticmethod
    def _drips_take_their_time(placed: Sequence[Attempt], campaign: Wanted) -> None:
        """Between two instalments lies the interval at least, whatever was edited meanwhile."""
        sent = sorted(one.marked_at for one in placed if one.kind is AttemptKind.INSTALMENT)
        line = campaign.lines.get(placed[0].order_id) if placed else None
        if line is not None and line.interval is not None:
            pause = timedelta(minutes=line.interval)
            assert all(later - earlier >= pause for earlier, later in pairwise(sent)), f"{line}: {sent}"

    def _refills_kept_their_rules(self, recorded: Recorded) -> None:
        by_id = {(one.panel, one.panel_order_id): one for one in _attempts(recorded)}
        held = Counter(one.refill_id for several in recorded.refills.values() for one in several if one.refill_id)
        assert max(held.values(), default=0) <= 1 or len(self._panels) > 1
        for name, panel in self._panels.items():
            asked: dict[int, list[float]] = defaultdict(list)
            for wish in panel.server.book.wishes():
                if wish.action == "refill":
                    assert not any(word in wish.refusal for word in ("24 hours", "already", "does not support")), wish
                    asked[wish.order].append(wish.at)
                    self.tally["refills refused" if wish.refusal else "refills taken"] += 1
            orders = {order.id: (order, seen) for order, seen in panel.orders()}
            for number, moments in asked.items():
                attempt = by_id[name, str(number)]
                self._one_order_kept_them(attempt, orders[number][0], moments)
                told = recorded.refills[attempt.id]
                granted = {refill.id for refill in panel.server.book.refills_of(number)}
                known = {int(one.refill_id) for one in told if one.refill_id}
                unknown = sum(one.state is RefillState.UNKNOWN for one in told)
                assert known <= granted, (known, granted)
                assert len(granted - known) <= unknown, f"{attempt.address}: {granted} granted, {known} known"
                assert not any(one.is_open and one.asked_at < self._last_pass for one in told), told

    def _one_order_kept_them(self, attempt: Attempt, order: PanelOrder, moments: list[float]) -> None:
        policy = self._campaigns[attempt.campaign].policy["refill"]
        assert isinstance(policy, Mapping)
        hours, days = int(str(policy["every"])[:-1]), int(str(policy["for"])[:-1])
        where = f"{attempt.address}, order {order.id}: refills asked for at {moments}"
        assert all(later - earlier >= hours * 60 for earlier, later in pairwise(moments)), where
        assert len(moments) <= int(str(policy["max"])), where
        if order.forced_at is None:
            end = end_of(order, moments[-1])
            assert all(end <= moment <= end + (days + 1) * DAY for moment in moments), where


def _sendings(panel: MonthPanel) -> int:
    return sum(panel.server.book.counts[action] for action in ("add", "refill", "cancel"))


def _same(attempt: Attempt, order: PanelOrder, seen: Progress) -> None:
    where = f"{attempt.address} is order {order.id} on {attempt.panel}"
    assert attempt.status is _WORDS[seen.status], f"{where}: {attempt.status} in the state, {seen.status} there"
    assert attempt.charge is not None, where
    assert abs(attempt.charge - seen.charge) < _POINT, f"{where}: {attempt.charge} in the state, {seen.charge} there"
    assert (attempt.service, attempt.link) == (str(order.service), order.link), where
    assert (attempt.quantity, attempt.runs or 1) == (order.quantity, order.runs), where


def _attempts(recorded: Recorded | None) -> list[Attempt]:
    return [] if recorded is None else [one for several in recorded.attempts.values() for one in several]
