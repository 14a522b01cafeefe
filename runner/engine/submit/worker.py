"""Sends marked orders and records what their answers prove: the reason why nothing is bought twice.

The order of things for each purchase is fixed: a turn under the rate, the caps, the mark (committed), the send
(once), the outcome (committed). Nothing here retries a send whose answer is not proof.
"""

import asyncio
from collections.abc import Awaitable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import NamedTuple

from runner.core.attempts import AttemptKind, NewAttempt, Outcome, OutcomeKind, Phase, RefusalReason
from runner.core.errors import StateRefused
from runner.core.events import EventType
from runner.core.operations import Mark, Settle
from runner.core.values.clock import to_text, to_the_second
from runner.core.values.money import plain
from runner.engine.ports import Panel
from runner.engine.results import OrderResult
from runner.engine.session import Session
from runner.engine.submit.confirmations import Bought, Confirmations
from runner.engine.submit.price_list import PriceList
from runner.panel.transport.rate_limit import Pause
from runner.planning.allowance import Allowance, Part, Purchase

TRIES = 5  # sends of one order in one run that provably bought nothing: rate limit, or no connection
PAUSE = 1.0  # seconds after the first failed connection; doubled each time

_STOPS = {
    RefusalReason.KEY: "the panel does not accept the key or the account",
    RefusalReason.FUNDS: "the panel says that the balance does not cover the order",
}


class _Sent(NamedTuple):
    """One order that was sent; `recording` ends when its outcome is durable, or surely will not be."""

    outcome: Outcome
    recording: asyncio.Future[None]


