"""The invariants of the design, over everything the panel sold, took and paid back, and everything the state holds."""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from runner.core.attempts import OPEN_STATES, Attempt, AttemptKind, AttemptState, LiveStatus
from runner.core.errors import ExitCode
from runner.core.orders import Campaign, OnChange, OnShort, Policy, RefillPolicy, RefillWhen
from runner.core.refills import Refill, RefillState
from runner.core.snapshot import Recorded
from runner.core.values.clock import from_text, to_text
from runner.planning.accounting.ledger import make_ledger
from runner.store.read.snapshot import read_state
from tests.crash.books import DELIVERY
from tests.crash.harness import RunEnd, World
from tests.crash.upkeep_world import Asked
from tests.crash.world import Fault

Expect = Callable[[object, str], None]

_ENDS = {
    "Completed": LiveStatus.COMPLETED,
    "Partial": LiveStatus.PARTIAL,
    "Canceled": LiveStatus.CANCELED,
}
_SHORT = frozenset({"Partial", "Canceled"})
MOST = 2000  # units of an order that any history ever lists
_ON_ITS_WAY = timedelta(minutes=1)
_REFILL_ENDS = {RefillState.COMPLETED: "Completed", RefillState.REJECTED: "Rejected"}


class BrokenPromise(AssertionError):
    """An invariant does not hold; says which, and the history that broke it."""


def check(
    world: World, wanted: Campaign, ends: Sequence[RunEnd], wronged: Collection[str] = (), *, is_honest: bool = True
) -> None:
    """All that must hold after any run and any crash; raises `BrokenPromise`.

    `wronged`: links about which a person told the runner what is not true. A panel that `is_honest` takes what it lists, and
    pays back what it says; `money_promises` are for others.
    """

    def expect(holds: object, promise: str) -> None:
        if not holds:
            history = "\n".join(
                f"  {end.command} {n}: {' | '.join(end.trace)} -> {end.code}" for n, end in enumerate(ends, 1)
            )
            faults = f"faults {world.faults}, upkeep faults {world.upkeep_faults}"
            raise BrokenPromise(f"{promise} (seed {world.seed}, {faults})\n{history}")

    world.panel.bring_up_to_date()
    recorded = world.recorded()
    attempts = [attempt for attempts in recorded.attempts.values() for attempt in attempts]
    _check_orders(world, attempts, wronged, expect)
    _check_parts(world, wanted.policy, recorded, wronged, expect)
    _check_ends(ends, expect)
    if is_honest:
        _check_money(world, wanted, recorded, ends, wronged, expect)
    _check_refills(world, wanted.policy.refill, recorded, expect)


def check_recovered(world: World, wanted: Campaign, ends: Sequence[RunEnd], wronged: Collection[str] = ()) -> None:
    """As `check`, after a run that came to its end: nothing is left half done."""

    def expect(holds: object, promise: str) -> None:
        if not holds:
            raise BrokenPromise(f"{promise} (seed {world.seed})\n  {' | '.join(ends[-1].trace)}")

    check(world, wanted, ends, wronged)
    as_written = read_state(world.paths)
    expect(
        all(one.state is not RefillState.ASKING for several in as_written.refills.values() for one in several),
        "no request for a refill is left open after a recovery",
    )
    expect(
        all(one.state is not AttemptState.SENDING for several in as_written.attempts.values() for one in several),
        "no mark is left open after a recovery",
    )


