"""Runs apply again at the moments that planning names, until nothing goes on by itself. Knows no files, no screen.

Each pass is a whole run with its own lock, so that people may settle doubts and edit files in between.
"""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from runner.core.errors import ExitCode, Interrupted, KeyRejected, PanelBusy, PanelUnreachable, RunnerError, StateLocked
from runner.core.values.clock import Clock
from runner.engine.results import ApplyResult
from runner.engine.stopping import Stop
from runner.engine.watch.totals import Backoff, PassResult, WatchTotals
from runner.planning.status.completion import Outlook, Until, outlook_of
from runner.planning.status.poll_schedule import terms_of
from runner.planning.status.wakeups import Moment, Pace, next_day, next_moment, settling

LOOK = 30.0  # seconds: after a machine's sleep the wall clock is looked at within this time
OUTAGE = timedelta(seconds=30)  # the first pause after a panel did not answer; doubled each time
LONGEST_OUTAGE = timedelta(minutes=15)
LONGEST_BUSY = timedelta(days=1)  # a panel that asks to wait for longer is looked at once a day all the same
LOCKED = timedelta(seconds=5)  # the same for a state that another run holds
LONGEST_LOCKED = timedelta(minutes=1)
FIRM = 2  # passes in a row that an obstacle must stand before a watch gives up: somebody may be saving a file
_MOST_DOUBLINGS = 10


class Ended(StrEnum):
    """Why a watch ended."""

    OVER = "over"  # nothing goes on by itself
    TIMED_OUT = "timed_out"
    INTERRUPTED = "interrupted"
    STOPPED = "stopped"  # by something that waiting does not help: the state, the key, a guard at the first pass


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchTerms:
    """When to end, and how often to look."""

    until: Until = Until.FINAL
    timeout: timedelta | None = None
    pace: Pace = field(default_factory=Pace)


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchResult:
    """What a whole watch did: its passes as one result, and how it ended."""

    ended: Ended
    exit_code: ExitCode
    passes: int  # that went through
    seconds: float
    result: ApplyResult | None  # of all passes together; None: not one went through
    last: PassResult | None
    outlook: Outlook | None  # after the last pass
    trouble: RunnerError | None = None  # what stood in the way at the end


class OnePass(Protocol):
    """One whole pass: locks, reads, buys, records, lets go."""

    async def __call__(self, number: int, leaving: Backoff) -> PassResult:
        """Run pass `number`, counted from 1, without the orders that `leaving` names. Raises `RunnerError`."""


class WatchObserver(Protocol):
    """What a display of a watch is told between the passes."""

    def passed(self, number: int, passed: PassResult, outlook: Outlook) -> None:
        """A pass went through."""

    def failed(self, error: RunnerError, times: int) -> None:
        """A pass did not go through; `times` in a row."""

    def waiting(self, moment: Moment) -> None:
        """Nothing happens until then."""