class Submission:
    """The purchases of one plan on one panel, sent by `parallel_add` workers from one queue."""

    def __init__(  # noqa: PLR0917  # one collaborator each
        self,
        session: Session,
        panel: Panel,
        allowance: Allowance,
        owned_ids: set[str],
        balance: Decimal | None = None,
        unconfirmed: int = 0,
    ) -> None:
        """`balance` and `unconfirmed` as `Confirmations` has them."""
        self._session = session
        self._panel = panel
        self._allowance = allowance
        self._owned_ids = owned_ids  # every order id of this panel that the state holds; grows as orders are placed
        self._waiting: set[asyncio.Task[object]] = set()  # workers that hold no mark: may be cancelled
        self.results: dict[str, OrderResult] = {}  # by address; the last try counts
        self.placed = 0  # orders that the panel gave ids to
        self.stopped = ""  # why nothing more is marked; empty while all is well
        self.busy_until: datetime | None = None  # until then the panel is to get no order
        self.confirmations = Confirmations(session, panel, allowance, self._stop, balance, unconfirmed)
        self._prices = PriceList(session, panel, ())
        session.stop.on_request(self._interrupt)

    @property
    def panel(self) -> str:
        """The panel's name."""
        return self._panel.profile.name

    async def submit(self, purchases: Sequence[Purchase]) -> None:
        """Send every purchase that may still be sent; returns when all outcomes are recorded.

        Cancelling it stops the marking and still waits for what is in flight: no outcome is lost.
        """
        self._session.tell(EventType.SUBMIT_STARTED, panel=self._panel.profile.name, orders=len(purchases))
        self._prices = PriceList(self._session, self._panel, purchases)
        sending = asyncio.ensure_future(self._run_workers(iter(purchases)))
        try:
            await asyncio.shield(sending)
        except asyncio.CancelledError:
            self._stop("interrupted")
            await sending
            raise

    async def _run_workers(self, queue: Iterator[Purchase]) -> None:
        # gather and not a TaskGroup: one worker's failure must not cancel another between its send and its outcome.
        workers = (self._work(queue) for _ in range(self._panel.profile.parallel_add))
        failures = await asyncio.gather(*workers, return_exceptions=True)
        await self.confirmations.close()
        for failure in failures:
            if failure is not None:
                raise failure

    async def _work(self, queue: Iterator[Purchase]) -> None:
        try:
            await self._take_from(queue)
        except BaseException:
            self._stop("unexpected failure")
            raise

    async def _take_from(self, queue: Iterator[Purchase]) -> None:
        recording: asyncio.Future[None] | None = None  # of the worker's last order
        for purchase in queue:
            if not self._is_admitted_now() and not await self._admit():
                break
            outcome = None
            if self._is_sold(purchase.order.service):
                for tries in range(TRIES):
                    if self.stopped:
                        break
                    if not self._panel.add_turn_now() and not await self._idle(self._panel.add_turn()):
                        break
                    sent = await self._send(purchase)
                    if sent is None:
                        break
                    outcome, recording = sent.outcome, sent.recording
                    if outcome.kind is OutcomeKind.NOT_SENT:
                        await self._idle(self._session.clock.sleep(PAUSE * 2**tries))
                    elif outcome.reason is not RefusalReason.RATE:
                        break
                else:
                    self._stop(f"{purchase.order.address} was tried {TRIES} times in vain")
            if outcome is None or outcome.kind not in (OutcomeKind.PLACED, OutcomeKind.IN_DOUBT):
                self.confirmations.release()
            if self.stopped:
                break
        if recording is not None:
            await asyncio.wait((recording,))

    def _is_admitted_now(self) -> bool:
        """As `_admit` where nothing is to be waited for: nearly always."""
        return not self._prices.is_old() and not self.stopped and self.confirmations.reserve()

    async def _admit(self) -> bool:
        """Wait for a place in the window and for prices of now; False when the run must end instead."""
        confirmations, prices = self.confirmations, self._prices
        while not confirmations.reserve():
            if why := confirmations.shut():
                self._stop(why)
                return False
            if not await self._idle(confirmations.opened()):
                return False
        if prices.is_old() and await self._idle(prices.read()) and prices.failed:
            self._stop(prices.failed)
        return not self.stopped

    def _is_sold(self, service: str) -> bool:
        """False if nothing more of a service may be bought in this run."""
        return service not in self.confirmations.stopped and service not in self._prices.stopped

    async def _idle(self, wait: Awaitable[None]) -> bool:
        """Wait while holding no mark; False when the run must end instead."""
        task = asyncio.current_task()
        if task is None:
            return False
        self._waiting.add(task)
        try:
            await wait
        except asyncio.CancelledError:
            if not self.stopped:
                raise
            task.uncancel()
        finally:
            self._waiting.discard(task)
        return not self.stopped

    async def _send(self, purchase: Purchase) -> _Sent | None:
        """One mark, one send, one outcome. None when the mark was not allowed, so nothing was sent.

        The outcome is told to the journal before the worker's next mark, and so commits before it or with it: a worker
        never has two marks without an outcome, and waits for the disk once for each order.
        """
        session, order = self._session, purchase.order
        attempt = new_attempt(purchase, self.confirmations.cost_of(purchase))
        if refusal := self._allowance.take(attempt):
            self._stop(refusal)
            return None
        send_before = session.journal.send_before()
        try:
            attempt_id = await session.journal.record(Mark(attempt, session.run_id, session.clock.now()))
        except StateRefused as error:
            self._allowance.give_back(attempt)
            self._note(purchase, Outcome(OutcomeKind.NOT_SENT, message=error.message, phase=Phase.QUEUED))
            self._stop(error.message)
            return None
        session.stop.in_flight += 1
        self.confirmations.mark(attempt.expected_charge)
        if session.is_heard:
            session.tell(EventType.MARKED, order.address)
        outcome = await self._panel.add(attempt, self._owned_ids, send_before=send_before)
        if outcome.panel_order_id is not None:
            self._owned_ids.add(outcome.panel_order_id)
        # A future, not a wait: from here on it is on its way, whatever becomes of this worker.
        recording = asyncio.ensure_future(session.journal.record(Settle(attempt_id, outcome, session.clock.now())))
        bought = Bought(purchase, attempt_id, attempt.expected_charge)
        recording.add_done_callback(partial(self._recorded, bought, outcome))
        self._react(attempt, outcome)
        return _Sent(outcome, recording)

    def _react(self, attempt: NewAttempt, outcome: Outcome) -> None:
        """Before anything more is marked: give back what was surely not spent, stop where going on would be wrong."""
        if outcome.kind in (OutcomeKind.REFUSED, OutcomeKind.NOT_SENT):
            self._allowance.give_back(attempt)
            self.confirmations.unmark(attempt.expected_charge)
        if outcome.kind is OutcomeKind.IN_DOUBT:
            self._stop(f"{attempt.campaign}/{attempt.order_id} is in doubt: {outcome.message}")
        elif outcome.reason is RefusalReason.RATE:
            self._wait(self._panel.slow_down_adds(outcome.retry_after), outcome.message)
        elif outcome.reason in _STOPS:
            self._stop(f"{_STOPS[outcome.reason]}: {outcome.message}")
        if outcome.stops_panel:
            self._stop(outcome.message)

    def _wait(self, pause: Pause, message: str) -> None:
        """Tell until when the panel gets no order, or give up until then."""
        if pause.is_too_long:
            self.busy_until = pause.until
            until = to_the_second(pause.until)
            self._stop(f"{message}; it asks to wait until {until}, which is longer than --patience allows")
        elif pause.is_news:
            self._session.tell(
                EventType.RATE_LOWERED,
                panel=self.panel,
                per_minute=round(pause.per_minute),
                until=to_text(pause.until),
                message=message,
            )

    def _recorded(self, bought: Bought, outcome: Outcome, recording: asyncio.Future[None]) -> None:
        """Tell the outcome, once it is on the disk or surely will not be."""
        error = None if recording.cancelled() else recording.exception()
        if error is not None:
            outcome = _unrecorded(bought.purchase.order.address, outcome, error)
            self._stop(outcome.message)
        self._session.stop.in_flight -= 1
        if outcome.kind is OutcomeKind.PLACED and outcome.panel_order_id is not None:
            self.placed += 1
            self.confirmations.place(outcome.panel_order_id, bought)
        self._note(bought.purchase, outcome)

    def _note(self, purchase: Purchase, outcome: Outcome) -> None:
        cost, address = purchase.cost, purchase.order.address
        if self._session.is_heard:
            self._session.tell(
                EventType.SETTLED,
                address,
                outcome=outcome.kind.value,
                panel_order_id=outcome.panel_order_id,
                cost=plain(cost),
                message=outcome.message,
            )
        self.results[address] = OrderResult(address, outcome.kind, outcome.panel_order_id, cost, outcome.message)

    def _stop(self, why: str) -> None:
        """Mark nothing more on this panel; what was marked goes on to its outcome."""
        if self.stopped:
            return
        self.stopped = why
        self._session.tell(EventType.PANEL_STOPPED, panel=self._panel.profile.name, message=why)
        for task in self._waiting:
            task.cancel()

    def _interrupt(self) -> None:
        self._session.tell(EventType.DRAINING, in_flight=self._session.stop.in_flight)
        self._stop("interrupted")


def new_attempt(purchase: Purchase, cost: Decimal) -> NewAttempt:
    """The mark for a purchase: all that will be sent, and what it is expected to be charged."""
    order = purchase.order
    part = purchase.part or Part(AttemptKind.INITIAL, 0, order.quantity, order.runs, order.interval)
    return NewAttempt(
        campaign=order.campaign,
        order_id=order.id,
        kind=part.kind,
        slot=part.slot,
        panel=purchase.panel,
        service=order.service,
        link=order.link,
        quantity=part.quantity,
        runs=part.runs,
        interval=part.interval,
        rate=purchase.rate,
        expected_charge=cost,
    )


def _unrecorded(address: str, outcome: Outcome, error: BaseException) -> Outcome:
    """An outcome that could not be written: its mark stays, so it is a doubt, and the id goes to the user at once."""
    order_id = outcome.panel_order_id
    what = f"placed as order {order_id}" if order_id else outcome.kind.value
    use = f" for `runner doubt adopt {address} --order {order_id}`" if order_id else ""
    return outcome._replace(
        kind=OutcomeKind.IN_DOUBT,
        message=f"{what}, but that could not be recorded ({error}); keep this line{use}",
    )
