"""Planted bugs: each a way to break a promise of the month. `make month` must find every one."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from runner.core.attempts import Outcome, OutcomeKind
from runner.engine import refresh as engine_refresh
from runner.engine import run as engine_run
from runner.panel.client import PanelClient
from runner.planning.orders import shortfall
from runner.planning.reconcile import next_actions
from runner.planning.reconcile.removed_orders import RemovedOrders
from runner.planning.refills import due_refills
from runner.planning.status import poll_schedule

Plant = Callable[[pytest.MonkeyPatch], None]


def sends_again_what_was_lost(patch: pytest.MonkeyPatch) -> None:
    """`add` is sent again when its answer was lost."""
    add = PanelClient.add

    async def twice(self: PanelClient, attempt: Any, owned: Any) -> Outcome:
        outcome = await add(self, attempt, owned)
        return await add(self, attempt, owned) if outcome.kind is OutcomeKind.IN_DOUBT else outcome

    patch.setattr(PanelClient, "add", twice)


def refills_every_hour(patch: pytest.MonkeyPatch) -> None:
    """`every` is taken for an hour."""
    look_at = due_refills.RefillRound.look_at

    def hasty(self: Any, order: Any, attempts: Any, campaign: Any) -> str:
        policy = replace(campaign.policy.refill, every=timedelta(hours=1))
        return look_at(self, order, attempts, replace(campaign, policy=replace(campaign.policy, refill=policy)))

    patch.setattr(due_refills.RefillRound, "look_at", hasty)


def refills_without_end(patch: pytest.MonkeyPatch) -> None:
    """`max` and the window are not looked at."""
    patch.setattr(due_refills, "objection", lambda *_: "")


def refills_every_loss(patch: pytest.MonkeyPatch) -> None:
    """The threshold of a drop is not looked at."""
    drop_of = due_refills.drop_of
    patch.setattr(due_refills, "drop_of", lambda attempt, counts, _threshold: drop_of(attempt, counts, Decimal(0)))


def asks_one_by_one(patch: pytest.MonkeyPatch) -> None:
    """Statuses are asked for in calls of ten."""
    patch.setattr(engine_refresh, "BATCH", 10)


def never_looks_at_final_orders(patch: pytest.MonkeyPatch) -> None:
    """A final status is believed for ever."""
    patch.setattr(poll_schedule, "FINAL_PERIOD", timedelta(days=1000))


def tops_up_the_whole(patch: pytest.MonkeyPatch) -> None:
    """A raised quantity is bought whole, and not the difference."""
    top_up = next_actions._top_up

    def whole(edited: Any, recorded: Any) -> Any:
        step = top_up(edited, recorded)
        return step if step.part is None else step._replace(part=step.part._replace(quantity=edited.order.quantity))

    patch.setattr(next_actions, "_top_up", whole)


def reorders_the_whole(patch: pytest.MonkeyPatch) -> None:
    """Of a partial delivery all is bought again."""
    patch.setattr(shortfall, "missing_units", lambda attempt: attempt.units)


def forgets_what_is_protected(patch: pytest.MonkeyPatch) -> None:
    """`protect: true` holds no longer than the line."""

    async def nothing(*_: Any) -> None:
        return

    patch.setattr(engine_run, "note_protections", nothing)


def prunes_what_was_to_be_forgotten(patch: pytest.MonkeyPatch) -> None:
    """`removed:` is not looked at when unlisted orders are cancelled."""
    look_at = RemovedOrders._look_at_bought

    def blind(self: Any, campaign: Any, bought: Any) -> Any:
        return look_at(self, replace(campaign, removed=frozenset()), bought)

    patch.setattr(RemovedOrders, "_look_at_bought", blind)


MUTANTS: tuple[Plant, ...] = (
    sends_again_what_was_lost,
    refills_every_hour,
    refills_without_end,
    refills_every_loss,
    asks_one_by_one,
    never_looks_at_final_orders,
    tops_up_the_whole,
    reorders_the_whole,
    forgets_what_is_protected,
    prunes_what_was_to_be_forgotten,
)