class Watch:
    """One watch. `run()` is called once."""

    def __init__(self, one_pass: OnePass, terms: WatchTerms, clock: Clock, stop: Stop, heard: WatchObserver) -> None:
        self._one_pass = one_pass
        self._terms = terms
        self._clock = clock
        self._stop = stop
        self._heard = heard
        self._awake = asyncio.Event()
        self._started = clock.now()
        self._began = clock.monotonic()
        self._sums = WatchTotals()
        self._leaving = Backoff()
        self._last: PassResult | None = None
        self._outlook: Outlook | None = None
        self._firm = 0  # passes in a row with nothing going on but for an obstacle
        self._failures = 0  # passes in a row that did not go through

    def wake(self) -> None:
        """End the present pause: somebody has answered a question."""
        self._awake.set()

    async def run(self) -> WatchResult:
        """Pass after pass to the end. Raises what the first pass raises; later failures are part of the result."""
        while True:
            try:
                moment = await self._next()
                if moment is None:
                    return self._end(Ended.OVER)
                if not await self._pause(moment):
                    return self._end(Ended.TIMED_OUT)
            except RunnerError as error:
                if not self._sums.passes:
                    raise
                return self._end(Ended.INTERRUPTED if isinstance(error, Interrupted) else Ended.STOPPED, error)

    async def _next(self) -> Moment | None:
        """One pass, or a try; when to make the next, None if nothing is left to wait for. Raises what ends the watch."""
        try:
            passed = await self._one_pass(self._sums.passes + 1, self._leaving)
        except StateLocked as error:
            return self._back_off(error, LOCKED, LONGEST_LOCKED)
        except KeyRejected:  # some panels block an address that goes on asking
            raise
        except PanelUnreachable as error:
            if not self._sums.passes:
                raise
            return self._back_off(error, OUTAGE, LONGEST_OUTAGE)
        outlook = self._take_in(passed)
        if passed.fatal is not None:
            raise passed.fatal
        if passed.result.interrupted:
            raise Interrupted("interrupted")
        if passed.at_once:
            return Moment(self._clock.now(), "what was agreed to")
        if self._is_over(passed, outlook):
            return None
        now = self._clock.now()
        more = self._more(passed, outlook, now)
        polls = terms_of(passed.campaigns, passed.profiles.values())
        return next_moment(passed.recorded, passed.campaigns, now, pace=self._terms.pace, polls=polls, more=more)

    def _take_in(self, passed: PassResult) -> Outlook:
        now = self._clock.now()
        self._failures = 0
        self._last = passed
        self._sums.add(passed)
        self._leaving.see(passed, now)
        self._outlook = outlook_of(
            passed.campaigns,
            passed.recorded,
            passed.next_plan,
            now,
            selection=passed.selection,
            given_up=self._leaving.is_given_up,
        )
        self._heard.passed(self._sums.passes, passed, self._outlook)
        return self._outlook

    def _is_over(self, passed: PassResult, outlook: Outlook) -> bool:
        """True if waiting cannot help any more.

        An obstacle counts once it has lasted several passes, or at once in the first pass.
        """
        if self._sums.passes == 1 and passed.result.exit_code in (ExitCode.INVALID, ExitCode.GUARD):
            return True
        if passed.obstacle is not None:
            over = not (outlook.live or outlook.refilling) or self._terms.until is Until.PLACED
        else:
            over = outlook.is_over(self._terms.until)
        if passed.outage is not None or (outlook.to_do and self._leaving.until(self._clock.now()) is not None):
            over = False
        self._firm = self._firm + 1 if over else 0
        return self._firm >= (FIRM if passed.obstacle is not None or outlook.guards else 1)

    def _more(self, passed: PassResult, outlook: Outlook, now: datetime) -> list[Moment]:
        """Moments that only the watch knows of."""
        moments = [*next_day(now, outlook.guards), *settling(passed.recorded, passed.profiles, now)]
        if passed.outage is not None:
            moments.append(Moment(passed.outage.until, f"another try of {', '.join(sorted(passed.outage.panels))}"))
        quiet = self._leaving.until(now)
        if quiet is not None:
            moments.append(Moment(quiet, "purchases that were put off"))
        elif self._firm or (outlook.to_do and not outlook.guards and passed.obstacle is None):
            # Nothing tells when what holds these lets go: they are tried again, less and less often.
            pause = self._terms.pace.floor * 2 ** min(self._sums.idle, _MOST_DOUBLINGS)
            moments.append(Moment(now + pause, "what is still to be done"))
        return moments

    def _back_off(self, error: RunnerError, first: timedelta, longest: timedelta) -> Moment:
        self._failures += 1
        self._heard.failed(error, self._failures)
        now = self._clock.now()
        again = now + min(first * 2 ** min(self._failures - 1, _MOST_DOUBLINGS), longest)
        if isinstance(error, PanelBusy):
            again = max(again, min(error.until, now + LONGEST_BUSY))
        return Moment(again, "another try")

    async def _pause(self, moment: Moment) -> bool:
        """Wait for `moment`, by the wall clock or by the time that really passed, whichever comes first.

        False if the watch has to end before. After a machine's sleep the wall clock is far ahead: one pass follows,
        however many moments were missed.
        """
        if self._is_timed_out():
            return False
        self._heard.waiting(moment)
        begun = self._clock.monotonic()
        length = (moment.at - self._clock.now()).total_seconds()
        while True:
            left = min((moment.at - self._clock.now()).total_seconds(), length - (self._clock.monotonic() - begun))
            if left <= 0 or self._awake.is_set():
                self._awake.clear()
                return True
            if self._is_timed_out():
                return False
            await self._sleep(min(left, LOOK, self._time_left()))

    async def _sleep(self, seconds: float) -> None:
        """Sleep, unless woken. Raises `Interrupted`."""
        async with self._stop.interruptible():
            tasks = [asyncio.ensure_future(one) for one in (self._clock.sleep(seconds), self._awake.wait())]
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in tasks:
                    task.cancel()

    def _elapsed(self) -> float:
        """Seconds since the watch began; those that the machine slept count too."""
        return max(self._clock.monotonic() - self._began, (self._clock.now() - self._started).total_seconds())

    def _time_left(self) -> float:
        timeout = self._terms.timeout
        return LOOK if timeout is None else max(timeout.total_seconds() - self._elapsed(), 0.0)

    def _is_timed_out(self) -> bool:
        return self._terms.timeout is not None and self._time_left() <= 0

    def _end(self, ended: Ended, trouble: RunnerError | None = None) -> WatchResult:
        last = self._last
        if trouble is None and last is not None:
            trouble = last.obstacle
        code = self._sums.exit_code(self._outlook, trouble)
        if code is not ExitCode.IN_DOUBT and ended in (Ended.TIMED_OUT, Ended.INTERRUPTED):
            code = ExitCode.TIMED_OUT if ended is Ended.TIMED_OUT else ExitCode.INTERRUPTED
        return WatchResult(
            ended=ended,
            exit_code=code,
            passes=self._sums.passes,
            seconds=self._elapsed(),
            result=self._sums.merged(code, interrupted=ended is Ended.INTERRUPTED),
            last=last,
            outlook=self._outlook,
            trouble=trouble,
        )
