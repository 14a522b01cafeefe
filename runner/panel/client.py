"""The client of one panel: the calls of the API in the words of the domain. Knows no sockets and no JSON."""

import logging
import math
import random
from collections.abc import Container, Iterable, Mapping, Sequence
from datetime import datetime

from runner.core.attempts import BATCH, NewAttempt, Outcome, OutcomeKind, RefusalReason, StatusSeen
from runner.core.catalogue import Balance, Catalogue
from runner.core.errors import PanelUnreachable
from runner.core.orders import PanelProfile
from runner.core.values.clock import Clock
from runner.core.values.text import Secret
from runner.panel import forms
from runner.panel.capabilities import KEEP_ALIVE, OFFSET, CapabilityChange, lists_of
from runner.panel.paged_price_list import read_on
from runner.panel.parse import answers
from runner.panel.parse.answers import StatusAnswer
from runner.panel.parse.complaints import Trouble
from runner.panel.parse.outcome import classify_add
from runner.panel.parse.price_list import PricePage
from runner.panel.parse.refill_answers import CancelAnswer, RefillAnswer, RefillStatusAnswer
from runner.panel.redact import Redactor
from runner.panel.refill_calls import UpkeepCalls
from runner.panel.retry import ListCall, OnPause, Reader, nobody_waits
from runner.panel.transport.daily_quota import CountingLimiter
from runner.panel.transport.http import LARGE, HttpTransport, Transport
from runner.panel.transport.keep_alive import KeepAlive
from runner.panel.transport.rate_limit import PATIENCE, Limiter, OutOfPatience, Pause

log = logging.getLogger("runner.panel")

_ANSWERED = frozenset({OutcomeKind.PLACED, OutcomeKind.REFUSED})

STATUS = ListCall(
    action="status",
    field="order",
    parse=answers.parse_statuses,
    of_error=lambda message: StatusAnswer(error=message),
)


