"""The books against a panel that keeps its own: whatever happens in whatever order, they add up to the balance."""

from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

from hypothesis import example, given, settings
from hypothesis import strategies as st

from runner.core.attempts import Attempt, AttemptState, LiveStatus
from runner.core.catalogue import Balance, BalanceLabel, BalanceSeen
from runner.core.snapshot import Recorded
from runner.planning.accounting.ledger import make_ledger
from tests.planning.builders import NOW, D, an_attempt, an_order

UNITS = 1000
ZERO, DEPOSIT = D(0), D(1000)
CURRENCIES = {"us": "USD", "eu": "EUR"}


@dataclass
class Bought:
    """What the panel itself knows of one order."""

    price: Decimal
    exists: bool  # the panel took the money
    told: bool = False  # its charge was seen
    back: Decimal = ZERO  # what it owes or has paid back
    is_paid_back: bool = False
    rewrites: bool = True  # its charge is rewritten when money goes back


@dataclass
class Account:
    """One panel's account, kept by the panel."""

    balance: Decimal = DEPOSIT
    others: Decimal = ZERO  # spent by somebody else
    topped_up: Decimal = ZERO
    labelled: Decimal = ZERO
    orders: list[Bought] = field(default_factory=list)


class World:
    """Accounts on two panels in two currencies, and what a runner has recorded of them."""

    def __init__(self) -> None:
        self.accounts = {panel: Account() for panel in CURRENCIES}
        self.attempts: list[Attempt] = []
        self.bought: dict[int, Bought] = {}
        self.readings: list[BalanceSeen] = []
        self.labels: list[BalanceLabel] = []
        self.now = NOW
        for panel in CURRENCIES:
            self.look(panel)

    def look(self, panel: str) -> None:
        self.readings.append(
            BalanceSeen(
                panel=panel,
                balance=Balance(amount=self.accounts[panel].balance, currency=CURRENCIES[panel]),
                seen_at=self.now,
                number=len(self.readings) + 1,
                last_attempt=len(self.attempts),
            )
        )

    def mark(self, panel: str, dimes: int, outcome: AttemptState, *, executed: bool, rewrites: bool) -> None:
        price = D(dimes) / 10
        number = len(self.attempts) + 1
        exists = outcome is AttemptState.PLACED or (outcome is AttemptState.IN_DOUBT and executed)
        order = an_order(f"o{number}", quantity=UNITS)
        attempt = an_attempt(order, outcome, rate=str(price), id=number, panel=panel, marked_at=self.now)
        self.attempts.append(attempt)
        self.bought[number] = bought = Bought(price, exists, rewrites=rewrites)
        self.accounts[panel].orders.append(bought)
        if exists:
            self.accounts[panel].balance -= price

    def tell(self, number: int) -> None:
        """The panel tells how an order stands; the runner keeps the first and the latest charge."""
        attempt, bought = self.attempts[number - 1], self.bought[number]
        if attempt.state is not AttemptState.PLACED:
            return
        bought.told = True
        charge = bought.price - (bought.back if bought.rewrites else 0)
        status, remains = LiveStatus.IN_PROGRESS, UNITS
        if bought.back:
            status = LiveStatus.CANCELED if bought.back == bought.price else LiveStatus.PARTIAL
            remains = int(UNITS * bought.back / bought.price)
        first = attempt.first_charge or (charge or None)
        self.attempts[number - 1] = attempt._replace(
            charge=charge, first_charge=first, status=status, remains=remains, checked_at=self.now
        )

    def end_short(self, number: int, tenths: int, *, pays: bool) -> None:
        """The panel gives a part of the price back, now or never. It was told what it cost before."""
        bought, attempt = self.bought[number], self.attempts[number - 1]
        if bought.back or attempt.state is not AttemptState.PLACED:
            return
        self.tell(number)
        bought.back = bought.price * tenths / 10
        bought.is_paid_back = pays
        if pays:
            self.accounts[attempt.panel].balance += bought.back

    def move(self, panel: str, amount: Decimal, *, labelled: bool) -> None:
        """Somebody tops up (or spends, by a negative amount); perhaps it is labelled at the next look."""
        account = self.accounts[panel]
        account.balance += amount
        if amount > 0:
            account.topped_up += amount
        else:
            account.others -= amount
        if labelled:
            self.look(panel)
            account.labelled += amount
            last = self.readings[-1]
            self.labels.append(
                BalanceLabel(
                    panel, "x", amount, CURRENCIES[panel], last.number or 0, last.seen_at, "anna", "here", self.now
                )
            )

    def recorded(self) -> Recorded:
        for panel in CURRENCIES:
            self.look(panel)
        first = {seen.panel: seen for seen in reversed(self.readings)}
        last = {seen.panel: seen for seen in self.readings}
        attempts = {(one.campaign, one.order_id): [one] for one in self.attempts}
        return Recorded(attempts=attempts, first_balances=first, last_balances=last, labels=self.labels)


