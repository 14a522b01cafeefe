from datetime import timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from runner.core.attempts import LiveStatus
from runner.planning.accounting.ledger import LedgerLine
from runner.report.html.charts import cost_bars, delivery_bars, state_segments, timelines
from runner.report.model.model import CampaignProgress, State
from runner.report.wording import words
from tests.planning.builders import EARLIER, NOW, a_balance, a_charged_attempt, recorded_with
from tests.report.models import a_model, modelled

D = Decimal


def line(name: str, spent: str, currency: str = "USD", in_doubt: str = "0") -> LedgerLine:
    return LedgerLine(name, currency, 1, D(spent), D(0), D(0), D(in_doubt))


def test_the_dearest_come_first_the_rest_is_one_bar_and_currencies_stay_apart():
    lines = [line(f"c{number}", str(number)) for number in range(1, 13)] + [line("c1", "5", "EUR")]
    bars = cost_bars(lines)
    assert [bar.name for bar in bars["USD"]] == ["c12", "c11", "c10", "c9", "c8", "c7", "c6", "c5", "4 more"]
    assert bars["USD"][-1].value == "10.00 USD"
    assert [bar.value for bar in bars["EUR"]] == ["5.00 EUR"]
    assert [bar.segments[0].width for bar in bars["USD"][:2]] == ["100", "91.667"]


def test_parts_of_a_bar_lie_side_by_side():
    (bar,) = cost_bars([line("c", "3", in_doubt="1")])["USD"]
    assert [(one.kind, one.left, one.width) for one in bar.segments] == [("spent", "0", "75"), ("in_doubt", "75", "25")]


def test_delivery_is_never_rounded_up_to_all():
    (bar,) = delivery_bars([CampaignProgress("c", 1, 1000, 999, {})])
    assert bar.value == "99 %"
    assert delivery_bars([CampaignProgress("c", 0, 0, 0, {})])[0].value == "0 %"


@given(st.dictionaries(st.sampled_from(State), st.integers(1, 10**6)))
def test_the_states_fill_the_bar(states):
    segments = state_segments(states)
    told = {state.value: f"{number:,} {words(state)}" for state, number in states.items()}
    assert {one.kind: one.words for one in segments} == told
    if states:
        assert abs(sum(float(one.width) for one in segments) - 100) < 0.02


def test_the_spend_adds_up_over_time_and_the_balance_is_as_seen():
    attempts = [
        a_charged_attempt("0.90", "0.90", LiveStatus.COMPLETED)._replace(order_id=str(number), marked_at=at)
        for number, at in enumerate((EARLIER, EARLIER, NOW - timedelta(hours=1)))
    ]
    balances = [a_balance("100", at=EARLIER), a_balance("97.30", at=NOW)]
    (panel,) = timelines(modelled(recorded_with(*attempts, balances=balances[1:]), balances=balances))
    spent, balance = panel.panes
    assert [point[2] for point in spent.lines[0].points] == ["0.00 USD", "1.80 USD", "2.70 USD"]
    assert [point[2] for point in balance.lines[0].points] == ["100.00 USD", "97.30 USD"]
    assert spent.labels == ["3.00", "1.50", "0.00"]


@given(st.lists(st.decimals(-(10**6), 10**9, places=2), min_size=1, max_size=400))
def test_every_point_is_inside_its_box(amounts):
    balances = [a_balance("1", at=NOW - timedelta(minutes=number)) for number in range(len(amounts), 0, -1)]
    seen = [one.__class__(panel=one.panel, seen_at=one.seen_at, balance=a_balance(str(amount)).balance)
            for one, amount in zip(balances, amounts, strict=True)]  # fmt: skip
    (panel,) = timelines(modelled(recorded_with(balances=seen[-1:]), balances=seen))
    points = panel.panes[0].lines[0].points
    assert len(points) <= 240
    assert all(0 <= across <= 100 and 0 <= down <= 100 for across, down, _, _ in points)
    assert points[-1][2].replace(",", "").removesuffix(" USD") == f"{amounts[-1]:.2f}".replace("-0.00", "0.00")


def test_what_is_reserved_or_in_doubt_is_a_line_of_its_own():
    (panel,) = timelines(a_model())
    assert [one.kind for one in panel.panes[0].lines] == ["reserved", "spent"]
