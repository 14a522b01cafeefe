"""What must hold of the money, judged by what the panel took and not by what anybody expected.

A panel tells a charge only after it took it. So an order may cost more than its cap allows if it was on its way before the first
wrong charge of its service could be read: that is the *slack* of a run, and the window bounds it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from runner.core.attempts import AttemptState
from runner.core.errors import ExitCode
from runner.core.orders import Campaign, OnShort
from runner.planning.guards.send_window import FIRST, GROWTH
from tests.crash.harness import RunEnd, World
from tests.crash.money_world import MoneyPanel, Move, wrong
from tests.crash.promises import BrokenPromise

READ_AGAIN = 600.0  # seconds, after which a run reads the price list again
_ON_THE_WAY = 0.3  # seconds between an answer and the last order that was marked before it was read, at the usual pace
_LOUD = frozenset({ExitCode.PARTLY, ExitCode.IN_DOUBT, ExitCode.INTERRUPTED, ExitCode.GUARD, None})


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyRun:
    """One run, and what the panel sold in it."""

    end: RunEnd
    began: float
    before: frozenset[Move]  # what had happened before it began
    first: int  # index of the first order sold in it
    last: int  # one behind the last
    max_cost: Decimal | None
    wrong_before: frozenset[str]  # services of which an order took too much that was recorded as placed before it began


def check_money(world: World, wanted: Campaign, runs: Sequence[MoneyRun]) -> None:
    """Everything, after the last of `runs`; raises `BrokenPromise`."""
    panel = world.panel
    assert isinstance(panel, MoneyPanel)

    def expect(holds: object, promise: str) -> None:
        if not holds:
            told = "\n".join(f"  {one.end.code} {one.first}-{one.last} {sorted(one.before)}" for one in runs)
            raise BrokenPromise(f"{promise} (seed {world.seed}, moves {panel.moves})\n{told}")

    for run in runs:
        _check_window(panel, run, expect)
        _check_evidence(world, panel, run, expect)
        _check_late_lists(panel, run, expect)
        _check_end(panel, run, expect)
    _check_caps(panel, wanted, runs, expect)
    if Move.HIDES_ALL in panel.moves.get(1, ()):  # what an earlier run has bought is out as well
        doubts = sum(one.state is AttemptState.IN_DOUBT for one in world.attempts())  # people look at these anyway
        expect(len(panel.sold) <= FIRST + doubts, "orders of earlier runs that nothing confirms are not forgotten")
    if wanted.policy.on_partial is OnShort.REORDER:
        listed = {order.link: order.units for order in wanted.orders}
        sold: dict[str, int] = {}
        for order in panel.sold:
            returned = order.remains if order.status == "Canceled" else 0  # named, and so it may be bought again
            sold[order.link] = sold.get(order.link, 0) + order.quantity - returned
        expect(all(sold[link] <= listed[link] for link in sold), "nothing is bought again on units nobody named")


def slack(panel: MoneyPanel, run: MoneyRun) -> Decimal:
    """What the orders of a run took beyond the expected, as far as nobody could know: see the module's docstring."""
    grace = _ON_THE_WAY + panel.delay("add")
    orders = list(zip(panel.sold, panel.times, strict=True))[run.first : run.last]
    known: dict[str, float] = {}
    for order, _ in orders:
        if order.id in panel.revealed:
            known[order.service] = min(known.get(order.service, float("inf")), panel.revealed[order.id])
    return sum(
        (
            max(order.charge - panel.expected[order.id], Decimal(0))
            for order, at in orders
            if at <= known.get(order.service, float("inf")) + grace
        ),
        Decimal(0),
    )


def _check_window(panel: MoneyPanel, run: MoneyRun, expect: Callable[[object, str], None]) -> None:
    orders = panel.sold[run.first : run.last]
    bad = [place for place, order in enumerate(orders) if wrong(panel, order)]
    if Move.CORRECTS in panel.on:
        return  # what was right when it was bought is wrong now
    if bad:
        most = 2 * FIRST + GROWTH * bad[0]  # a second service may be tried before the panel is given up
        expect(len(bad) <= most, f"{len(bad)} orders charged too much after {bad[0]} right ones, {most} at the most")
    for order, at in zip(orders, panel.times[run.first : run.last], strict=True):
        told = [
            panel.revealed[other.id]
            for other in orders
            if other.service == order.service and wrong(panel, other) and other.id in panel.revealed
        ]
        grace = _ON_THE_WAY + panel.delay("add")
        expect(
            not told or at <= min(told) + grace, "nothing more of a service once a charge of it was read as too high"
        )
    if Move.HIDES_ALL in run.before:
        expect(len(orders) <= FIRST, "no more than the first orders are out where nothing is confirmed")


def _check_evidence(world: World, panel: MoneyPanel, run: MoneyRun, expect: Callable[[object, str], None]) -> None:
    orders, times = panel.sold[run.first : run.last], panel.times[run.first : run.last]
    if not orders:
        return
    read = [look.at for look in panel.looks if run.began <= look.at <= times[0]]
    expect(read, "nothing is bought by a price list that this run has not read")
    if panel.sold_before_switch:
        expect(Move.SWITCHES not in run.before, "nothing is bought in a currency that nobody agreed to")
    if run.first and world.exclusive and not {Move.DEPOSIT, Move.HIDES_ALL} & run.before:
        expect(Move.OTHERS_SPEND not in run.before, "nothing is bought while money is gone that is nobody's")
    if not {Move.HIDES, Move.HIDES_ALL} & panel.on:
        for order in orders:
            expect(order.service not in run.wrong_before, "no later run buys what was charged too much")


def _check_late_lists(panel: MoneyPanel, run: MoneyRun, expect: Callable[[object, str], None]) -> None:
    """What a long run buys after the list has changed under it."""
    late = READ_AGAIN + 2 * panel.delay("add") + 1.0
    for order, at in zip(panel.sold[run.first : run.last], panel.times[run.first : run.last], strict=True):
        for since, services in panel.relisted:
            is_of_this_run = since >= run.began
            expect(
                not is_of_this_run or order.service not in services or at <= since + late,
                "a long run reads the price list again",
            )


def _check_end(panel: MoneyPanel, run: MoneyRun, expect: Callable[[object, str], None]) -> None:
    orders = panel.sold[run.first : run.last]
    told = [order for order in orders if wrong(panel, order) and order.id in panel.revealed]
    if told and Move.CORRECTS not in panel.on:
        expect(run.end.code in _LOUD, "a run in which a charge was too high does not end as if all were well")


def _check_caps(
    panel: MoneyPanel, wanted: Campaign, runs: Sequence[MoneyRun], expect: Callable[[object, str], None]
) -> None:
    total, per_run = wanted.budget.total, wanted.budget.per_run
    beyond = sum((slack(panel, run) for run in runs), Decimal(0))
    if Move.CORRECTS in panel.on:
        return  # nobody can bound what a panel takes for orders of long ago; later runs are checked by the others
    if total is not None:
        expect(
            panel.taken <= total + beyond, f"{panel.taken} was taken of a budget of {total}, {beyond} of it unforeseen"
        )
    for run in runs:
        taken = sum((order.charge for order in panel.sold[run.first : run.last]), Decimal(0))
        caps = [cap for cap in (per_run, run.max_cost) if cap is not None]
        if run.end.result is not None and run.end.result.plan.cost is not None:
            caps.append(run.end.result.plan.cost)
        for cap in caps:
            expect(taken <= cap + slack(panel, run), f"a run took {taken} of {cap}")
