"""Adds up the passes of a watch, and keeps which orders it leaves alone for a while."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from runner.core.attempts import AttemptState, OutcomeKind, RefusalReason
from runner.core.errors import ExitCode, RunnerError
from runner.core.orders import Campaign, Order, PanelProfile
from runner.core.snapshot import Recorded
from runner.engine.results import ApplyResult, OrderResult, RequestResult
from runner.panel.parse.refusals import likely_reason
from runner.planning.plan import Plan
from runner.planning.status.completion import FILES, Outlook
from runner.planning.status.selectors import Selection

_MOST_DOUBLINGS = 10
_MAY_PASS = frozenset({RefusalReason.FUNDS, RefusalReason.RATE, RefusalReason.DUPLICATE})
FIRST_TRY = timedelta(minutes=5)  # after a refusal that may pass; doubled each time
LONGEST_TRY = timedelta(hours=1)
TRIES = 5  # of an order, after the first refusal that may pass
QUIET = timedelta(minutes=10)  # least time without purchases on a panel that left a doubt; doubled each time


class Outage(NamedTuple):
    """Panels that do not answer, while others do."""

    panels: frozenset[str]
    pause: timedelta  # before they are tried again; grows
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PassResult:
    """What one pass did, and what it leaves to come."""

    result: ApplyResult
    recorded: Recorded  # after it
    campaigns: Sequence[Campaign]  # all that are watched
    next_plan: Plan  # what the next pass would do
    profiles: Mapping[str, PanelProfile]
    selection: Selection | None = None  # which orders are watched; None: all
    obstacle: RunnerError | None = None  # why it bought nothing: the files, or nobody's consent
    fatal: RunnerError | None = None  # the state does not take its end any more
    outage: Outage | None = None  # panels whose campaigns it left out
    at_once: bool = False  # a person has just agreed: the next pass need not wait


class _Refused(NamedTuple):
    """An order that the panel refused in this watch."""

    order: Order  # as it was listed then
    times: int
    until: datetime | None  # when it may be tried again; None: never by this watch


class Backoff:
    """Orders that this watch leaves alone: refused ones, and all of a panel for a while after a doubt, or at its own request.

    A panel may block an address that repeats a bad request: only what may pass by itself (no funds, too many requests,
    another order at work on the page) is tried again, less and less often and not for ever. And a panel that loses
    answers must not be given the next order before anybody can know what became of the last.
    """

    def __init__(self) -> None:
        self._refused: dict[str, _Refused] = {}  # by address
        self._quiet: dict[str, datetime] = {}  # panel -> when it may be bought on again
        self._doubted: dict[str, int] = {}  # panel -> passes that left a doubt there

    def addresses(self, campaigns: Sequence[Campaign], now: datetime) -> frozenset[str]:
        """The orders of `campaigns` that a pass leaves out."""
        quiet = {panel for panel, until in self._quiet.items() if now < until}
        if not quiet and not self._refused:
            return frozenset()
        return frozenset(
            order.address
            for campaign in campaigns
            for order in campaign.orders
            if campaign.panel in quiet or self._waits(order, now)
        )

    def _waits(self, order: Order, now: datetime) -> bool:
        former = self._found(order)
        return former is not None and (former.until is None or now < former.until)

    def _found(self, order: Order) -> _Refused | None:
        """The refusal of an order, if it is listed as it was then."""
        former = self._refused.get(order.address)
        return None if former is None or former.order.terms != order.terms else former

    def is_given_up(self, order: Order) -> bool:
        """True if this watch does not try the order again until its line is edited."""
        former = self._found(order)
        return former is not None and former.until is None

    def until(self, now: datetime) -> datetime | None:
        """When something that is left alone may be tried again; None if nothing will."""
        moments = [*self._quiet.values(), *(one.until for one in self._refused.values() if one.until is not None)]
        return min((at for at in moments if at > now), default=None)

    def see(self, passed: PassResult, now: datetime) -> None:
        """Take in what a pass brought."""
        for one in passed.result.orders:
            if one.outcome is OutcomeKind.PLACED:
                self._refused.pop(one.order, None)
        self._note_refused(
            {one.order: one for one in passed.result.orders if one.outcome is OutcomeKind.REFUSED}, passed, now
        )
        doubted = {
            attempt.panel
            for attempt in passed.recorded.each()
            if attempt.state is AttemptState.IN_DOUBT and attempt.run_id == passed.result.run_id
        }
        for panel in doubted:
            times = self._doubted.get(panel, 0)
            profile = passed.profiles.get(panel)
            quiet = QUIET if profile is None else max(profile.settle, QUIET)
            self._doubted[panel] = times + 1
            self._quiet[panel] = now + quiet * 2 ** min(times, _MOST_DOUBLINGS)
        for panel, until in passed.result.busy.items():
            self._quiet[panel] = max(until, self._quiet.get(panel, until))

    def _note_refused(self, refused: Mapping[str, OrderResult], passed: PassResult, now: datetime) -> None:
        if not refused:
            return
        for campaign in passed.campaigns:
            for order in campaign.orders:
                if (result := refused.get(order.address)) is None:
                    continue
                former = self._found(order)
                times = 1 if former is None else former.times + 1
                passes = likely_reason([result.message]) in _MAY_PASS and times <= TRIES
                pause = min(FIRST_TRY * 2 ** (times - 1), LONGEST_TRY)
                self._refused[order.address] = _Refused(order, times, now + pause if passes else None)


class WatchTotals:
    """All passes so far as one result."""

    def __init__(self) -> None:
        self.passes = 0
        self.idle = 0  # passes in a row that did nothing
        self.in_doubt = 0  # that the state holds
        self._has_acted = False
        self._is_overcharged = False
        self._placed: list[OrderResult] = []
        self._missed: dict[str, OrderResult] = {}  # by address: the last word on what was not bought
        self._refilled: list[RequestResult] = []
        self._cancelled: list[RequestResult] = []
        self._last: PassResult | None = None

    def add(self, passed: PassResult) -> None:
        """Count one more pass."""
        result = passed.result
        self.passes += 1
        self.in_doubt = result.in_doubt
        self.idle = 0 if result.has_acted else self.idle + 1
        self._has_acted = self._has_acted or result.has_acted
        self._is_overcharged = self._is_overcharged or result.overcharged
        self._refilled += result.refill_results
        self._cancelled += result.cancel_results
        self._last = passed
        for one in result.orders:
            self._missed.pop(one.order, None)
            if one.outcome is OutcomeKind.PLACED:
                self._placed.append(one)
            else:
                self._missed[one.order] = one
        if passed.fatal is not None:
            return  # nobody knows what the state holds
        doubtful = {attempt.address for attempt in passed.recorded.each() if attempt.is_open_doubt}
        settled = [
            address
            for address, one in self._missed.items()
            if one.outcome is OutcomeKind.IN_DOUBT and address not in doubtful
        ]
        for address in settled:
            del self._missed[address]

    def count(self, outcome: OutcomeKind) -> int:
        """Missed orders whose last outcome this is."""
        return sum(one.outcome is outcome for one in self._missed.values())

    def merged(self, code: ExitCode, *, interrupted: bool) -> ApplyResult | None:
        """One result with the sums, and the plan of what would come next. None before the first pass."""
        if self._last is None:
            return None
        return replace(
            self._last.result,
            exit_code=code,
            in_doubt=self.in_doubt,
            orders=[*self._placed, *self._missed.values()],
            plan=self._last.next_plan,
            interrupted=interrupted,
            overcharged=self._is_overcharged,
            refill_results=self._refilled,
            cancel_results=self._cancelled,
        )

    def exit_code(self, outlook: Outlook | None, trouble: RunnerError | None) -> ExitCode:
        """The exit code of a watch that ended by itself: that of a doubt, else of an obstacle if nothing was bought."""
        if self.in_doubt:
            return ExitCode.IN_DOUBT
        stood = None if trouble is None else trouble.code
        if stood is None and outlook is not None and outlook.guards:
            stood = ExitCode.INVALID if FILES in outlook.guards else ExitCode.GUARD
        if stood is not None:
            return ExitCode.PARTLY if self._has_acted and stood is not ExitCode.FAILURE else stood
        missed = self.count(OutcomeKind.REFUSED) or self.count(OutcomeKind.NOT_SENT) or self._is_overcharged
        return ExitCode.PARTLY if missed or (outlook is not None and outlook.needs_person) else ExitCode.OK
