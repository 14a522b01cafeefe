"""The numbers of a screen add up: rows to their total, and before less cost is after. On whatever it is written."""

import csv
import io
import re
from datetime import timedelta
from decimal import Decimal
from html.parser import HTMLParser
from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.core.attempts import AttemptState, LiveStatus, OutcomeKind
from runner.core.catalogue import Balance
from runner.planning.accounting.ledger import make_ledger
from runner.planning.plan import ActionKind, PanelMoney
from runner.planning.status.order_status import Standings
from runner.report.documents.csv_report import write_csv
from runner.report.documents.markdown import to_markdown
from runner.report.html.page import to_html
from runner.report.live.watch_lines import pass_line
from runner.report.live.watch_view import MoneyView, WatchView
from runner.report.model.build import report_model
from runner.report.text.apply import render_apply
from runner.report.text.ledger import render_report
from runner.report.text.plan import render_plan
from runner.report.text.status import render_status
from tests.planning.builders import NOW, an_attempt, an_order, recorded_with
from tests.report.conftest import make_action, make_applied, make_plan, make_result, make_standing, written

ZERO = Decimal(0)
NAMES = ("spent", "refunded", "reserved", "in doubt")


def decimals(most: str = "100000") -> st.SearchStrategy[Decimal]:
    """Amounts as panels and prices make them, of up to eleven decimals."""
    return st.integers(0, 11).flatmap(lambda places: st.decimals(ZERO, Decimal(most), places=places))


def number(text: str) -> Decimal:
    """An amount as it is shown, without its currency."""
    return Decimal(re.match(r"-?[\d,]+\.\d\d+", text)[0].replace(",", ""))


@st.composite
def states(draw):
    """A state of some orders: charged, refunded in part, not charged yet, in doubt."""
    attempts = []
    for place in range(draw(st.integers(1, 8))):
        order = an_order(f"o{place}", service=str(place % 3), campaign=f"c{place % 2}")
        first = draw(decimals())
        bought = an_attempt(order, expected_charge=first, marked_at=NOW - timedelta(days=place % 4), checked_at=NOW)
        kind = draw(st.sampled_from(["charged", "refunded", "reserved", "in doubt"]))
        if kind == "in doubt":
            bought = bought._replace(state=AttemptState.IN_DOUBT, panel_order_id=None)
        elif kind != "reserved":
            latest = first if kind == "charged" else draw(st.decimals(ZERO, first, places=5, allow_nan=False))
            bought = bought._replace(status=LiveStatus.PARTIAL, first_charge=first, charge=min(latest, first))
        attempts.append(bought)
    return recorded_with(*attempts)


def tables(text: str) -> dict[str, list[list[str]]]:
    """The tables of a plain screen by their heading, each row as cells."""
    found: dict[str, list[list[str]]] = {}
    for line in text.splitlines():
        if line and not line.startswith(" "):
            rows = found.setdefault(line, [])
        elif line.strip():
            rows.append(re.split(r"\s{2,}", line.strip()))
    return found


