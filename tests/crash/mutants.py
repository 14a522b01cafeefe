"""Planted bugs: each a way to lose the promise that somebody might write one day. The search must find every one."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from runner.core.attempts import Outcome, OutcomeKind
from runner.core.errors import ExitCode
from runner.core.operations import Mark, Settle
from runner.engine import run as engine_run
from runner.engine.submit.confirmations import Bought
from runner.engine.submit.worker import Submission, _Sent, new_attempt
from runner.panel.client import PanelClient
from runner.panel.exchange import Answer, Exchange
from runner.planning.reconcile import planner
from runner.store.operations import doubts
from tests.crash.journal import SimulatedJournal
from tests.crash.world import SimulatedTransport

Plant = Callable[[pytest.MonkeyPatch], dict[str, Any]]  # patches the code; returns what the world must be made with


def retry_on_timeout(patch: pytest.MonkeyPatch) -> dict[str, Any]:
    """`add` is sent again when its answer was lost."""
    add = PanelClient.add

    async def add_twice(self: PanelClient, attempt: Any, owned: Any, **_deadline: Any) -> Outcome:
        outcome = await add(self, attempt, owned)
        return await add(self, attempt, owned) if outcome.kind is OutcomeKind.IN_DOUBT else outcome

    patch.setattr(PanelClient, "add", add_twice)
    return {}


def mark_after_send(patch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The order is sent first and written down when the answer is there."""

    async def send(self: Submission, purchase: Any) -> Any:
        session, attempt = self._session, new_attempt(purchase, purchase.cost)
        self._allowance.take(attempt)
        session.stop.in_flight += 1
        self.confirmations.mark(attempt.expected_charge)
        outcome = await self._panel.add(attempt, self._owned_ids)
        attempt_id = await session.journal.record(Mark(attempt, session.run_id, session.clock.now()))
        recording = asyncio.ensure_future(session.journal.record(Settle(attempt_id, outcome, session.clock.now())))
        bought = Bought(purchase, attempt_id, attempt.expected_charge)
        recording.add_done_callback(partial(self._recorded, bought, outcome))
        self._react(attempt, outcome)
        return _Sent(outcome, recording)

    patch.setattr(Submission, "_send", send)
    return {}


def mark_not_awaited(_patch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The mark is on its way to the disk when the order is sent."""

    class Hasty(SimulatedJournal):
        def record(self, operation: Any) -> Any:
            recording = super().record(operation)
            return self._presumed() if isinstance(operation, Mark) else recording

        async def _presumed(self) -> int:
            self._sent = getattr(self, "_sent", self._writer._next_id - 1) + 1
            return self._sent

    return {"journal_type": Hasty}


def left_overs_sent_again(patch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A mark that a crash left behind is taken for an order that was never sent."""

    def forget(connection: Any, *_when_and_where: Any) -> list[Any]:
        connection.exec_driver_sql(
            "UPDATE attempts SET state = 'not_sent', settled_at = marked_at, phase = 'queued' WHERE state = 'sending'"
        )
        return []

    patch.setattr(doubts, "doubt_left_overs", forget)
    return {}


def unsynced_commits(_patch: pytest.MonkeyPatch) -> dict[str, Any]:
    """`synchronous=NORMAL`: a commit returns before the log is on the disk, and a power cut takes it back."""
    return {"disk_is_synced": False}


def redirect_followed(_patch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A 307 is answered by sending the form again, as HTTP libraries do by themselves."""

    class Following(SimulatedTransport):
        async def send(self, form: Any, cap: int = 0, **deadline: Any) -> Exchange:
            exchange = await super().send(form, cap, **deadline)
            if isinstance(exchange, Answer) and exchange.status == 307:
                return await super().send(form, cap, **deadline)
            return exchange

    return {"transport_type": Following}


def doubt_without_exit_code(patch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A run with doubts ends as if all were well."""
    exit_code = engine_run._exit_code

    def quiet(result: Any, **more: Any) -> ExitCode:
        code = exit_code(result, **more)
        return ExitCode.OK if code is ExitCode.IN_DOUBT else code

    patch.setattr(engine_run, "_exit_code", quiet)
    return {}


def unknown_answer_is_a_refusal(patch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Whatever is not an order id is taken for "not bought"."""
    add = PanelClient.add

    async def optimistic(self: PanelClient, attempt: Any, owned: Any, **_deadline: Any) -> Outcome:
        outcome = await add(self, attempt, owned)
        return outcome._replace(kind=OutcomeKind.NOT_SENT) if outcome.kind is OutcomeKind.IN_DOUBT else outcome

    patch.setattr(PanelClient, "add", optimistic)
    return {}


def forgetful_planner(patch: pytest.MonkeyPatch) -> None:
    """Not a mutant by itself: planning forgets what was bought, so that only the database's own guards are left."""
    make_plan = planner.make_plan

    def forget(campaigns: Any, recorded: Any, **rest: Any) -> Any:
        from dataclasses import replace

        return make_plan(campaigns, replace(recorded, attempts={}), **rest)

    patch.setattr("runner.planning.reconcile.plan_request.make_plan", forget)


def unique_index_missing(patch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The database no longer refuses a second open attempt for an order, and planning does not notice one either."""
    forgetful_planner(patch)
    open_writer = _harness().open_writer

    def without_index(*arguments: Any) -> Any:
        opened = open_writer(*arguments)
        with opened.writer._connection.begin():
            opened.writer._connection.exec_driver_sql("DROP INDEX IF EXISTS one_open_attempt")
        return opened

    patch.setattr(_harness(), "open_writer", without_index)
    return {}


def _harness() -> Any:
    from tests.crash import harness

    return harness


MUTANTS: dict[str, Plant] = {
    plant.__name__: plant
    for plant in (
        retry_on_timeout,
        mark_after_send,
        mark_not_awaited,
        left_overs_sent_again,
        unsynced_commits,
        redirect_followed,
        doubt_without_exit_code,
        unknown_answer_is_a_refusal,
        unique_index_missing,
    )
}