PANELS = st.sampled_from(sorted(CURRENCIES))
OUTCOMES = st.sampled_from(
    [AttemptState.PLACED] * 4 + [AttemptState.IN_DOUBT, AttemptState.REFUSED, AttemptState.NOT_SENT]
)
DIMES = st.integers(1, 500)
NUMBERS = st.integers(0, 11)  # of an order, counted round
EVENTS = st.one_of(
    st.tuples(st.just("mark"), PANELS, DIMES, OUTCOMES, st.booleans(), st.booleans()),
    st.tuples(st.just("tell"), NUMBERS),
    st.tuples(st.just("end"), NUMBERS, st.integers(1, 10), st.booleans(), st.booleans()),
    st.tuples(st.just("look"), PANELS),
    st.tuples(st.just("move"), PANELS, st.integers(-5000, 5000).filter(bool), st.booleans()),
    st.tuples(st.just("clock"), st.integers(-100, 100)),
)


def played(events) -> World:
    world = World()
    for kind, *facts in events:
        if kind == "mark":
            panel, dimes, outcome, executed, rewrites = facts
            world.mark(panel, dimes, outcome, executed=executed, rewrites=rewrites)
        elif kind in ("tell", "end") and world.attempts:
            number = facts[0] % len(world.attempts) + 1
            if kind == "end":
                world.end_short(number, facts[1], pays=facts[2])
            if kind == "tell" or facts[3]:
                world.tell(number)
        elif kind == "look":
            world.look(facts[0])
        elif kind == "move":
            world.move(facts[0], D(facts[1]) / 100, labelled=facts[2])
        elif kind == "clock":
            world.now += timedelta(hours=facts[0])  # backwards, too
    return world


def expected(world: World, panel: str) -> tuple[Decimal, ...]:
    """(spent, refunded, reserved, in doubt, unexplained) from the panel's own account."""
    spent = refunded = reserved = in_doubt = D(0)
    account = world.accounts[panel]
    unexplained = account.others - account.topped_up + account.labelled
    for attempt in world.attempts:
        bought = world.bought[attempt.id]
        if attempt.panel != panel:
            continue
        if attempt.state is AttemptState.IN_DOUBT:
            in_doubt += bought.price
            unexplained += bought.price if bought.exists else 0
        elif attempt.state is AttemptState.PLACED:
            knows_of_it = bought.back and bought.rewrites and attempt.charge == bought.price - bought.back
            if not bought.told:
                reserved += bought.price
            elif knows_of_it:
                spent += bought.price - bought.back
                refunded += bought.back
                unexplained += 0 if bought.is_paid_back else bought.back
            else:
                spent += bought.price
            if bought.is_paid_back and not knows_of_it:
                unexplained -= bought.back
    return spent, refunded, reserved, in_doubt, unexplained


@settings(max_examples=150, deadline=None)
@given(st.lists(EVENTS, max_size=30))
@example([("mark", "eu", 1, AttemptState.PLACED, False, False), ("end", 0, 10, True, False)])  # two equal looks
def test_the_books_add_up_under_any_order_of_events(events):
    world = played(events)
    ledger = make_ledger(world.recorded())
    lines = {line.name: line for line in ledger.panels}
    accounts = {account.panel: account for account in ledger.accounts}
    for panel, currency in CURRENCIES.items():
        *booked, unexplained = expected(world, panel)
        found = (
            [lines[panel].spent, lines[panel].refunded, lines[panel].reserved, lines[panel].in_doubt]
            if (panel in lines)
            else [D(0)] * 4
        )
        assert found == booked
        account = accounts[panel]
        assert (account.currency, account.balance) == (currency, world.accounts[panel].balance)
        assert (account.unexplained, account.labelled) == (unexplained, world.accounts[panel].labelled)
    assert (ledger.spent, ledger.unexplained, ledger.currency) == (None, None, None)
    for line in (*ledger.campaigns, *ledger.services, *ledger.days):
        assert line.currency in CURRENCIES.values()
    for tables in (ledger.campaigns, ledger.services, ledger.days):
        for panel, currency in CURRENCIES.items():
            total = sum((line.spent for line in tables if line.currency == currency), D(0))
            assert total == expected(world, panel)[0]


@settings(max_examples=100, deadline=None)
@given(st.lists(EVENTS, max_size=25))
def test_nothing_is_unexplained_when_nobody_else_spends_and_every_charge_is_told(events):
    """No second spender, no top-up, no lost answer, refunds paid and told: marks, looks and clock jumps alone."""
    calm = [
        (*event[:3], AttemptState.PLACED, True, True)
        if event[0] == "mark"
        else (*event[:3], True, event[4])
        if event[0] == "end"
        else event
        for event in events
        if event[0] != "move"
    ]
    world = played(calm)
    for number in range(1, len(world.attempts) + 1):
        world.tell(number)
    for account in make_ledger(world.recorded()).accounts:
        assert account.unexplained == 0
