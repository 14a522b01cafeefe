"""Limits how many orders are out before a charge or the balance confirms their price, and judges each charge.

Nothing is bought faster than it is confirmed: `planning.guards.send_window` bounds what is out. It sends
nothing; it reads charges a hundred at a time, or the balance where a panel shows no charges.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from itertools import islice
from typing import NamedTuple

from runner.core.attempts import BATCH, FINAL_STATUSES, Attempt, StatusSeen
from runner.core.errors import KeyRejected, RunnerError
from runner.core.events import EventType
from runner.core.operations import SeeStatuses
from runner.core.values.batches import in_batches
from runner.core.values.money import ZERO
from runner.engine.ports import Panel
from runner.engine.session import Session
from runner.planning.accounting.balance_check import Fall
from runner.planning.allowance import Allowance, Purchase
from runner.planning.guards.charge_check import (
    SERVICES_THAT_STOP,
    Mischarge,
    Observed,
    check_charge,
    known_charge,
    observed_in,
)
from runner.planning.guards.send_window import Window
from runner.planning.pricing.rounding import Rounding

SPACING = 2.0  # seconds between looks that the run does not wait for; full batches need no spacing
PAUSES = (0.2, 0.8, 2.0, 4.0, 8.0)  # seconds between looks at orders that show nothing yet, while the run waits
WIDEST = 4  # batches, or times `parallel.add`: more can't be on the way between an order and its charge


class Bought(NamedTuple):
    """One order that the panel gave an id to."""

    purchase: Purchase
    attempt_id: int
    cost: Decimal  # as it counts against the caps so far


class Confirmations:
    """The orders of one panel in one run: on the way, bought and not looked at yet, silent, or confirmed."""

    def __init__(  # noqa: PLR0917  # one collaborator each
        self,
        session: Session,
        panel: Panel,
        allowance: Allowance,
        stop: Callable[[str], None],
        balance: Decimal | None,
        unconfirmed: int,
    ) -> None:
        """`stop` ends the buying on the panel, with the reason. `balance` is the account's before the first order.

        `unconfirmed` are orders of earlier runs whose price nothing has confirmed.
        """
        self._session = session
        self._panel = panel
        self._allowance = allowance
        self._stop = stop
        profile = panel.profile
        self._earlier = unconfirmed
        self._is_blind = profile.hides_charges  # by the user's word: nothing will ever confirm an order
        self._window = Window(WIDEST * max(profile.parallel_add, BATCH), 0 if profile.hides_charges else unconfirmed)
        self._fall = Fall(balance)
        self._rounding = Rounding()
        self._verdicts: dict[tuple[str, Decimal, int, Decimal], Mischarge | None] = {}
        self._on_the_way = 0
        self._sent = 0
        self._fresh: dict[str, Bought] = {}  # by order id: not looked at yet
        self._silent: dict[str, Bought] = {}  # looked at, no charge shown, and the balance confirms nothing either
        self._uncharged: dict[str, Bought] = {}  # all that showed no charge yet, also what the balance has confirmed
        self._polls: set[asyncio.Task[None]] = set()
        self._search: asyncio.Task[None] | None = None  # for a sign of the silent ones
        self._opened = asyncio.Event()
        self._waiters = 0
        self._last_poll = self._last_search = session.clock.monotonic()
        self._is_over = False
        self.stopped: dict[str, str] = {}  # service -> why no more of it is bought
        self.is_overcharged = False  # something was charged that is more than expected

    @property
    def left(self) -> Mapping[str, int]:
        """Panel order id -> attempt id, of all that showed no charge yet."""
        return {order_id: one.attempt_id for order_id, one in self._uncharged.items()}

    def reserve(self) -> bool:
        """Take a place in the window for one more order; False: there is none now, wait for `opened`."""
        if not self._has_room():
            return False
        self._window.take()
        return True

    def release(self) -> None:
        """Give a reserved place back: its order surely bought nothing, or was not tried."""
        self._window.give_back()
        self._opened.set()

    def _has_room(self) -> bool:
        return self._is_blind or (not self._fall.is_suspect and self._window.has_room())

    def shut(self) -> str:
        """Why the window will stay full, because no order of this run can still be confirmed; empty if one can."""
        if self._has_room() or self._window.out > self._earlier:
            return ""
        name = self._panel.profile.name
        if self._fall.is_suspect:
            return f"{name} took more than it lists, or somebody else spends the balance: {self._fall.in_words()}"
        return f"{name} has not confirmed {self._earlier:,} orders of earlier runs"

    async def opened(self) -> None:
        """Return when something may have changed for `reserve`; safe to cancel."""
        self._waiters += 1
        try:
            self._opened.clear()
            self._look()
            await self._opened.wait()
        finally:
            self._waiters -= 1

    def cost_of(self, purchase: Purchase) -> Decimal:
        """What the order will count against the caps: the planned cost, rounded as the panel rounds its charges."""
        return self._rounding.up(purchase.cost) if self._rounding.is_seen else purchase.cost

    def mark(self, cost: Decimal) -> None:
        """Note that an order is about to be sent, in a reserved place."""
        self._on_the_way += 1
        self._sent += 1
        self._fall.send(cost)

    def unmark(self, cost: Decimal) -> None:
        """Note that the order surely bought nothing."""
        self._on_the_way -= 1
        self._sent -= 1
        self._fall.know(cost, ZERO)

    def place(self, order_id: str, bought: Bought) -> None:
        """Note that the panel gave an order id, and that this is on the disk."""
        self._on_the_way -= 1
        self._fresh[order_id] = self._uncharged[order_id] = bought
        if self._waiters or len(self._fresh) >= self._window.batch:  # else nothing is due: most orders end here
            self._look()

    def conclude(self, attempts: Mapping[int, Attempt], balance: Decimal | None) -> list[str]:
        """Judge, after the last poll, what had shown no charge before; return what was charged otherwise than expected.

        Where charges are still missing, the last `balance` must explain them.
        """
        found = list(self.stopped.values())
        hidden: list[Bought] = []
        for order_id, bought in self._uncharged.items():
            attempt = attempts.get(bought.attempt_id)
            observed = None if attempt is None else observed_in(attempt)
            if observed is None:
                hidden.append(bought)
                continue
            self._learn(order_id, bought, observed.charge)
            wrong = check_charge(observed, self._panel.profile)
            if wrong is not None and wrong.service not in self.stopped:
                self.stopped[wrong.service] = wrong.words
                self.is_overcharged = self.is_overcharged or wrong.is_high
                found.append(wrong.words)
            if overdrawn := self._count(bought, observed.charge):
                found.append(overdrawn)
        if hidden and balance is not None:
            self._fall.confirmed_by(balance, (), self._sent)
            if self._fall.is_suspect:
                self.is_overcharged = True
                found.append(self._not_explained(len(hidden)))
        return list(dict.fromkeys(found))

    def _learn(self, order_id: str, bought: Bought, charge: Decimal) -> None:
        """Tell the balance check what an order really cost, without counting twice what the balance has confirmed."""
        is_open = order_id in self._silent or order_id in self._fresh
        self._fall.know(bought.cost if is_open else ZERO, charge if is_open else charge - bought.cost)

    async def close(self) -> None:
        """Wait for the looks under way; once the run is to end, cut them off."""
        tasks = {*self._polls, *([] if self._search is None else [self._search])}
        self._is_over = True
        if self._search is not None:
            self._search.cancel()
        if self._session.stop.requested:
            for task in tasks:
                task.cancel()
        for failure in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(failure, Exception):
                raise failure

    def _look(self) -> None:
        """Begin the next look if one is due: a batch is full, workers wait for it, or half a batch is SPACING seconds old."""
        if self._is_over or self._session.stop.requested:
            return
        if self._fresh and len(self._polls) < self._panel.profile.parallel_read and self._is_due():
            self._poll(dict(islice(self._fresh.items(), BATCH)))
        elif self._silent and self._search is None and self._is_search_due():
            self._search = asyncio.ensure_future(self._search_signs())
            self._search.add_done_callback(self._end_search)

    def _is_due(self) -> bool:
        number = len(self._fresh)
        if self._waiters and not self._on_the_way:
            return True
        if self._panel.polls_left() == 0:  # the day's calls are used up: only the balance may still tell
            return False
        if number >= BATCH:
            return True
        is_half = number >= self._window.batch
        return is_half and (self._waiters > 0 or self._session.clock.monotonic() - self._last_poll >= SPACING)

    def _is_search_due(self) -> bool:
        """While the run waits and no poll may still help it, or when half of the window is silent."""
        if self._panel.profile.hides_charges or self._polls:
            return False
        if self._waiters:
            return True
        is_half = len(self._silent) >= self._window.batch
        return is_half and self._session.clock.monotonic() - self._last_search >= SPACING

    def _poll(self, batch: dict[str, Bought]) -> None:
        for order_id in batch:
            del self._fresh[order_id]
        self._last_poll = self._session.clock.monotonic()
        task = asyncio.ensure_future(self._read_charges(batch))
        self._polls.add(task)
        task.add_done_callback(self._end_poll)

    def _end_poll(self, task: asyncio.Task[None]) -> None:
        self._polls.discard(task)
        self._opened.set()
        self._look()

    def _end_search(self, _task: asyncio.Task[None]) -> None:
        self._search = None
        self._opened.set()

    async def _read_charges(self, batch: dict[str, Bought]) -> None:
        """Ask for the charges of a batch; note orders that show none as silent."""
        session = self._session
        self._silent |= batch  # also if the call fails
        if self._panel.polls_left() == 0:  # the day's calls are used up: the balance may still tell
            return
        try:
            seen = await self._panel.statuses({key: one.attempt_id for key, one in batch.items()}, session.clock.now())
            await session.journal.record(SeeStatuses(seen))
        except KeyRejected as error:
            self._stop(error.message)
            return
        except RunnerError:  # the purchases, the search or the last poll find the same, and tell it
            return
        self._judge({one.attempt_id: (key, one) for key, one in batch.items()}, seen)
        name = self._panel.profile.name
        session.tell(EventType.STATUSES, panel=name, asked=len(batch), answered=len(seen))
        for remark in session.words.of_new_orders(seen, name):
            session.tell(EventType.NOTE, message=remark.message)

    def _judge(self, asked: Mapping[int, tuple[str, Bought]], seen: Iterable[StatusSeen]) -> None:
        """Take in the charges that were shown."""
        confirmed = 0
        for one in seen:
            order_id, bought = asked[one.attempt_id]
            if order_id not in self._uncharged:  # another look was quicker
                continue
            charge = known_charge(one.charge, one.status)
            if order_id not in self._silent:  # the balance was quicker
                bought = self._uncharged[order_id]
            elif charge is None and one.status in FINAL_STATUSES and one.charge is not None:
                charge = bought.cost  # taken back, or a part of it: no price to be seen
                self._settle(order_id, bought, charge)
                self._window.give_back()
                continue
            if charge is None:
                continue
            wrong = self._verdict(order_id, bought.purchase, charge)
            if order_id in self._silent:
                self._settle(order_id, bought, charge)
                if wrong is None:
                    confirmed += 1
                else:
                    self._window.give_back()
            else:
                self._learn(order_id, bought, charge)
                if overdrawn := self._count(bought, charge):
                    self._stop(overdrawn)
            del self._uncharged[order_id]
            if wrong is not None:
                self._mischarged(wrong)
        if confirmed:
            self._window.confirm(confirmed)

    def _verdict(self, order_id: str, purchase: Purchase, charge: Decimal) -> Mischarge | None:
        """What is wrong with a charge; looked up, as most orders of a run are charged alike."""
        if charge == purchase.cost:  # the usual case: no look-up, and no Decimal to be hashed
            return None
        key = (purchase.order.service, purchase.rate, purchase.units, charge)
        if key not in self._verdicts:
            self._verdicts[key] = check_charge(
                Observed(order_id, purchase.order.service, purchase.rate, purchase.units, charge), self._panel.profile
            )
            if self._verdicts[key] is None:
                self._rounding.see(purchase.cost, charge)
        return self._verdicts[key]

    def _settle(self, order_id: str, bought: Bought, charge: Decimal) -> None:
        """Take in the charge of an order; if it is higher than expected, it counts against the caps."""
        self._learn(order_id, bought, charge)
        del self._silent[order_id]
        if overdrawn := self._count(bought, charge):
            self._stop(overdrawn)

    def _count(self, bought: Bought, charge: Decimal) -> str:
        """Count a charge against the caps if it is higher than expected; return which cap is overdrawn, or nothing."""
        if charge <= bought.cost:
            return ""
        campaign, panel = bought.purchase.order.campaign, bought.purchase.panel
        overdrawn = self._allowance.charge_more(campaign, panel, charge - bought.cost)
        self.is_overcharged = self.is_overcharged or bool(overdrawn)
        return overdrawn

    def _mischarged(self, wrong: Mischarge) -> None:
        """Buy no more of the service, and nothing on the panel once several of its services are charged wrongly."""
        self.is_overcharged = self.is_overcharged or wrong.is_high
        self._window.close()
        if wrong.service in self.stopped:
            return
        self.stopped[wrong.service] = f"{wrong.words}; no further order of it is sent"
        self._session.tell(EventType.NOTE, message=self.stopped[wrong.service])
        if len(self.stopped) >= SERVICES_THAT_STOP:
            self._stop(f"{len(self.stopped)} services of {self._panel.profile.name} were not charged as listed")

    async def _search_signs(self) -> None:
        """Look at the balance, and again at the charges, until there is room again; the run stops if there is no sign."""
        for pause in (*PAUSES, None):
            try:
                await self._read_balance()
                if self._has_signs():
                    return
                for batch in in_batches(list(self._silent.items()), BATCH):
                    await self._read_charges(dict(batch))
            except KeyRejected as error:
                self._stop(error.message)
                return
            except RunnerError:  # the next look may go through
                pass
            if self._has_signs():
                return
            if pause is not None:
                await self._session.clock.sleep(pause)
        self._stop(self._no_sign())

    def _has_signs(self) -> bool:
        return self._is_over or self._has_room()

    async def _read_balance(self) -> None:
        """Confirm what the fall of the balance explains."""
        self._last_search = self._session.clock.monotonic()
        if not self._fall.can_tell:
            return
        asked = dict(self._silent)  # bought before the balance is read
        balance = (await self._panel.balance()).amount
        left = {order_id: one for order_id, one in asked.items() if order_id in self._silent}
        number = self._fall.confirmed_by(balance, [one.cost for one in left.values()], self._sent)
        for order_id, bought in islice(left.items(), number):
            charge = self._fall.charged(bought.cost)
            self._rounding.see(bought.purchase.cost, charge)
            self._settle(order_id, bought, charge)
            self._uncharged[order_id] = bought._replace(cost=charge)
        if number:
            self._window.confirm(number)
            self._opened.set()

    def _not_explained(self, number: int) -> str:
        name = self._panel.profile.name
        return (
            f"{name} shows no charge for {number:,} orders, and {self._fall.in_words()}: it took more than it lists, or somebody "
            f"else spends the balance; look at the orders on its page before more is bought"
        )

    def _no_sign(self) -> str:
        profile, number = self._panel.profile, len(self._silent) + len(self._fresh)
        shown = self._fall.in_words()
        return (
            f"{profile.name} shows no charge for the last {number:,} orders, and {shown}: what they cost is not known, so "
            f"nothing more is bought; a later apply goes on once it shows it, or set charges: hidden for {profile.name} in "
            "panels.yaml if it never does"
        )
