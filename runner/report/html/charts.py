"""Computes the charts of the HTML report as numbers from 0 to 100; the template draws them. Pure.

Drawn here as SVG and not by a chart library: they follow dark and light, print sharp, and need no script to be seen.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import ROUND_FLOOR, Decimal
from itertools import accumulate
from typing import NamedTuple

from runner.core.values.money import ZERO
from runner.planning.accounting.ledger import LedgerLine
from runner.report.model.model import CampaignProgress, ReportModel, SpendPoint, State
from runner.report.wording import money, words

_MOST_BARS = 8
_MOST_PANELS = 6
_MOST_POINTS = 240  # of one line: more than a screen can show
_FULL = Decimal(100)
_SHORTEST = timedelta(seconds=5)  # of a time axis
_LEAD = 25  # the part of a time axis before the first thing that happened
_LABELS = 4  # on a time axis


class Segment(NamedTuple):
    """A part of a bar."""

    kind: str  # names its colour
    left: str  # percent
    width: str  # percent
    words: str  # for the pointer


class Bar(NamedTuple):
    """One line of a bar chart."""

    name: str
    value: str
    segments: Sequence[Segment]
    note: str = ""


class Line(NamedTuple):
    """A stepped line in a box 1000 wide and 100 high; 0 is at its top."""

    kind: str
    path: str
    area: str
    points: Sequence[tuple[float, float, str, str]]  # across (per cent), down (per cent), amount, moment


class Pane(NamedTuple):
    """Lines over a common time, with the labels of the amounts from top to bottom."""

    title: str
    lines: Sequence[Line]
    labels: Sequence[str]


class Timeline(NamedTuple):
    """One panel's money over time: what was spent above, the balance below."""

    panel: str
    currency: str
    panes: Sequence[Pane]
    times: Sequence[str]


def cost_bars(lines: Sequence[LedgerLine]) -> Mapping[str, Sequence[Bar]]:
    """By currency, the dearest names with what is spent, reserved and in doubt; the rest as one bar."""
    by_currency: dict[str, list[LedgerLine]] = defaultdict(list)
    for line in lines:
        by_currency[line.currency or ""].append(line)
    return {
        currency: _cost_bars(currency, group)
        for currency, group in sorted(by_currency.items())
        if any(map(_total, group))
    }


def delivery_bars(progress: Sequence[CampaignProgress]) -> Sequence[Bar]:
    """Units delivered of those ordered, of the campaigns with the most units."""
    most = sorted(progress, key=lambda one: one.units, reverse=True)
    first, rest = most[:_MOST_BARS], most[_MOST_BARS:]
    bars = [_delivery_bar(one.campaign, one.delivered, one.units) for one in first]
    if rest:
        name = f"{len(rest):,} more"
        bars.append(_delivery_bar(name, sum(one.delivered for one in rest), sum(one.units for one in rest)))
    return bars


def state_segments(states: Mapping[State, int]) -> Sequence[Segment]:
    """All orders as one bar: what is done comes first, what needs somebody last."""
    parts = [(state.value, Decimal(states.get(state, 0)), f"{states.get(state, 0):,}") for state in reversed(State)]
    return _side_by_side(parts, Decimal(sum(states.values())))


def _side_by_side(parts: Iterable[tuple[str, Decimal, str]], whole: Decimal) -> list[Segment]:
    """A segment for each (kind, amount, amount in words) that is more than nothing, as parts of `whole`."""
    segments, left = [], ZERO
    for kind, amount, shown in parts:
        if amount > ZERO:
            width = _FULL * amount / whole
            segments.append(Segment(kind, _pct(left), _pct(width), f"{shown} {words(kind)}"))
            left += width
    return segments


def timelines(model: ReportModel) -> Sequence[Timeline]:
    """The panels with the most spending, each with its own axes: amounts of two panels are never added."""
    seen: dict[str, list[tuple[datetime, Decimal]]] = defaultdict(list)
    for one in model.balances:
        seen[one.panel].append((one.seen_at, one.balance.amount))
    currencies = {account.panel: account.currency or "" for account in model.ledger.accounts}
    spent = {panel: sum((point.committed for point in points), ZERO) for panel, points in model.spending.items()}
    panels = sorted(spent.keys() | seen.keys(), key=lambda panel: (-spent.get(panel, ZERO), panel))
    return [
        _timeline(panel, currencies.get(panel, ""), model.spending.get(panel, ()), seen[panel], model.made_at)
        for panel in panels[:_MOST_PANELS]
    ]


def _total(line: LedgerLine) -> Decimal:
    return line.spent + line.reserved + line.in_doubt


def _cost_bars(currency: str, lines: Sequence[LedgerLine]) -> Sequence[Bar]:
    dearest = sorted(lines, key=_total, reverse=True)
    first, rest = dearest[:_MOST_BARS], dearest[_MOST_BARS:]
    bars = [_cost_bar(line, _total(first[0]), currency) for line in first if _total(line)]
    if rest:
        bars.append(Bar(f"{len(rest):,} more", money(sum(map(_total, rest), ZERO), currency), ()))
    return bars