def _check_orders(world: World, attempts: Sequence[Attempt], wronged: Collection[str], expect: Expect) -> None:
    links = [order.link for order in world.panel.sold]
    judged = [link for link in links if link not in wronged]
    slots = Counter(attempt.link for attempt in attempts if attempt.state in OPEN_STATES)
    expect(Counter(judged) <= slots, "at most one panel order for an attempt")
    expect(not world.unmarked_sends, "no send before its mark is durable")
    known = {attempt.panel_order_id for attempt in attempts if attempt.state is AttemptState.PLACED}
    doubtful = {attempt.link for attempt in attempts if attempt.state is AttemptState.IN_DOUBT}
    abandoned = {attempt.link for attempt in attempts if attempt.state is AttemptState.ABANDONED}
    # A panel that answers with another order's id, before we know that id as ours, can't be seen through at once: then
    # the mix-up must at least have left a doubt, which stops the panel and brings a person to its order page.
    lied = Fault.OLD_ID in world.faults.values() and doubtful
    for order in world.panel.sold:
        told = order.link in doubtful or order.link in abandoned or order.link in wronged
        expect(order.id in known or told or lied, "every panel order is linked or in doubt")
    sold = {order.id: order for order in world.panel.sold}
    for attempt in attempts:
        expect(attempt.state is not AttemptState.SENDING, "no mark is left open once nobody runs")
        if attempt.state is AttemptState.PLACED:
            expect(attempt.panel_order_id in sold, "what is placed exists on the panel")
            if attempt.is_final:
                status = sold[str(attempt.panel_order_id)].status
                expect(attempt.status is _ENDS.get(status), "only the panel's status ends an order")
    by_link: dict[str, set[AttemptState]] = {}
    for attempt in attempts:
        by_link.setdefault(attempt.link, set()).add(attempt.state)
    for link, states in by_link.items():
        if states <= {AttemptState.REFUSED, AttemptState.NOT_SENT}:
            expect(link not in judged, "refused and not sent mean that nothing was bought")


def _check_parts(world: World, policy: Policy, recorded: Recorded, wronged: Collection[str], expect: Expect) -> None:
    """Of an order no more is bought than its policy says, and one thing after the other."""
    sold = {order.id: order for order in world.panel.sold}
    for (_, order_id), attempts in recorded.attempts.items():
        bought = [one for one in attempts if one.state in OPEN_STATES]
        if not bought or bought[0].link in wronged:
            continue
        kinds = Counter(one.kind for one in bought)
        expect(kinds[AttemptKind.INITIAL] <= 1, "an order is bought whole once")
        placed = [sold[one.panel_order_id] for one in bought if one.panel_order_id in sold]
        short = sum(one.status in _SHORT and one.cancel_at is None for one in placed)
        is_reordered = policy.on_partial is OnShort.REORDER
        expect(kinds[AttemptKind.REORDER] <= short * is_reordered, "each short delivery is bought again at most once")
        if policy.on_change is not OnChange.REPLACE:
            listed = sum(one.units for one in bought if one.kind is not AttemptKind.REORDER)
            most = MOST if policy.on_change is OnChange.TOP_UP else bought[0].units
            expect(listed <= most, "no more units than were ever listed")
            expect(not kinds[AttemptKind.REPLACEMENT], "nothing is replaced unasked")
        if all(one.state is AttemptState.PLACED for one in bought):
            here = sorted((one for one in world.panel.sold if one.link == bought[0].link), key=lambda one: one.ends_at)
            expect(
                all(former.ended_at <= later.ends_at - DELIVERY for former, later in pairwise(here)),
                f"nothing more is bought of {order_id} while the panel works on it",
            )


def _check_ends(ends: Sequence[RunEnd], expect: Expect) -> None:
    for end in ends:
        if end.command in ("cancel", "prune"):
            expect(not any(call.startswith("send add") for call in end.trace), "a cancellation buys nothing")
        if end.result is not None:
            refused = end.result.plan.exit_code is not ExitCode.OK  # 10 and 11 win: nothing was sent at all
            expect(
                refused or (end.code is ExitCode.IN_DOUBT) == (end.result.in_doubt > 0), "the exit code tells of doubts"
            )