class PanelClient:
    """Speaks with one panel. Reads raise `PanelUnreachable` or `KeyRejected`; `add`, `refill` and `cancel` never do.

    To be closed with `close()`.
    """

    def __init__(
        self,
        profile: PanelProfile,
        key: Secret,
        *,
        clock: Clock,
        rng: random.Random,
        transport: Transport | None = None,
        patience: float = PATIENCE,
        on_pause: OnPause = nobody_waits,
    ) -> None:
        """`patience`: seconds that a panel may ask a call to wait; `on_pause` hears of the pauses of reads."""
        self._profile = profile
        self._redact = Redactor(key)
        self._keep_alive = KeepAlive(is_broken=not profile.keep_alive)
        self._transport = transport or HttpTransport(profile, key, self._keep_alive)
        self._adds = Limiter(profile.add_per_minute, clock, patience)
        self._status_calls = CountingLimiter(profile.status_per_minute, clock, profile.status_per_day, patience)
        self._other_calls = Limiter(None, clock, patience)
        self._reader = Reader(profile, self._transport, clock=clock, rng=rng, redact=self._redact, on_pause=on_pause)
        self._upkeep = UpkeepCalls(self._reader, self._transport, Limiter(None, clock, patience), self._redact)
        self._known: frozenset[str] = frozenset()  # what it lacks, as far as the state knows

    @property
    def profile(self) -> PanelProfile:
        """How this panel is spoken to."""
        return self._profile

    def remember(self, known: CapabilityChange) -> None:
        """Take over what earlier runs found out: what is lacking is not tried again, calls count against the day's limit.

        That statuses are not known at all is never believed: nobody can do without.
        """
        self._reader.lacking |= known.lacking - {KEEP_ALIVE, STATUS.action}
        self._keep_alive.is_broken = self._keep_alive.is_broken or KEEP_ALIVE in known.lacking
        self._status_calls.remember(known.status_calls)
        self._known = self._lacking()

    def capability_changes(self) -> CapabilityChange:
        """What is new since the last time this was asked, or since it was told to remember."""
        lacking = self._lacking()
        new, self._known = lacking - self._known, lacking
        return CapabilityChange(new, self._status_calls.take_new())

    def _lacking(self) -> frozenset[str]:
        is_broken = self._keep_alive.is_broken and self._profile.keep_alive  # what the profile says is no news
        return frozenset(self._reader.lacking | ({KEEP_ALIVE} if is_broken else set()))

    def polls_left(self) -> int | None:
        """Of how many orders the status may still be asked on this UTC day; None: no limit is set."""
        left = self._status_calls.left()
        if left is None or lists_of(STATUS.action) in self._reader.lacking:
            return left
        return left * BATCH

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()

    async def services(self, at: datetime) -> Catalogue:
        """The present catalogue, in as many pages as the panel makes of it.

        An answer that is no list of services raises, for whichever page it is: the caller keeps the former catalogue.
        """
        first = await self._reader.read(forms.services(), answers.parse_services, self._other_calls, LARGE)
        if isinstance(first, Trouble):
            raise self._reader.unreachable(first.message)
        lacking = self._reader.lacking
        found = await read_on(first, None if OFFSET in lacking else self._further_services)
        if isinstance(found, Trouble):
            raise self._reader.unreachable(found.message)
        if found.skipped:
            log.debug("%s services: %d rows skipped as unreadable", self._profile.name, found.skipped)
        if found.looks_cut:
            lacking.add(OFFSET)
        return Catalogue(panel=self._profile.name, services=found.services, fetched_at=at, repeated=found.repeated())

    async def _further_services(self, offset: int) -> PricePage | Trouble:
        return await self._reader.read(forms.services(offset), answers.parse_further_services, self._other_calls, LARGE)

    async def balance(self) -> Balance:
        """The present balance; its currency is the panel's own word, or what the profile says where it names none.

        Raises PanelUnreachable if the panel does not tell it, or not in a form that means one amount.
        """
        found: answers.BalanceAnswer | answers.UnclearBalance | Trouble
        found = await self._reader.read(forms.balance(), answers.parse_balance, self._other_calls)
        if isinstance(found, answers.UnclearBalance):
            raise PanelUnreachable(
                f"panel {self._profile.name} tells the balance as `{found.text}`, which is no plain number: "
                "nobody can be sure which amount is meant",
                "ask its support for plain numbers in `balance`, such as 1000.50; nothing is bought without a balance",
            )
        if isinstance(found, Trouble):
            raise self._reader.unreachable(found.message)
        of_profile = None if self._profile.currency is None else self._profile.currency.upper()
        return Balance(amount=found.amount, currency=found.currency or of_profile)

    async def statuses(self, wanted: Mapping[str, int], at: datetime) -> Sequence[StatusSeen]:
        """Statuses of at most 100 orders, panel order id -> attempt id; ids that the panel left out are absent.

        One call where the panel can, else one for each. More than 100 ids raise ValueError.
        """
        if len(wanted) > BATCH:
            raise ValueError(f"{len(wanted)} orders in one call; at most {BATCH}")
        found = await self._reader.read_each(STATUS, tuple(wanted), self._status_calls)
        return [
            StatusSeen(attempt_id=wanted[order_id], checked_at=at, **seen._asdict()) for order_id, seen in found.items()
        ]

    def add_turn_now(self) -> bool:
        """Take a turn for one `add` if no rate spaces them; False: wait for `add_turn()`."""
        return self._adds.turn_now()

    async def add_turn(self) -> None:
        """Return when the rate allows one more `add`; safe to cancel. Raises `PanelBusy`."""
        try:
            await self._adds.turn()
        except OutOfPatience as error:
            raise self._reader.busy(error.until, "") from None

    def slow_down_adds(self, retry_after: float | None) -> Pause:
        """Obey a rate-limit answer: nothing for `retry_after` seconds, then a lower rate."""
        return self._adds.slow_down(retry_after)

    async def add(self, attempt: NewAttempt, owned_ids: Container[str], *, send_before: float = math.inf) -> Outcome:
        """Send one order, once, and say what the answer proves. Never raises for anything that the network does.

        Nothing is written after `send_before` (by `awake_or_asleep`): then it was not sent. Waits for no turn: `add_turn` comes before the mark. Shield it from cancellation, or its outcome is lost.
        """
        form = forms.add(
            service=attempt.service,
            link=attempt.link,
            quantity=attempt.quantity,
            runs=attempt.runs,
            interval=attempt.interval,
        )
        exchange = await self._transport.send(form, send_before=send_before)
        outcome = classify_add(exchange, owned_ids, self._profile.refusals, self._redact)
        if outcome.kind in _ANSWERED and outcome.reason is not RefusalReason.RATE:
            self._adds.went_through()
        return outcome

    async def refill(self, order_ids: Iterable[str], *, send_before: float = math.inf) -> Mapping[str, RefillAnswer]:
        """Ask for refills, in calls of 100; return what became of each request. Never asked again once a byte may have left."""
        return await self._upkeep.refill(order_ids, send_before)

    async def refill_statuses(self, refill_ids: Iterable[str]) -> Mapping[str, RefillStatusAnswer]:
        """Statuses by refill id, in calls of 100; ids that the panel left out are absent."""
        return await self._upkeep.refill_statuses(refill_ids)

    async def cancel(self, order_ids: Iterable[str]) -> Mapping[str, CancelAnswer]:
        """Ask to cancel, in calls of 100; return what became of each request. Only `status` tells whether it was cancelled."""
        return await self._upkeep.cancel(order_ids)
