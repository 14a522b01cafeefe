"""Orders bought elsewhere, from the panel's word to the record."""

from decimal import Decimal

import pytest

from runner.core.attempts import AttemptState, LiveStatus
from runner.core.catalogue import Balance, BalanceSeen
from runner.core.errors import ExitCode, PanelUnreachable, StateRefused
from runner.core.imports import Bought
from runner.core.operations import SeeBalance, SeeCatalogue
from runner.engine.decisions.import_orders import Signed, check, record
from runner.engine.run import apply as run_pass
from runner.engine.submit.worker import new_attempt
from runner.planning.allowance import Purchase
from runner.planning.orders.imports import Imported
from runner.planning.reconcile.plan_request import PlanRequest
from tests.engine.simulated import campaign


def sold(panel, order, order_id: str, charge: str = "0.09") -> Bought:
    """Somebody bought it on the website."""
    purchase = Purchase(order, "sim", Decimal("0.90"), Decimal(charge))
    panel.ids[order_id] = new_attempt(purchase, purchase.cost)
    panel.sold.append(panel.ids[order_id])
    panel.funds -= Decimal(charge)
    return Bought(order, "sim", order_id)


def signed(session, reason: str = "") -> Signed:
    return Signed("anna", "build-1", reason, session.clock.now())


async def looked(session, wanted, here, *, force: bool = False):
    recorded = await session.journal.recorded()
    return await check(wanted, [here], recorded, session.panels, session.clock.now(), force=force)


async def test_many_orders_take_one_call_for_a_hundred_and_are_placed_then(open_run, panel):
    here = campaign(250)
    async with open_run() as session:
        cost = str(Decimal("0.90") * here.orders[0].units / 1000)
        wanted = [sold(panel, order, f"{number + 1}", cost) for number, order in enumerate(here.orders)]
        checked = await looked(session, wanted, here)
        assert {one.outcome for one in checked} == {Imported.WOULD}
        assert sorted(panel.status_calls) == [50, 100, 100]
        assert await record(session.journal, "run-import", checked, signed(session), {}) == 250
        recorded = await session.journal.recorded()
    (attempt,) = recorded.attempts[here.orders[0].key]
    assert (attempt.state, attempt.status, attempt.charge) == (AttemptState.PLACED, LiveStatus.PENDING, Decimal(cost))
    assert attempt.message == "imported by anna on build-1"
    assert attempt.is_imported
    async with open_run() as session:
        result = await run_pass(session, PlanRequest(campaigns=[here]), lambda _plan: True)
    assert (result.exit_code, result.placed, result.plan.ok, panel.adds) == (ExitCode.OK, 0, 250, 0)


async def test_an_order_without_a_word_from_the_panel_is_held_and_forced_at_the_listed_price(open_run, panel):
    here = campaign(1)
    wanted = [Bought(here.orders[0], "sim", "4711")]
    async with open_run() as session:
        (held,) = await looked(session, wanted, here)
        assert (held.outcome, held.message) == (Imported.HELD, "the panel says nothing about an order 4711")
        (forced,) = await looked(session, wanted, here, force=True)
        assert await record(session.journal, "run-import", [forced], signed(session, "seen on the site"), {}) == 1
        ((attempt,),) = (await session.journal.recorded()).attempts.values()
    assert attempt.expected_charge == Decimal("0.90") * here.orders[0].units / 1000
    assert attempt.message.startswith("imported by anna on build-1: seen on the site (although the panel says nothing")


async def test_a_service_that_is_sold_no_longer_is_priced_by_its_charge(open_run, panel):
    here = campaign(2)
    wanted = [sold(panel, order, f"{number + 1}", "0.50") for number, order in enumerate(here.orders)]
    del panel.services_by_id["1"]
    panel.say = lambda order_id: {"charge": Decimal(0)} if order_id == "2" else {}
    async with open_run() as session:
        first, second = await looked(session, wanted, here)
    assert first.attempt is not None
    assert (first.outcome, first.attempt.expected_charge) == (Imported.WOULD, Decimal("0.50"))
    assert second.message == "neither a price of service 1 nor a charge is known"


async def test_a_panel_whose_price_list_fails_is_judged_by_the_remembered_one_and_one_that_fails_altogether_not_at_all(
    open_run, panel, monkeypatch
):
    here = campaign(1)
    wanted = [sold(panel, here.orders[0], "1", str(Decimal("0.90") * here.orders[0].units / 1000))]

    async def broken(*_: object) -> None:
        raise PanelUnreachable("no")

    async with open_run() as session:
        await session.journal.record(SeeCatalogue(await panel.services(session.clock.now())))
        monkeypatch.setattr(panel, "services", broken)
        (fits,) = await looked(session, wanted, here)
        assert fits.outcome is Imported.WOULD
        monkeypatch.setattr(panel, "statuses", broken)
        with pytest.raises(PanelUnreachable):
            await looked(session, wanted, here)
        assert not (await session.journal.recorded()).attempts


async def test_an_order_that_was_taken_meanwhile_is_refused_by_the_state(open_run, panel):
    here = campaign(2)
    first = sold(panel, here.orders[0], "1", str(Decimal("0.90") * here.orders[0].units / 1000))
    async with open_run() as session:
        checked = await looked(session, [first], here)
        await record(session.journal, "run-import", checked, signed(session), {})
        with pytest.raises(StateRefused):  # the same order again
            await record(session.journal, "run-again", checked, signed(session), {})
        other = checked[0]._replace(attempt=checked[0].attempt._replace(order_id="o1"))
        with pytest.raises(StateRefused):  # the same id for another order
            await record(session.journal, "run-other", [other], signed(session), {})
        assert len((await session.journal.recorded()).attempts) == 1


async def test_what_the_first_look_at_a_balance_did_not_show_is_labelled_on_each_panel(open_run, panel):
    here = campaign(2)
    cost = Decimal("0.90") * here.orders[0].units / 1000
    wanted = [sold(panel, order, f"{number + 1}", str(cost)) for number, order in enumerate(here.orders)]
    async with open_run() as session:
        first, second = await looked(session, wanted, here)
        second = second._replace(
            bought=wanted[1]._replace(panel="other"), attempt=second.attempt._replace(panel="other")
        )
        held = {name: Balance(amount=Decimal(50), currency="USD") for name in ("sim", "other")}
        for name, balance in held.items():
            seen = BalanceSeen(panel=name, balance=balance, seen_at=session.clock.now())
            await session.journal.record(SeeBalance(seen))
        await record(session.journal, "run-import", [first, second], signed(session), held)
        recorded = await session.journal.recorded()
    assert [(one.panel, one.amount) for one in recorded.labels] == [("sim", cost), ("other", cost)]
    assert {one.panel: one.reading for one in recorded.labels} == {
        name: seen.number for name, seen in recorded.last_balances.items()
    }