class Cells(HTMLParser):
    """Every table of a page by its caption or heading, each row as cells; and the cards."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.cards: dict[str, str] = {}
        self._heading, self._text, self._card = "", "", ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self._text = ""
        if tag == "tr":
            self.tables.setdefault(self._heading, []).append([])

    def handle_data(self, data):
        self._text += data

    def handle_endtag(self, tag):
        text = self._text.strip()
        if tag in ("h2", "h3"):
            self._heading = self._card = text
        elif tag == "td":
            self.tables[self._heading][-1].append(text)
        elif tag == "p" and self._card and self._card not in self.cards:
            self.cards[self._card] = text
        self._text = ""


@settings(max_examples=60)
@given(states())
def test_the_rows_of_a_report_add_up_to_its_totals(recorded):
    text = tables(written(render_report, make_ledger(recorded), width=None))
    totals = {row[0]: number(row[1]) for row in text["Money: in USD"] if row[0] in NAMES}
    for by in ("campaign", "service", "day"):
        rows = text[f"By {by}:"]
        columns = list(zip(*(row[-4:] for row in rows[1:]), strict=True))
        assert len({len(cell.partition(".")[2]) for column in columns for cell in column}) == 1
        assert [sum(map(number, column), ZERO) for column in columns] == [totals[name] for name in NAMES]


@settings(max_examples=25)
@given(states())
def test_the_same_in_html_markdown_and_csv(recorded):
    ledger = make_ledger(recorded)
    model = report_model(recorded, ledger, now=NOW, exit_code=0, balances=())
    page = Cells(to_html(model))
    totals = [number(page.cards[name.capitalize()]) for name in NAMES]
    assert totals == [ledger.spent, ledger.refunded, ledger.reserved, ledger.in_doubt]
    for by in ("campaign", "service", "day"):
        rows = [row for row in page.tables[f"By {by}"] if row]
        assert [sum(map(number, column), ZERO) for column in zip(*(row[2:6] for row in rows), strict=True)] == totals
    markdown = to_markdown(model)
    rows = [line.strip("| ").split(" | ") for line in markdown.splitlines() if line.startswith("|")]
    money = rows[rows.index(["spent", "refunded", "reserved", "in doubt", "balance", "unexplained"]) + 2]
    assert list(map(number, money[:4])) == totals
    for by in ("campaign", "service", "day"):
        start = next(place for place, row in enumerate(rows) if row[:2] == [by, "orders"]) + 2
        ended = next((place for place in range(start, len(rows)) if len(rows[place]) != 6), len(rows))
        lines = [row for row in rows[start:ended] if "spent" not in row and not row[0].startswith("-")]
        lines = lines[: len(getattr(ledger, {"day": "days"}.get(by, f"{by}s")))]
        assert [sum(map(number, column), ZERO) for column in zip(*(row[2:6] for row in lines), strict=True)] == totals
    stream = io.StringIO()
    write_csv(stream, model)
    listed = list(csv.DictReader(io.StringIO(stream.getvalue())))
    names = ("spent", "refunded", "reserved", "in_doubt")
    assert [sum((Decimal(row[name]) for row in listed), ZERO) for name in names] == totals


@settings(max_examples=60)
@given(balance=decimals("1000"), costs=st.lists(decimals("100"), min_size=1, max_size=6), doubts=decimals("10"))
def test_before_less_cost_is_after(balance, costs, doubts):
    actions = [make_action(f"o{place}", cost=cost, service=str(place % 2)) for place, cost in enumerate(costs)]
    held = {"sandbox": PanelMoney("sandbox", Balance(amount=balance, currency="BTC"), sum(costs, ZERO), doubts)}
    text = written(render_plan, make_plan(*actions, money=held, cost=sum(costs, ZERO), currency="BTC"), width=None)
    shown = tables(text)
    (account,) = shown["Balance:"]
    total = number(re.search(r"Ready: .* for ([\d,.]+) BTC\.", text)[1])
    before, _, after = account[1].partition(" -> ")
    assert number(before) == balance
    in_doubt = number(account[2].strip("(")) if doubts else ZERO
    assert number(before) - total - in_doubt == number(after or before)
    (whole, *parts) = (row for heading, rows in shown.items() if heading.startswith("To do:") for row in rows[1:])
    assert number(whole[-1]) == sum((number(row[-1]) for row in parts), ZERO) == total
    (placed,) = (rows for heading, rows in shown.items() if heading.startswith("Place ("))
    assert sum((number(row[-1]) for row in placed[1:]), ZERO) == total


@settings(max_examples=40)
@given(st.lists(decimals("100"), min_size=1, max_size=6))
def test_what_an_apply_bought_adds_up(costs):
    results = [
        make_result(OutcomeKind.PLACED, f"o{place}", order=f"c{place % 2}/o{place}", cost=cost)
        for place, cost in enumerate(costs)
    ]
    text = written(render_apply, make_applied(*results), width=None)
    rows = next(rows for heading, rows in tables(text).items() if heading.startswith("Orders:"))
    total = number(re.search(r"Done: .* placed for ([\d,.]+) USD", text)[1])
    assert sum((number(row[-1]) for row in rows[1:]), ZERO) == total == sum(costs, ZERO)


@settings(max_examples=40)
@given(st.lists(decimals(), min_size=1, max_size=6))
def test_charges_of_a_status_and_money_of_a_watch_are_exact(charges):
    orders = [make_standing(f"spring/o{place}", charge=charge) for place, charge in enumerate(charges)]
    for width in (None, 200):
        lines = written(render_status, Standings(orders=orders, summary={}), NOW, width=width).splitlines()
        shown = [
            next(cell for cell in re.split(r"\s{2,}", line) if "." in cell) for line in lines[1 : len(charges) + 1]
        ]
        assert list(map(number, shown)) == charges
    view = WatchView(
        number=1,
        at=NOW,
        campaigns=(),
        money=[MoneyView("USD", charges[0], ZERO, charges[-1], None)],
        states={},
        outlook=None,
    )
    told = " ".join(str(getattr(span, "text", span)) for span in pass_line(view))
    assert number(re.search(r"spent ([\d,.]+) USD", told)[1]) == charges[0]
    if charges[-1]:
        assert number(re.search(r"in doubt ([\d,.]+) USD", told)[1]) == charges[-1]


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_no_terminal_is_too_narrow_for_an_amount(width):
    bitcoin = Decimal("1234.01234567891")
    attempt = an_attempt(charge=bitcoin, first_charge=bitcoin, checked_at=NOW)
    text = written_anyhow(render_report, make_ledger(recorded_with(attempt)), width)
    assert text.count("1,234.01234567891") == 4
    action = make_action("a-rather-long-name-of-an-order", cost=bitcoin)
    held = {"sandbox": PanelMoney("sandbox", Balance(amount=bitcoin * 2, currency="USDT_TRC20"), bitcoin, ZERO)}
    plan = written_anyhow(render_plan, make_plan(action, money=held, cost=bitcoin, currency="USDT_TRC20"), width)
    assert "2,468.02469135782 -> 1,234.01234567891 USDT_TRC20" in plan
    assert " ".join(plan.split()).count("1,234.01234567891 USDT_TRC20") == 5
    assert not re.search(r"\d…", text + plan)


def written_anyhow(render, subject, width):
    """On a terminal that may have to wrap a line."""
    from runner.report.terminal.screen import Screen

    stream = io.StringIO()
    render(subject, Screen(stream, terminal=True, width=width, colour=False, environ={}))
    return stream.getvalue()


def test_the_smallest_plan_takes_what_it_says():
    """0.036 of 1,000.00: shown as 0.04 and 999.97 before."""
    cost = Decimal("0.036")
    held = {"sandbox": PanelMoney("sandbox", Balance(amount=Decimal("1000.00"), currency="USD"), cost, ZERO)}
    text = written(render_plan, make_plan(make_action(cost=cost), money=held, cost=cost), width=None)
    assert "1,000.000 -> 999.964 USD" in text
    assert "Ready: 1 order for 0.036 USD." in text


def test_rows_and_their_total_are_rounded_alike():
    """0.9525 and 1.9015 make 2.854: shown as 0.95, 1.90 and 2.85 in some order before, or 2.86."""
    charges = [Decimal("0.9545"), Decimal("1.8995")]
    attempts = [
        an_attempt(an_order(f"o{place}", campaign=f"c{place}"), charge=one, first_charge=one, checked_at=NOW)
        for place, one in enumerate(charges)
    ]
    shown = tables(written(render_report, make_ledger(recorded_with(*attempts)), width=None))
    assert [row[2] for row in shown["By campaign:"][1:]] == ["0.9545", "1.8995"]
    assert shown["Money: in USD"][0][1] == "2.854"
    assert list(accumulate(charges))[-1] == Decimal("2.854")


def test_a_refill_is_still_free():
    plan = make_plan(make_action(kind=ActionKind.REFILL, cost=ZERO))
    assert "free" in written(render_plan, plan, width=None)
