"""Records orders that were bought elsewhere, after asking the panel about them.

Nothing here buys. Either all orders of one call fit and are recorded, or none is.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from runner.core.attempts import BATCH, IMPORTED, AttemptKind, NewAttempt, StatusSeen
from runner.core.catalogue import Balance, BalanceLabel, BalanceSeen, Catalogue
from runner.core.errors import PanelUnreachable
from runner.core.imports import Bought
from runner.core.operations import Import, LabelBalance, SeeBalance, SeeStatuses
from runner.core.orders import Campaign, PanelProfile
from runner.core.snapshot import Recorded
from runner.core.values.batches import in_batches
from runner.core.values.money import PER, ZERO
from runner.engine.decisions.recording import run_of_its_own
from runner.engine.decisions.settle_doubt import misfits_of
from runner.engine.ports import Journal, Panel
from runner.planning.accounting.ledger import make_ledger
from runner.planning.orders.imports import Imported, Obstacles
from runner.planning.pricing.quote import charge_for

_BEFORE = "bought elsewhere before the first look at this balance"


class Checked(NamedTuple):
    """One order that is to be imported, and what was found about it."""

    bought: Bought
    outcome: Imported  # WOULD, ALREADY or HELD
    message: str = ""  # with HELD, why; else what was forced, or empty
    is_final: bool = False  # with HELD: no force helps
    attempt: NewAttempt | None = None  # with WOULD
    seen: StatusSeen | None = None  # with WOULD, if the panel said something of it; its attempt id means nothing yet


class Signed(NamedTuple):
    """Who imports, and why."""

    user: str
    host: str
    reason: str  # may be empty
    at: datetime

    def message(self, forced: str) -> str:
        """What is kept with the order."""
        why = f": {self.reason}" if self.reason else ""
        return f"{IMPORTED}{self.user} on {self.host}{why}" + (f" (although {forced})" if forced else "")


async def check(
    wanted: Sequence[Bought],
    campaigns: Sequence[Campaign],
    recorded: Recorded,
    panels: Mapping[str, Panel],
    at: datetime,
    *,
    force: bool,
) -> list[Checked]:
    """What speaks against each order, in ceil(n/100) status calls. Raises `PanelUnreachable` and `KeyRejected`.

    `force` lets pass what does not fit, never an order id that is ours already or an order that was bought already.
    """
    obstacles = Obstacles(campaigns, recorded)
    found: dict[int, Checked] = {}
    asking: dict[str, dict[str, int]] = {}  # panel -> order id -> position
    forced: dict[int, str] = {}
    for position, bought in enumerate(wanted):
        obstacle = obstacles.of(bought)
        if obstacle is None or (obstacle.can_be_forced and force):
            asking.setdefault(bought.panel, {})[bought.order_id] = position
            forced[position] = "" if obstacle is None else obstacle.message
        elif obstacle.message:
            found[position] = Checked(bought, Imported.HELD, obstacle.message, not obstacle.can_be_forced)
        else:
            found[position] = Checked(bought, Imported.ALREADY)
    for name, ids in asking.items():
        panel = panels[name]
        catalogue = await _catalogue(panel, recorded, at)
        answers = await _statuses(panel, ids, at)
        for position in ids.values():
            seen = answers.get(position)
            found[position] = _judged(wanted[position], seen, catalogue, panel.profile, forced[position], force=force)
    return [found[position] for position in range(len(wanted))]


async def _catalogue(panel: Panel, recorded: Recorded, at: datetime) -> Catalogue | None:
    """The present price list, or the one that is remembered where it can't be read. It is not recorded: this is no look."""
    try:
        return await panel.services(at)
    except PanelUnreachable:
        return recorded.catalogues.get(panel.profile.name)


async def _statuses(panel: Panel, ids: Mapping[str, int], at: datetime) -> dict[int, StatusSeen]:
    """What the panel says, by position; positions stand in for the ids of attempts that are not there yet."""
    found: dict[int, StatusSeen] = {}
    batches = in_batches(ids.items(), BATCH)

    async def work() -> None:
        for batch in batches:  # one iterator shared by all workers
            found.update({seen.attempt_id: seen for seen in await panel.statuses(dict(batch), at)})

    await asyncio.gather(*(work() for _ in range(panel.profile.parallel_read)))
    return found


