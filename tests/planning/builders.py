"""Short ways to make campaigns, attempts and recorded states."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from runner.core.attempts import Attempt, AttemptKind, AttemptState, LiveStatus
from runner.core.catalogue import Balance, BalanceLabel, BalanceSeen, Catalogue, Service
from runner.core.orders import Budget, Campaign, KeySource, Order, PanelProfile, Policy
from runner.core.snapshot import Recorded
from runner.core.values.money import expected_charge
from runner.planning.plan import ActionKind, Plan

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
EARLIER = NOW - timedelta(days=1)
D = Decimal
LINK = "https://example.com/our-brand"


_RULES = (
    "on_change",
    "on_partial",
    "on_canceled",
    "refill",
    "max_price_increase",
    "max_new",
    "max_cancel",
    "max_reorders",
)


def an_order(order_id: str = "teaser", **changes) -> Order:
    order = Order("spring", order_id, "1", f"{LINK}/{order_id}", 1000, None, None, "campaigns/spring.yaml", 9)
    return order._replace(**changes)


def a_campaign(*orders: Order, name: str = "spring", **changes) -> Campaign:
    budget = Budget(
        **{cap: D(changes.pop(cap)) for cap in ("total", "per_run", "per_day", "keep_balance") if cap in changes}
    )
    policy = Policy(**{rule: changes.pop(rule) for rule in _RULES if rule in changes})
    campaign = Campaign(
        name=name,
        panel="sandbox",
        links=(LINK,),
        budget=budget,
        policy=policy,
        orders=[order._replace(campaign=name) for order in orders],
        moved={},
        removed=frozenset(),
        source=f"campaigns/{name}.yaml",
        digest="d" * 64,
    )
    return replace(campaign, **changes)


def an_attempt(order: Order | None = None, state: AttemptState = AttemptState.PLACED, **changes) -> Attempt:
    """An attempt of `order` as listed, bought for 0.90 per 1000, not checked yet."""
    order = order or an_order()
    rate = D(changes.pop("rate", "0.90"))
    attempt = Attempt(
        id=1,
        campaign=order.campaign,
        order_id=order.id,
        kind=AttemptKind.INITIAL,
        slot=0,
        panel="sandbox",
        service=order.service,
        link=order.link,
        quantity=order.quantity,
        runs=order.runs,
        interval=order.interval,
        rate=rate,
        expected_charge=expected_charge(rate, order.quantity, order.runs),
        state=state,
        run_id="run-1",
        marked_at=EARLIER,
        settled_at=EARLIER,
        panel_order_id="23501" if state is AttemptState.PLACED else None,
        message="",
        phase=None,
        status=LiveStatus.UNKNOWN,
        status_text="",
        first_charge=None,
        charge=None,
        start_count=None,
        remains=None,
        checked_at=None,
        missing_in_a_row=0,
    )
    return attempt._replace(**changes)


def live(order: Order | None = None, **changes) -> Attempt:
    return an_attempt(order, **{"status": LiveStatus.IN_PROGRESS} | changes)


def done(order: Order | None = None, **changes) -> Attempt:
    return an_attempt(order, **{"status": LiveStatus.COMPLETED} | changes)


def a_charged_attempt(first: str, latest: str, status: LiveStatus, remains: int | None = 0, **changes) -> Attempt:
    return an_attempt(first_charge=D(first), charge=D(latest), status=status, remains=remains, checked_at=NOW)._replace(
        **changes
    )


def a_service(service_id: str = "1", **changes) -> Service:
    service = Service(service_id, f"Service {service_id}", "default", "All", D("0.90"), 50, 10000, True, True, True)
    return service._replace(**changes)


def a_catalogue(*services: Service, panel: str = "sandbox") -> Catalogue:
    services = services or (a_service("1"), a_service("2", rate=D("3.00")))
    return Catalogue(panel=panel, services={one.id: one for one in services}, fetched_at=NOW)


def a_balance(amount: str, currency: str = "USD", panel: str = "sandbox", at: datetime = NOW) -> BalanceSeen:
    return BalanceSeen(panel=panel, balance=Balance(amount=D(amount), currency=currency), seen_at=at)


def a_look(
    amount: str,
    number: int,
    last_attempt: int | None = None,
    currency: str = "USD",
    panel: str = "sandbox",
    at: datetime = NOW,
) -> BalanceSeen:
    """A look at a balance that the journal holds as its `number`th."""
    return replace(a_balance(amount, currency, panel, at), number=number, last_attempt=last_attempt)


def a_label(
    amount: str,
    reading: int = 2,
    currency: str = "USD",
    panel: str = "sandbox",
    at: datetime = NOW,
    text: str = "top-up",
) -> BalanceLabel:
    return BalanceLabel(panel, text, D(amount), currency, reading, at, "anna", "build-1", at)


def a_profile(**changes) -> PanelProfile:
    return PanelProfile(**{"name": "sandbox", "url": "", "key": KeySource()} | changes)


def recorded_with(
    *attempts: Attempt,
    catalogues: Iterable[Catalogue] | None = None,
    balances: Iterable[BalanceSeen] | None = None,
    first_balances: Iterable[BalanceSeen] = (),
    **changes,
) -> Recorded:
    """A state with a catalogue and 100.00 USD on the sandbox, unless told otherwise."""
    by_order: dict[tuple[str, str], list[Attempt]] = {}
    for number, attempt in enumerate(attempts, 1):
        by_order.setdefault((attempt.campaign, attempt.order_id), []).append(attempt._replace(id=number))
    return Recorded(
        lineage="lineage-1",
        serial=7,
        attempts=by_order,
        catalogues={one.panel: one for one in ([a_catalogue()] if catalogues is None else catalogues)},
        last_balances={one.panel: one for one in ([a_balance("100.00")] if balances is None else balances)},
        first_balances={one.panel: one for one in first_balances},
        **changes,
    )


def placed_by(plan: Plan, recorded: Recorded, at: datetime = NOW) -> Recorded:
    """The state after every purchase of a plan went well and was charged as expected, at `at`."""
    attempts: dict[tuple[str, str], list[Attempt]] = {key: list(tried) for key, tried in recorded.attempts.items()}
    last = max((one.id for tried in attempts.values() for one in tried), default=0)
    for number, action in enumerate(plan.purchases(), last + 1):
        part = plan.parts.get(action.order.key)
        terms = {} if part is None else part._asdict()
        bought = an_attempt(action.order, panel=action.panel, marked_at=at, id=number, **terms)
        bought = bought._replace(panel_order_id=str(23500 + number), expected_charge=action.cost or D(0))
        attempts.setdefault(action.order.key, []).append(bought)
    return replace(recorded, attempts=attempts)


def kinds(plan: Plan) -> Mapping[str, ActionKind]:
    return {action.order.address: action.kind for action in plan.actions}


def reasons(plan: Plan) -> Mapping[str, str]:
    return {action.order.address: action.reason for action in plan.actions}
