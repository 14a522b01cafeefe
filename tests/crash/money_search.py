"""Histories in which money moves: told ones for each kind of move, and random ones with crashes and signals between."""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from runner.core.orders import Budget, Campaign, OnShort, Policy
from tests.crash.harness import World, campaign
from tests.crash.money_promises import MoneyRun, check_money
from tests.crash.money_world import MoneyPanel, Move, wrong
from tests.crash.promises import check
from tests.crash.search import Tally
from tests.crash.world import When

Moves = Mapping[int, Sequence[Move]]
BUDGET = Budget(total=Decimal("40.00"), per_run=Decimal("30.00"))
CENTS = Budget(total=Decimal("0.10"), per_run=Decimal("0.10"))
SHORT = Policy(on_partial=OnShort.REORDER, on_canceled=OnShort.REORDER, max_reorders=8)
_WAIT = 1.0  # seconds between two runs
_UNSETTLED = frozenset({Move.CLAIMS_REFUNDS, Move.PAYS_REFUNDS, Move.CALLS_PARTIAL, Move.CORRECTS})


class MoneySearch:
    """Histories over one template state; every one is checked after each of its runs."""

    def __init__(self, folder: Path, template: Path, **world: Any) -> None:
        self._folder = folder
        self._template = template
        self._world = world
        self.tally = Tally()
        self.moves: Counter[Move] = Counter()

    def history(
        self,
        seed: int,
        moves: Moves,
        *,
        orders: int = 16,
        quantity: int = 1000,
        budget: Budget = BUDGET,
        policy: Policy | None = None,
        between: Sequence[Move] = (),
        exclusive: bool = False,
        cut: tuple[int, When] | None = None,
        stop_after: float | None = None,
        max_cost: Decimal | None = None,
        runs: int = 3,
        grows: bool = True,
    ) -> list[MoneyRun]:
        """Runs over a list that `grows` by half from run to run; `between` happens after the first of them."""
        world = World(
            self._folder, self._template, seed=seed, panel_type=MoneyPanel, exclusive=exclusive, **self._world
        )
        panel = world.panel
        assert isinstance(panel, MoneyPanel)
        panel.moves = moves
        done: list[MoneyRun] = []
        for number in range(runs):
            wanted = _listed(orders + grows * number * orders // 2, quantity, budget, policy)
            first, began, before = len(panel.sold), world.clock.monotonic(), frozenset(panel.on)
            known = {one.panel_order_id for one in world.attempts()} if number else set()
            too_dear = frozenset(order.service for order in panel.sold if order.id in known and wrong(panel, order))
            at, when = cut if cut is not None and number == 0 else (None, When.BEFORE)
            signal = stop_after if number == 0 else None
            end = world.run(wanted, at, when, stop_after=signal, max_cost=max_cost)
            done.append(
                MoneyRun(
                    end=end,
                    began=began,
                    before=before,
                    first=first,
                    last=len(panel.sold),
                    max_cost=max_cost,
                    wrong_before=too_dear,
                )
            )
            if not _UNSETTLED & panel.on:
                check(world, wanted, [one.end for one in done], is_honest=False)
            check_money(world, wanted, done)
            self.tally.runs += 1
            self.tally.crashes += end.code is None
            for move in between if number == 0 else ():
                panel.begin(move)
            world.clock.wait_until(world.clock.monotonic() + _WAIT)
        self.tally.histories += 1
        self.moves.update(move for several in moves.values() for move in several)
        self.moves.update(between)
        return done

    def told(self) -> None:
        """One history for each kind of move, at its most telling place; and what two of them do together."""
        for at in (1, 2, 6, 12):
            for move in (Move.DEARER, Move.CHARGES_MORE):
                self.history(at, {at: [move]})
                self.history(at, {at: [move], 1: [Move.LOOKS_SLOWLY]} if at > 1 else {1: [move, Move.LOOKS_SLOWLY]})
                self.history(at, {1: [Move.HIDES], at + 1: [move]})
            self.history(at, {at: [Move.HALF_MORE]}, budget=Budget())
        self.history(12, {12: [Move.HALF_MORE]}, orders=60, budget=Budget(), runs=1)
        self.history(1, {1: [Move.CHARGES_MORE]}, budget=Budget(total=Decimal("20.00")))
        tight = Decimal("14.40")  # sixteen orders at the listed price
        self.history(1, {1: [Move.A_LITTLE_MORE]}, budget=Budget(total=tight), grows=False)
        self.history(1, {1: [Move.A_LITTLE_MORE]}, budget=Budget(), max_cost=tight)
        self.history(
            1, {1: [Move.A_LITTLE_MORE]}, orders=120, quantity=500, budget=Budget(total=Decimal("81.02")), runs=2
        )
        self.history(
            1, {1: [Move.A_LITTLE_MORE]}, orders=100, quantity=500, budget=Budget(total=Decimal("45.00")), runs=1
        )
        for at in (1, 5):
            self.history(2, {at: [Move.ROUNDS_UP]}, orders=14, quantity=7, budget=CENTS)
            self.history(3, {1: [Move.HIDES], at + 1: [Move.ROUNDS_UP]}, orders=14, quantity=7, budget=CENTS)
            self.history(4, {at: [Move.ROUNDS_UP]}, orders=14, quantity=7, budget=Budget(), max_cost=Decimal("0.09"))
        self.history(3, {1: [Move.HIDES_ALL]})
        self.history(4, {1: [Move.HIDES_ALL, Move.CHARGES_MORE]})
        self.history(4, {1: [Move.HIDES]})
        self.history(5, {}, orders=8, between=[Move.CORRECTS])
        self.history(5, {}, orders=8, between=[Move.CORRECTS], budget=Budget())
        for move in (Move.HIDES_LIST, Move.BENDS_LIST):
            self.history(6, {}, orders=8, between=[move, Move.CHARGES_MORE])
            self.history(6, {}, orders=8, between=[move])
        self.history(7, {}, orders=8, between=[Move.SWITCHES])
        self.history(8, {}, orders=8, between=[Move.OTHERS_SPEND], exclusive=True)
        few = Budget(total=Decimal("7.20"))
        self.history(9, {}, orders=8, between=[Move.CLAIMS_REFUNDS], budget=few, policy=SHORT, grows=False)
        self.history(
            9, {}, orders=8, between=[Move.CLAIMS_REFUNDS, Move.DEPOSIT], budget=few, policy=SHORT, grows=False
        )
        self.history(10, {}, orders=8, between=[Move.PAYS_REFUNDS], budget=few, policy=SHORT, grows=False)
        self.history(11, {}, orders=8, between=[Move.CALLS_PARTIAL], policy=SHORT, grows=False)
        self.history(12, {1: [Move.SELLS_SLOWLY], 6: [Move.LISTS_MORE]}, orders=28, runs=1)
        self.history(13, {1: [Move.SELLS_SLOWLY], 6: [Move.DROPS_SERVICE]}, orders=28, runs=1)

    def short(self) -> None:
        """The search for planted bugs."""
        self.told()
        self.random_histories(range(20))

    def random_histories(self, seeds: range) -> None:
        """Up to three moves anywhere in the first run, one between the runs, a crash or a signal in every second history."""
        for seed in seeds:
            chance = random.Random(seed)
            moves: dict[int, list[Move]] = {}
            for _ in range(chance.randint(1, 3)):
                moves.setdefault(chance.randint(1, 14), []).append(chance.choice(_IN_A_RUN))
            cut = (chance.randrange(60), chance.choice(list(When))) if chance.random() < 0.3 else None
            self.history(
                seed,
                moves,
                orders=chance.choice((6, 12, 20)),
                budget=chance.choice((BUDGET, Budget(total=Decimal("12.00")), Budget(per_run=Decimal("9.00")))),
                between=[chance.choice(_BETWEEN)] if chance.random() < 0.5 else [],
                exclusive=chance.random() < 0.5,
                cut=cut,
                stop_after=chance.uniform(0, 0.6) if cut is None and chance.random() < 0.4 else None,
                max_cost=Decimal("15.00") if chance.random() < 0.3 else None,
            )


_IN_A_RUN = (
    Move.DEARER,
    Move.CHARGES_MORE,
    Move.HALF_MORE,
    Move.A_LITTLE_MORE,
    Move.LISTS_MORE,
    Move.HIDES,
    Move.HIDES_ALL,
    Move.OTHERS_SPEND,
    Move.DEPOSIT,
    Move.SWITCHES,
    Move.HIDES_LIST,
    Move.LOOKS_SLOWLY,
)
_BETWEEN = (
    Move.DEARER,
    Move.CHARGES_MORE,
    Move.CORRECTS,
    Move.OTHERS_SPEND,
    Move.DEPOSIT,
    Move.SWITCHES,
    Move.HIDES_LIST,
    Move.BENDS_LIST,
    Move.DROPS_SERVICE,
)


def _listed(orders: int, quantity: int, budget: Budget, policy: Policy | None) -> Campaign:
    return replace(campaign(orders, quantity=quantity, budget=None, policy=policy), budget=budget)
