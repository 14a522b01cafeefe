"""The tables of the HTML report that sum up: the books, and what a plan will buy."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from heapq import nlargest
from typing import NamedTuple

from runner.core.values.money import ZERO, plain
from runner.core.values.text import clean
from runner.planning.accounting.ledger import LedgerLine
from runner.planning.refills.refill_rates import RefillRate
from runner.report.model.model import ReportModel
from runner.report.model.purchases import Purchase, Purchases, PurchaseSum
from runner.report.wording import REFILL_TITLES, Amounts, count, harmless, refill_cells

MOST_LINES = 200  # of each table of sums
_MOST_BOUGHT = 100  # orders that a plan will buy, one by one
_LONGEST_LINK = 500


class Cell(NamedTuple):
    """What is shown, and what it is sorted by."""

    text: str
    key: str
    kind: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """A table of sums."""

    title: str
    name: str
    columns: Sequence[str] = ("orders", "spent", "refunded", "reserved", "in doubt")
    rows: Sequence[Sequence[Cell]]
    note: str


def all_sums(model: ReportModel) -> list[Sums]:
    """What the orders have cost, by campaign, service, day and panel, and how refills fared; without empty tables."""
    ledger = model.ledger
    tables = [
        _sums("By campaign", "campaign", ledger.campaigns),
        _sums("By service", "service", ledger.services),
        _sums("By day", "day", ledger.days[::-1], newest=True),
        _sums("By panel", "panel", ledger.panels if len(ledger.panels) > 1 else ()),
        _refills(model.refills),
    ]
    return [table for table in tables if table.rows]


def _sums(title: str, name: str, lines: Sequence[LedgerLine], *, newest: bool = False) -> Sums:
    shown = lines[:MOST_LINES]
    if len(lines) > MOST_LINES and not newest:
        shown = nlargest(MOST_LINES, lines, key=lambda line: line.spent + line.reserved + line.in_doubt)
    note = ""
    if len(lines) > len(shown):
        which = "newest" if newest else "dearest"
        note = f"The {which} {len(shown):,} of {len(lines):,}: --report json=PATH has all."
    several = len({line.currency for line in lines}) > 1
    amounts = Amounts((amount, line.currency) for line in shown for amount in line.amounts)
    show = amounts.named if several else amounts.bare
    rows = [
        [
            Cell(clean(line.name), clean(line.name)),
            Cell(f"{line.orders:,}", str(line.orders), "number"),
            *(Cell(show(one, line.currency), plain(one), "number" if one else "number zero") for one in line.amounts),
        ]
        for line in shown
    ]
    return Sums(title=title, name=name, rows=rows, note=note)


def _refills(rates: Sequence[RefillRate]) -> Sums:
    shown = nlargest(MOST_LINES, rates, key=lambda one: one.asked)
    note = f"The {len(shown):,} services of {len(rates):,} with most refills." if len(rates) > len(shown) else ""
    rows = []
    for one in shown:
        cells = refill_cells(one)
        keys = [cell.replace(",", "") for cell in cells[:-1]] + [str(one.rate or ZERO)]
        numbers = [Cell(cell, key, "number") for cell, key in zip(cells, keys, strict=True)]
        rows.append([Cell(clean(one.name), clean(one.name)), *numbers])
    return Sums(title="Refills by service", name="refilled service", columns=REFILL_TITLES, rows=rows, note=note)


def purchase_sums(model: ReportModel) -> list[Sums]:
    """What a plan will buy: the balance before and after, by campaign, by service, and the dearest orders one by one."""
    found = model.purchases
    if found is None or not found.lines:
        return []
    tables = [_balances(found), _bought("campaign", found.campaigns), _bought("service", found.services)]
    return [*tables, _bought_one_by_one(found)]


def _balances(purchases: Purchases) -> Sums:
    money = [(one, None if one.balance is None else one.balance.currency) for one in purchases.panels]
    shown = [
        (one.panel, currency, (None if one.balance is None else one.balance.amount, one.cost, one.in_doubt, one.after))
        for one, currency in money
    ]
    amounts = Amounts((amount, currency) for _, currency, several in shown for amount in several)
    rows = [[Cell(name, name), *_amounts(several, currency, amounts)] for name, currency, several in shown]
    return Sums(title="Balance", name="panel", columns=("before", "cost", "in doubt", "after"), rows=rows, note="")


def _bought(name: str, sums: Sequence[PurchaseSum]) -> Sums:
    shown = sums[:MOST_LINES]
    amounts = Amounts((one.cost, one.currency) for one in shown)
    rows = [
        [
            Cell(clean(f"{one.name} {one.title}"), clean(one.name)),
            Cell(one.panel, one.panel),
            *_numbers((one.orders, one.units)),
            *_amounts((one.cost,), one.currency, amounts),
        ]
        for one in shown
    ]
    note = f"The dearest {len(shown):,} of {len(sums):,}." if len(sums) > len(shown) else ""
    return Sums(title=f"By {name}", name=name, columns=("panel", "orders", "units", "cost"), rows=rows, note=note)


def _bought_one_by_one(purchases: Purchases) -> Sums:
    shown = purchases.dearest(_MOST_BOUGHT)
    amounts = Amounts((one.cost, one.currency) for one in shown)
    rows = [[*_purchase_cells(one), *_amounts((one.cost,), one.currency, amounts)] for one in shown]
    left = count(len(purchases.lines) - len(shown), "order")
    note = f"And {left} more, none dearer: --report csv=PATH has all." if len(purchases.lines) > len(shown) else ""
    return Sums(
        title="Orders to be bought", name="order", columns=("service", "link", "units", "cost"), rows=rows, note=note
    )


def _purchase_cells(one: Purchase) -> Iterator[Cell]:
    yield Cell(clean(f"{one.address} {one.reason}"), one.address)
    yield Cell(clean(f"{one.service} {one.service_name}"), one.service)
    yield Cell(harmless(one.link, _LONGEST_LINK), one.link, "link")
    runs = "" if one.runs == 1 else f" ({one.runs:,} x {one.quantity:,})"
    yield Cell(f"{one.units:,}{runs}", str(one.units), "number")


def _numbers(numbers: Iterable[int]) -> Iterator[Cell]:
    return (Cell(f"{number:,}", str(number), "number") for number in numbers)


def _amounts(several: Iterable[Decimal | None], currency: str | None, amounts: Amounts) -> Iterator[Cell]:
    return (Cell(amounts.named(one, currency), plain(one or ZERO), "number") for one in several)
