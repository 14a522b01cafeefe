"""Planted bugs in what keeps the money: most of them are defences that are missing. The money search must find every one."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from runner.core.attempts import AttemptState
from runner.engine import run as engine_run
from runner.engine.submit.confirmations import Confirmations
from runner.engine.submit.price_list import PriceList
from runner.planning.accounting.balance_check import Fall
from runner.planning.accounting.balance_confirmation import Accounts
from runner.planning.allowance import Allowance
from runner.planning.guards import charge_check, panel_guards
from runner.planning.guards.send_window import Window
from runner.planning.reconcile import planner
from runner.store.operations import statuses
from tests.crash.mutants import Plant


def cap_ignores_charges(patch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What a panel takes beyond the expected charge is in the books, and in no cap of the run."""
    patch.setattr(Allowance, "charge_more", lambda *_: "")
    return {}


def only_the_first_charges_are_judged(patch: pytest.MonkeyPatch) -> dict[str, Any]:
    """After four charges that are right, a panel is trusted for the rest of the run."""
    verdict = Confirmations._verdict

    def trusting(self: Any, order_id: str, purchase: Any, charge: Decimal) -> Any:
        self.judged = getattr(self, "judged", 0) + 1
        return verdict(self, order_id, purchase, charge) if self.judged <= 4 else None

    patch.setattr(Confirmations, "_verdict", trusting)
    return {}


def no_window(patch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Orders go out as fast as the network takes them, confirmed or not."""
    patch.setattr(Window, "has_room", lambda _self: True)
    return {}


def silence_confirms(patch: pytest.MonkeyPatch) -> dict[str, Any]:
    """An order that shows no charge is taken for one that was charged as expected."""
    patch.setattr("runner.engine.submit.confirmations.known_charge", lambda charge, _status: charge or Decimal("0.90"))
    return {}


def the_balance_is_not_compared(patch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Any look at a balance confirms all orders that show no charge."""
    patch.setattr(Fall, "confirmed_by", lambda _self, _balance, costs, _orders: len(list(costs)))
    return {}


def a_mischarged_service_goes_on(patch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A charge that is too high is counted, and the next order of the service is sent."""
    patch.setattr(Confirmations, "_mischarged", lambda *_: None)
    return {}


def a_mischarged_run_ends_well(patch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A run in which a charge was too high ends with 0 if all its orders were placed."""
    exit_code = engine_run._exit_code

    def quiet(result: Any, **more: Any) -> Any:
        return exit_code(replace(result, overcharged=False), **more)

    patch.setattr(engine_run, "_exit_code", quiet)
    return {}


def later_runs_forget_mischarges(patch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Charges are judged while buying, and not before the next run buys."""
    patch.setattr(planner, "hold_mischarged", lambda *_: [])
    return {}


def the_first_charge_speaks_for_ever(patch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A charge that the panel corrects upwards later is not looked at."""
    observed = charge_check.observed_in

    def first(attempt: Any) -> Any:
        return observed(attempt._replace(charge=attempt.first_charge))

    patch.setattr(charge_check, "observed_in", first)
    patch.setattr(charge_check, "_is_raised", lambda _attempt: False)
    return {}


def earlier_orders_are_forgotten(patch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Each run begins with an empty window, whatever earlier runs have out unconfirmed."""
    patch.setattr("runner.planning.accounting.attempt_index.is_unconfirmed", lambda _attempt: False)
    return {}


def remembered_prices(patch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A price list that can't be read is replaced by the last one, for buying too."""
    patch.setattr(panel_guards, "_old_prices", _nothing)
    return {}


def the_list_is_read_once(patch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A run of hours buys by the list of its beginning."""
    patch.setattr(PriceList, "is_old", lambda _self: False)
    return {}


def refunds_are_believed(patch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What a panel says it paid back frees budget at once."""
    patch.setattr(Accounts, "not_returned", lambda *_: Decimal(0))
    return {}


def a_deposit_confirms_refunds(patch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Money that came in for whatever reason confirms what a panel says it paid back."""
    not_returned = Accounts.not_returned

    def generous(self: Accounts, panel: str, returned: Decimal) -> Decimal:
        gone = self.gone(panel)
        return Decimal(0) if gone is not None and gone < 0 else not_returned(self, panel, returned)

    patch.setattr(Accounts, "not_returned", generous)
    return {}


def any_currency(patch: pytest.MonkeyPatch) -> dict[str, Any]:
    """An account that bills in another currency is bought from, amounts compared as numbers."""
    patch.setattr(panel_guards, "_other_currency", _nothing)
    return {}


def nobody_watches_the_balance(patch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Money that leaves an exclusive account without us holds nothing."""
    patch.setattr(panel_guards, "_unexplained", _nothing)
    return {}


def overdrawn_budgets_go_on(patch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Past charges count at the expected price in later runs."""
    book = planner.History.__init__.__globals__["book"]

    def as_expected(attempt: Any) -> Any:
        if attempt.state is AttemptState.PLACED and attempt.first_charge is not None:
            attempt = attempt._replace(first_charge=attempt.expected_charge, charge=attempt.expected_charge)
        return book(attempt)

    patch.setattr("runner.planning.accounting.attempt_index.book", as_expected)
    return {}


def stale_remains(patch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A field that a final status leaves out keeps what an earlier status said."""
    speaks_for_itself = "WHEN :is_final = 1 THEN CAST(:remains AS BIGINT)"
    assert speaks_for_itself in statuses._STATUS
    patch.setattr(statuses, "_STATUS", statuses._STATUS.replace(speaks_for_itself, ""))
    return {}


def _nothing(*_: object) -> Iterator[Any]:
    return iter(())


MONEY_MUTANTS: dict[str, Plant] = {
    plant.__name__: plant
    for plant in (
        cap_ignores_charges,
        only_the_first_charges_are_judged,
        no_window,
        silence_confirms,
        the_balance_is_not_compared,
        a_mischarged_service_goes_on,
        a_mischarged_run_ends_well,
        later_runs_forget_mischarges,
        the_first_charge_speaks_for_ever,
        earlier_orders_are_forgotten,
        remembered_prices,
        the_list_is_read_once,
        refunds_are_believed,
        a_deposit_confirms_refunds,
        any_currency,
        nobody_watches_the_balance,
        overdrawn_budgets_go_on,
        stale_remains,
    )
}
