"""Answers `plan --what-if`: the plan under another budget, balance or quantity. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal

from runner.core.catalogue import Balance
from runner.core.orders import Campaign, Order
from runner.core.snapshot import Recorded
from runner.core.values.money import ZERO, parse_amount, with_currency
from runner.planning.orders.order_history import order_history
from runner.planning.phrases import orders
from runner.planning.plan import BUYING, ActionKind, Plan

_QUESTION = re.compile(r"(budget|balance|quantity)\s*(\*?=)\s*(\S+)\Z")
FORMS = "budget=100, balance=100, quantity=500 or quantity*=2"


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIf:
    """What is asked; None leaves things as they are."""

    words: tuple[str, ...] = ()
    budget: Decimal | None = None  # of the whole plan, in place of total, per_run and per_day
    balance: Decimal | None = None  # of every panel, in its own currency
    quantity: int | None = None  # of every order that is not bought yet
    times: Decimal | None = None  # its quantity, times this


def parse(texts: Sequence[str]) -> WhatIf:
    """The questions of one command line; raises ValueError with the reason if one can't be understood."""
    found: dict[str, Decimal | int] = {}
    for text in texts:
        question = _QUESTION.match(text.strip())
        if question is None:
            raise ValueError(f"{text!r} is no question that can be asked")
        name, sign, value = question.groups()
        if sign == "*=" and name != "quantity":
            raise ValueError(f"{text!r}: only quantity can be multiplied")
        key = "times" if sign == "*=" else name
        try:
            number = parse_amount(value)
        except ValueError:
            raise ValueError(f"{text!r}: {value} is no plain number") from None
        if number < ZERO or (name == "quantity" and number == ZERO):
            raise ValueError(f"{text!r}: the number must be above zero")
        if key == "quantity" and number != number.to_integral_value():
            raise ValueError(f"{text!r}: a quantity is a whole number")
        if key in found or {key, *found} >= {"quantity", "times"}:
            raise ValueError(f"{text!r}: {name} is asked for twice")
        found[key] = int(number) if key == "quantity" else number
    return WhatIf(words=tuple(texts), **found)  # type: ignore[arg-type]  # each key has its kind of number


def campaigns_if(campaigns: Sequence[Campaign], recorded: Recorded, what_if: WhatIf) -> list[Campaign]:
    """The campaigns as they would be: other quantities only where nothing was bought, and no budgets beside the one asked."""
    asked = list(campaigns)
    if what_if.budget is not None:
        asked = [replace(one, budget=replace(one.budget, total=None, per_run=None, per_day=None)) for one in asked]
    if what_if.quantity is not None or what_if.times is not None:
        asked = [
            replace(one, orders=[_order_if(order, one, recorded, what_if) for order in one.orders]) for one in asked
        ]
    return asked


def _order_if(order: Order, campaign: Campaign, recorded: Recorded, what_if: WhatIf) -> Order:
    if order_history(recorded, campaign, order.id).is_open:
        return order
    if what_if.times is None:
        return order._replace(quantity=what_if.quantity or order.quantity)
    quantity = (what_if.times * order.quantity).to_integral_value(ROUND_HALF_UP)
    return order._replace(quantity=max(int(quantity), 1))


def balances_if(recorded: Recorded, what_if: WhatIf) -> Mapping[str, Balance] | None:
    """The balances as they would be; None: as remembered."""
    if what_if.balance is None:
        return None
    return {panel: replace(seen.balance, amount=what_if.balance) for panel, seen in recorded.last_balances.items()}


def answered(plan: Plan, what_if: WhatIf) -> Plan:
    """The plan with the answer in words ahead of its notes."""
    fits = [action for action in plan.actions if action.kind in BUYING]
    beyond = [action for action in plan.actions if action.kind is ActionKind.BLOCKED and action.cost is not None]
    cost = with_currency(sum((action.cost or ZERO for action in fits), ZERO), plan.currency)
    words = f"what if {' and '.join(what_if.words)}: {orders(len(fits))} for {cost}"
    if beyond:
        more = with_currency(sum((action.cost or ZERO for action in beyond), ZERO), plan.currency)
        words += f" fit, {orders(len(beyond))} for {more} do not"
    return replace(plan, notes=[f"{words}; a question only, nothing is changed or saved", *plan.notes])