def _judged(
    bought: Bought,
    seen: StatusSeen | None,
    catalogue: Catalogue | None,
    profile: PanelProfile,
    forced: str,
    *,
    force: bool,
) -> Checked:
    order = bought.order
    service = None if catalogue is None else catalogue.services.get(order.service)
    rate = None if service is None else service.rate
    expected = None if rate is None else charge_for(order.service, rate, order.units, profile)
    misfits = misfits_of(bought.order_id, seen, expected, order.units)
    charge = None if seen is None else seen.charge
    if expected is None and not charge and not (seen is None or seen.error):
        misfits.append(f"neither a price of service {order.service} nor a charge is known")
    if misfits and not force:
        return Checked(bought, Imported.HELD, "; ".join(misfits))
    if charge and charge > ZERO and (misfits or expected is None):
        # What it did cost is its price: else it would speak against the price of every later order of the service.
        rate, expected = charge * PER / order.units / profile.charge_factor(order.service), charge
    attempt = NewAttempt(
        campaign=order.campaign,
        order_id=order.id,
        kind=AttemptKind.INITIAL,
        slot=0,
        panel=bought.panel,
        service=order.service,
        link=order.link,
        quantity=order.quantity,
        runs=order.runs,
        interval=order.interval,
        rate=rate or ZERO,
        expected_charge=expected or ZERO,
    )
    told = None if seen is None or seen.error else seen
    return Checked(bought, Imported.WOULD, "; ".join(filter(None, [forced, *misfits])), attempt=attempt, seen=told)


async def record(
    journal: Journal, run_id: str, checked: Sequence[Checked], signed: Signed, balances: Mapping[str, Balance]
) -> int:
    """Record those that fit, as a run of its own; return how many. `balances` are what the panels held just before.

    Raises StateRefused if one was taken meanwhile; those recorded before it stay, and the same call again does the rest.
    """
    number = 0
    async with run_of_its_own(journal, run_id, "import", signed.at):
        fitting = [one for one in checked if one.outcome is Imported.WOULD]
        before = await journal.recorded()
        for batch in in_batches(fitting, BATCH):
            ids = await asyncio.gather(*(_import(journal, run_id, one, signed) for one in batch))
            seen = [one.seen._replace(attempt_id=id_) for one, id_ in zip(batch, ids, strict=True) if one.seen]
            if seen:
                await journal.record(SeeStatuses(seen))
            number += len(batch)
        await _explain(journal, before, fitting, signed, balances)
    return number


async def _import(journal: Journal, run_id: str, one: Checked, signed: Signed) -> int:
    if one.attempt is None:
        raise AssertionError("only what fits is recorded")
    message = signed.message(one.message)
    return await journal.record(Import(one.attempt, one.bought.order_id, message, run_id, signed.at))


async def _explain(
    journal: Journal, before: Recorded, fitting: Sequence[Checked], signed: Signed, balances: Mapping[str, Balance]
) -> None:
    """Label the money of orders that were bought before the runner first read the balance.

    Otherwise it would show as unexplained: the balance never showed it, and the import brings it into the books. What
    was bought since the first look is explained by the import itself.
    """
    owed: dict[str, Decimal] = {}  # by panel, what was paid for before
    for panel, balance in balances.items():
        number = (before.last_balances[panel].number or 0) + 1
        now = BalanceSeen(panel=panel, balance=balance, seen_at=signed.at, number=number)
        missing = make_ledger(_looked(before, now), panels=(panel,)).accounts[0].unexplained
        charges = sum((one.seen.charge or ZERO for one in fitting if one.seen and one.bought.panel == panel), ZERO)
        await journal.record(SeeBalance(now))
        if missing is not None and (amount := charges - max(missing, ZERO)) > ZERO:
            owed[panel] = amount
    looks = (await journal.recorded()).last_balances if owed else {}
    for panel, amount in owed.items():
        last = looks[panel]
        label = BalanceLabel(
            panel=panel,
            text=_BEFORE,
            amount=amount,
            currency=balances[panel].currency,
            reading=last.number or 0,
            seen_at=last.seen_at,
            user=signed.user,
            host=signed.host,
            at=signed.at,
        )
        await journal.record(LabelBalance(label))


def _looked(recorded: Recorded, now: BalanceSeen) -> Recorded:
    return replace(recorded, last_balances={**recorded.last_balances, now.panel: now})