def _cost_bar(line: LedgerLine, longest: Decimal, currency: str) -> Bar:
    amounts = {"spent": line.spent, "reserved": line.reserved, "in_doubt": line.in_doubt}
    segments = _side_by_side([(kind, one, money(one, currency)) for kind, one in amounts.items()], longest)
    return Bar(line.name, money(_total(line), currency), segments, f"{line.orders:,}")


def _delivery_bar(name: str, delivered: int, units: int) -> Bar:
    share = _FULL * delivered / units if units else ZERO
    told = f"{delivered:,} of {units:,}"
    return Bar(name, f"{int(share)} %", [Segment("delivered", "0", _pct(share), f"{told} delivered")], told)


def _pct(share: Decimal) -> str:
    return f"{share:.3f}".rstrip("0").rstrip(".")


def _timeline(
    panel: str,
    currency: str,
    spending: Sequence[SpendPoint],
    balances: Sequence[tuple[datetime, Decimal]],
    now: datetime,
) -> Timeline:
    bought = [point.at for point in spending]
    moments = [*bought, *(at for at, _ in balances), now]
    begin, end = min(moments), max(moments)
    begin -= max((end - begin) / _LEAD, _SHORTEST - (end - begin))
    scale = _Scale(begin, (end - begin).total_seconds(), currency)
    panes = []
    spent = list(zip(bought, accumulate(point.spent for point in spending), strict=True))
    committed = list(zip(bought, accumulate(point.committed for point in spending), strict=True))
    if spent:
        top = _round_up(max(amount for _, amount in committed))
        lines = [scale.line("spent", [(begin, ZERO), *spent], now, ZERO, top)]
        if committed[-1][1] != spent[-1][1]:
            lines.insert(0, scale.line("reserved", [(begin, ZERO), *committed], now, ZERO, top))
        panes.append(Pane("spent, added up", lines, scale.labels(ZERO, top)))
    if balances:
        low, high = _around([amount for _, amount in balances])
        panes.append(Pane("balance", [scale.line("balance", balances, now, low, high)], scale.labels(low, high)))
    return Timeline(panel, currency, panes, scale.times())


class _Scale(NamedTuple):
    """Places moments and amounts on a chart."""

    begin: datetime
    seconds: float
    currency: str

    def line(
        self, kind: str, values: Sequence[tuple[datetime, Decimal]], now: datetime, low: Decimal, high: Decimal
    ) -> Line:
        """Steps from each value to the next, the last one held until now."""
        points = [
            (self._across(at), float(_FULL * (high - amount) / (high - low)), amount, at)
            for at, amount in _thin(values)
        ]
        steps = [f"M{points[0][0] * 10:.1f} {points[0][1]:.2f}"]
        steps += [f"H{across * 10:.1f}V{down:.2f}" for across, down, _, _ in points[1:]]
        right = self._across(now) * 10
        path = "".join(steps) + f"H{right:.1f}"
        area = f"{path}V100H{points[0][0] * 10:.1f}Z"
        told = [
            (round(across, 2), round(down, 2), money(amount, self.currency), f"{at:%Y-%m-%d %H:%M:%S}")
            for across, down, amount, at in points
        ]
        return Line(kind, path, area, told)

    def labels(self, low: Decimal, high: Decimal) -> list[str]:
        return [money(amount) for amount in (high, (high + low) / 2, low)]

    def times(self) -> list[str]:
        limits = ((1200, "%H:%M:%S"), (2 * 86400, "%H:%M"), (300 * 86400, "%b %d"))
        style = next((style for limit, style in limits if self.seconds < limit), "%b %Y")
        step = timedelta(seconds=self.seconds / (_LABELS - 1))
        return [(self.begin + step * number).strftime(style) for number in range(_LABELS)]

    def _across(self, at: datetime) -> float:
        return min(max((at - self.begin).total_seconds() / self.seconds * 100, 0.0), 100.0)


def _thin(values: Sequence[tuple[datetime, Decimal]]) -> Sequence[tuple[datetime, Decimal]]:
    """At most `_MOST_POINTS`, the first and the last among them."""
    if len(values) <= _MOST_POINTS:
        return values
    return [values[number * (len(values) - 1) // (_MOST_POINTS - 1)] for number in range(_MOST_POINTS)]


def _around(amounts: Sequence[Decimal]) -> tuple[Decimal, Decimal]:
    """Round amounts below the lowest and above the highest, two steps apart."""
    low, high = min(amounts), max(amounts)
    step = _round_up((high - low) / 2 or abs(high) / 10)
    while (floor := (low / step).to_integral_value(ROUND_FLOOR) * step) + 2 * step < high:
        step = _round_up(step + step / 100)
    return floor, floor + 2 * step


def _round_up(amount: Decimal) -> Decimal:
    """The next round amount: 1, 2, 2.5 or 5 times a power of ten; 1 for nothing."""
    if amount <= ZERO:
        return Decimal(1)
    power = Decimal(1).scaleb(amount.adjusted())
    return next(
        power * step
        for step in map(Decimal, ("1", "1.5", "2", "2.5", "3", "4", "5", "6", "8", "10"))
        if power * step >= amount
    )