def _check_money(
    world: World,
    wanted: Campaign,
    recorded: Recorded,
    ends: Sequence[RunEnd],
    wronged: Collection[str],
    expect: Expect,
) -> None:
    panel = world.panel
    taken = sum((order.kept for order in panel.sold), Decimal(0))
    paid_back = sum((order.refund for order in panel.sold), Decimal(0))
    expect(panel.funds == panel.opening - taken, "the panel's books add up")
    expect(taken <= (wanted.budget.total or taken), "nothing beyond the budget")
    if wronged:
        return
    ledgers = [make_ledger(recorded)]
    if ends and ends[-1].result is not None:
        ledgers.append(ends[-1].result.report)
    for ledger in ledgers:
        if ledger.spent is not None:
            held = ledger.spent + (ledger.reserved or 0) + (ledger.in_doubt or 0)
            expect(held >= taken, "spent, reserved and in doubt cover what the panel took")
            expect((ledger.refunded or 0) <= paid_back, "no refund is booked that the panel did not pay")
    ledger = ledgers[0]
    attempts = [attempt for attempts in recorded.attempts.values() for attempt in attempts]
    bought = [one for one in attempts if one.state not in {AttemptState.REFUSED, AttemptState.NOT_SENT}]
    if bought and all(attempt.is_final for attempt in bought):
        expect(ledger.spent == taken, "once all is final, what is spent is what the panel took")
        if ledger.balance == panel.funds:  # asked for after the last refund
            expect(ledger.unexplained == 0, "once all is final, nothing is unexplained")


def _check_refills(world: World, policy: RefillPolicy, recorded: Recorded, expect: Expect) -> None:
    expect(not world.unmarked_refills, "no refill is asked for before its request is durable")
    owners = {
        attempt.panel_order_id: attempt
        for attempts in recorded.attempts.values()
        for attempt in attempts
        if attempt.state is AttemptState.PLACED
    }
    asked: dict[str, list[Asked]] = {}
    for one in world.panel.upkeep.asked:
        asked.setdefault(one.order_id, []).append(one)
    expect(not asked or policy.when is not RefillWhen.NEVER, "no refill is asked for that nobody wants")
    for order_id, wishes in asked.items():
        expect(len(wishes) <= policy.max, "no more refills of an order than the policy's max")
        expect(
            all(later.at - sooner.at >= policy.every for sooner, later in pairwise(wishes)),
            "no two requests for refills of an order within the policy's interval",
        )
        expect(order_id in owners, "refills are asked for known orders only")
        for wish in wishes:
            _check_refill(world, wish, recorded.refills.get(owners[order_id].id, ()), expect)
    for records in recorded.refills.values():
        for record in records:
            if record.state in _REFILL_ENDS:
                told = world.panel.upkeep.status_of(str(record.refill_id))
                expect(told == _REFILL_ENDS[record.state], "only the panel ends a refill")


def _check_refill(world: World, wish: Asked, records: Sequence[Refill], expect: Expect) -> None:
    """One request that the panel looked at must be told by exactly one record."""
    at = from_text(to_text(wish.at))  # the state knows milliseconds
    telling = [one for one in records if one.asked_at <= at <= _told_until(one, at)]
    expect(len(telling) == 1, "each refill asked for has its record")
    (record,) = telling
    expect(record.state is not RefillState.NOT_SENT, "what the panel has looked at was not called unsent")
    if wish.refill_id is not None:
        expect(record.state is not RefillState.REFUSED, "no refill that the panel took is called refused")
        expect(record.refill_id in {None, wish.refill_id}, "a refill goes by the panel's id")
        if record.refill_id is None:
            expect(record.state is RefillState.UNKNOWN, "a refill without an id is unknown")


def _told_until(record: Refill, at: datetime) -> datetime:
    """Until when a look of the panel's can be of a request: one that a later run gave up may still be on its way then."""
    if record.answered_at is None:
        return at
    return record.answered_at + (_ON_ITS_WAY if record.state is RefillState.UNKNOWN else timedelta())
