"""Gets consent to what a watch buys: by --yes, for the sandbox, or from a person, with the lock released.

While a question stands the watch goes on: what was agreed to before is bought, and statuses are polled.
"""

import asyncio
import os
import sys
from collections.abc import Callable, Sequence

from runner.cli.process.prompts import to_do
from runner.core.errors import GuardRefused, RunnerError
from runner.core.orders import SANDBOX, Campaign
from runner.core.snapshot import Recorded
from runner.planning.guards.consent import Approval, Beyond
from runner.planning.plan import Plan

_MOST = 4096  # bytes of an answer


# Shows a plan and begins to ask about it; the answer comes to what it is given.
Asking = Callable[[Plan, Callable[[bool], None]], None]


class Consent:
    """Decides for each pass's plan whether to begin, and what of the next plan nobody has agreed to."""

    def __init__(self, *, may_act: bool, ask: Asking | None) -> None:
        """`may_act`: without a question; `ask`: None if nobody can be asked."""
        self.is_off = False  # this pass only looks: the files are not valid
        self.held: frozenset[str] = frozenset()  # addresses that wait for an answer, or got a no
        self._may_act = may_act
        self._ask = ask
        self._approval = Approval()
        self._asked: frozenset[str] | None = None  # what the last question was about
        self._answer: asyncio.Future[bool] | None = None
        self._campaigns: Sequence[Campaign] = ()

    def begin(self, campaigns: Sequence[Campaign], *, is_off: bool) -> None:
        """Take note that a pass over `campaigns` begins."""
        self._campaigns = campaigns
        self.is_off = is_off

    def __call__(self, plan: Plan) -> bool:
        """True to begin. One action that nobody agreed to holds the whole pass back; the next pass leaves it out."""
        return not self.is_off and (self._is_free(plan) or not self._approval.beyond(plan, self._campaigns))

    def _is_free(self, plan: Plan) -> bool:
        return self._may_act or plan.panels <= {SANDBOX}

    def review(self, next_plan: Plan) -> Beyond | None:
        """What of the next plan nobody has agreed to (None: nothing); it is held back until somebody does."""
        beyond = None if self._is_free(next_plan) else self._approval.beyond(next_plan, self._campaigns)
        self.held = beyond.addresses if beyond else frozenset()
        return beyond or None

    @property
    def can_ask(self) -> bool:
        """True if there is somebody to ask."""
        return self._ask is not None

    def question(
        self, plan: Plan, beyond: Beyond, recorded: Recorded, wake: Callable[[], None]
    ) -> asyncio.Future[bool] | None:
        """Ask; returns the future answer, or None if the same was asked before or a question is open. A yes calls `wake`."""
        about = frozenset(f"{one.order.address} {one.order.terms} {one.cost}" for one in beyond.purchases)
        about |= {f"refill {one.order} {one.attempt_id}" for one in beyond.refills}
        about |= {f"cancel {one.order} {one.attempt_id}" for one in beyond.cancels}
        if self._ask is None or about == self._asked or (self._answer is not None and not self._answer.done()):
            return None
        self._asked = about
        campaigns = self._campaigns
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._answer = answer

        def answered(agreed: bool) -> None:
            if agreed:
                self._approval = self._approval.with_plan(plan, campaigns, recorded)
                self.held = frozenset()
            if not answer.done():
                answer.set_result(agreed)
            if agreed:
                wake()

        self._ask(plan, answered)
        return answer


def nobody_agreed(beyond: Beyond, *, can_ask: bool) -> RunnerError:
    """Why something is not bought."""
    what = to_do(beyond.purchases, beyond.refills, beyond.cancels)
    if can_ask:
        return GuardRefused(
            f"{what}, which nobody has agreed to; not done", "runner plan shows them; runner apply asks"
        )
    return GuardRefused(f"{what} and nobody to ask; not done", "add --yes, or watch on a terminal")


class TerminalLine:
    """Reads one line from the terminal while the loop goes on."""

    def __init__(self) -> None:
        self._then: Callable[[str], None] | None = None

    def read(self, then: Callable[[str], None]) -> None:
        """Call `then` with the next line of input; with an empty text at its end."""
        self._then = then
        asyncio.get_running_loop().add_reader(sys.stdin.fileno(), self._ready)

    def close(self) -> None:
        """Stop waiting for a line."""
        if self._then is not None:
            self._then = None
            asyncio.get_running_loop().remove_reader(sys.stdin.fileno())

    def _ready(self) -> None:
        try:
            line = os.read(sys.stdin.fileno(), _MOST).decode(errors="replace")
        except OSError:
            line = ""
        then = self._then
        self.close()
        if then is not None:
            then(line)
