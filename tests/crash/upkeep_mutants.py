"""Planted bugs in refills, cancels and refunds. The search over what follows a purchase must find every one."""

from collections.abc import Mapping
from typing import Any

import pytest

from runner.core.operations import AskRefills, SettleRefills
from runner.core.refills import CancelState, Refill, RefillSettled, RefillState
from runner.engine import refill as engine_refill
from runner.engine import run as engine_run
from runner.panel.client import PanelClient
from runner.panel.parse.refill_answers import RefillAnswer
from runner.planning.accounting import ledger
from runner.planning.reconcile.removed_orders import RemovedOrders
from runner.store.operations import refills
from tests.crash.journal import SimulatedJournal
from tests.crash.mutants import Plant


def refill_recorded_after_asking(patch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The panel is asked first, and the request written down when the answer is there."""

    async def ask(session: Any, panel: Any, batch: Any, results: list[Any]) -> bool:
        answers = await panel.refill([one.panel_order_id for one in batch])
        ids = await session.journal.record(AskRefills([one.attempt_id for one in batch], session.clock.now()))
        settled = [
            engine_refill._settled(refill, answers.get(one.panel_order_id))
            for refill, one in zip(ids, batch, strict=True)
        ]
        await session.journal.record(SettleRefills(settled, session.clock.now()))
        engine_refill._tell(session, batch, settled, results)
        return True

    patch.setattr(engine_refill, "_ask", ask)
    return {}


def refill_record_not_awaited(_patch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The record of a request is on its way to the disk when the panel is asked."""

    class Hasty(SimulatedJournal):
        def record(self, operation: Any) -> Any:
            recording = super().record(operation)
            return self._presumed(len(operation.attempt_ids)) if isinstance(operation, AskRefills) else recording

        async def _presumed(self, asked: int) -> Any:
            last = self._writer._connection.exec_driver_sql("SELECT coalesce(max(id), 0) FROM refills").scalar_one()
            self._writer._connection.rollback()
            return [last + number for number in range(1, asked + 1)]

    return {"journal_type": Hasty}


def refill_asked_again_when_lost(patch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A request whose answer was lost is sent again, as a read would be."""
    refill = PanelClient.refill

    async def refill_twice(self: PanelClient, order_ids: Any, **_deadline: Any) -> Mapping[str, RefillAnswer]:
        wanted = list(order_ids)
        answers = await refill(self, wanted)
        lost = [each for each in wanted if answers[each].state is RefillState.UNKNOWN]
        return {**answers, **(await refill(self, lost) if lost else {})}

    patch.setattr(PanelClient, "refill", refill_twice)
    return {}


def lost_refill_not_counted(patch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A request whose answer was lost is taken for one that never left."""
    settled = engine_refill._settled

    def forgetful(refill: int, answer: RefillAnswer | None) -> RefillSettled:
        one = settled(refill, answer)
        return one._replace(state=RefillState.NOT_SENT) if one.state is RefillState.UNKNOWN else one

    patch.setattr(engine_refill, "_settled", forgetful)
    return {}


def left_over_refill_not_counted(patch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A request that a crash left behind is taken for one that never left."""

    def forget(connection: Any, *_when_and_where: Any) -> None:
        connection.exec_driver_sql("UPDATE refills SET state = 'not_sent' WHERE state = 'asking'")

    patch.setattr(refills, "give_up_left_overs", forget)
    return {}


def left_over_refill_kept_open(patch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A request that a crash left behind stays open for ever, and with it the order without refills."""
    patch.setattr(refills, "give_up_left_overs", lambda *_: None)
    return {}


def interval_from_the_mark(patch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The interval is counted from the record of a request, which the panel gets a little later."""
    patch.setattr(Refill, "reached_at", property(lambda self: self.asked_at))
    return {}


def cancel_believed(patch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A request to cancel that was taken is booked as cancelled and paid back, before any status says so."""
    note = refills.see_cancels

    def believe(connection: Any, see: Any) -> None:
        note(connection, see)
        for request in see.requests:
            if request.state is CancelState.RECORDED:
                connection.exec_driver_sql(
                    "UPDATE attempts SET status = 'canceled', charge = '0' WHERE id = ?", (request.attempt_id,)
                )

    patch.setattr(refills, "see_cancels", believe)
    return {}


def refund_counted_twice(patch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What came back is taken off a charge that the panel has lowered already."""
    book = ledger._book_placed

    def twice(attempt: Any) -> ledger.Booked:
        booked = book(attempt)
        return booked._replace(spent=booked.spent - booked.refunded)

    patch.setattr(ledger, "_book_placed", twice)
    return {}


def protection_not_written(patch: pytest.MonkeyPatch) -> dict[str, Any]:
    """`protect: true` is obeyed while the line is there, and not remembered."""

    async def forget(*_arguments: Any) -> None:
        return

    patch.setattr(engine_run, "note_protections", forget)
    return {}


def prune_takes_what_is_listed(patch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Prune looks at everything that was bought, not at what is unlisted."""
    look_at = RemovedOrders.look_at

    def look_at_all(self: RemovedOrders, campaign: Any, _bought: Any, doubtful: Any) -> list[str]:
        known = {order_id for name, order_id in self._recorded.attempts if name == campaign.name}
        return look_at(self, campaign, known - doubtful, doubtful)

    patch.setattr(RemovedOrders, "look_at", look_at_all)
    return {}


UPKEEP_MUTANTS: dict[str, Plant] = {
    plant.__name__: plant
    for plant in (
        refill_recorded_after_asking,
        refill_record_not_awaited,
        refill_asked_again_when_lost,
        lost_refill_not_counted,
        left_over_refill_not_counted,
        left_over_refill_kept_open,
        interval_from_the_mark,
        cancel_believed,
        refund_counted_twice,
        protection_not_written,
        prune_takes_what_is_listed,
    )
}
