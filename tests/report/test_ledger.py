"""Money as a person reads it."""

import re
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from runner.core.catalogue import BalanceLabel
from runner.planning.accounting.ledger import Account
from runner.planning.accounting.periods import Period
from runner.report.text.ledger import render_report


def line_of(text, word):
    return next(line for line in text.splitlines() if word in line)


def test_totals_and_tables(make, write):
    text = write(render_report, make.ledger())
    assert line_of(text, "spent ").split()[:2] == ["spent", "83.20"]
    assert line_of(text, "balance").split()[:2] == ["balance", "1,004.43"]
    assert "balance and books agree" in text
    assert line_of(text, "sandbox/1").split() == ["sandbox/1", "225", "83.20", "1.20", "12.00", "0.37"]
    assert "2026-03-01" in text


def test_what_is_unexplained_stands_out_and_is_explained(make, write):
    gone = write(render_report, make.ledger(unexplained=Decimal("0.30")), colour=True)
    assert re.search(r"\x1b\[33m *0\.30", gone)
    assert "gone from the balance" in gone
    came = write(render_report, make.ledger(unexplained=Decimal(-5)), colour=True)
    assert re.search(r"\x1b\[33m *-5\.00", came)
    assert "came into the balance" in came


def test_a_balance_never_seen_is_unknown_and_not_zero(make, write):
    text = write(render_report, make.ledger(balance=None, unexplained=None))
    assert line_of(text, "balance").split()[:2] == ["balance", "unknown"]
    assert "no balance has been seen" in text


def test_currencies_stand_side_by_side(make, write):
    totals = dict.fromkeys(("currency", "spent", "refunded", "reserved", "in_doubt", "balance", "unexplained"))
    ledger = make.ledger(
        **totals,
        panels=[make.line("us"), make.line("eu", currency="EUR")],
        accounts=[Account("us", "USD", Decimal(9), Decimal(0)), Account("eu", "EUR", Decimal(7), Decimal(1))],
    )
    text = write(render_report, ledger)
    assert "several currencies are never added" in text
    assert line_of(text, "  eu  EUR").split()[:4] == ["eu", "EUR", "225", "83.20"]
    assert "7.00 EUR" in text
    assert "166.40" not in text


def test_a_year_of_days_shows_the_last_ones_on_a_terminal_and_all_through_a_pipe(make, write):
    days = [make.line(f"2026-{month:02}-{day:02}") for month in range(1, 13) for day in range(1, 29)]
    shown = write(render_report, make.ledger(days=days))
    assert "2026-12-28" in shown
    assert "2026-01-01" not in shown
    assert "316 earlier" in shown
    assert "2026-01-01" in write(render_report, make.ledger(days=days), width=None)


NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
TOP_UP = BalanceLabel("sandbox", "top-up", Decimal(50), "USD", 2, NOW, "anna", "build-1", NOW)


def test_labels_have_a_line_in_the_totals_and_are_listed_with_who_gave_them(make, write):
    account = Account("sandbox", "USD", Decimal(9), Decimal(0), Decimal(50))
    ledger = make.ledger(accounts=[account], labels=[TOP_UP])
    text = write(render_report, ledger, width=None)
    assert line_of(text, "labelled").split()[:2] == ["labelled", "50.00"]
    listed = line_of(text, "top-up")
    assert listed.split() == ["2026-11-01", "12:00", "sandbox", "50.00", "USD", "top-up", "by", "anna", "on", "build-1"]
    assert "labelled" not in write(render_report, make.ledger())


def test_several_accounts_show_what_was_labelled_in_each(make, write):
    accounts = [Account("a", "USD", Decimal(9), Decimal(0), Decimal(50)), Account("b", "USD", Decimal(7), Decimal(1))]
    ledger = make.ledger(panels=[make.line("a"), make.line("b")], accounts=accounts)
    text = write(render_report, ledger, width=None)
    balances = text[text.index("Balances:") :]
    assert line_of(balances, "  a ").split()[:5] == ["a", "9.00", "USD", "50.00", "0.00"]


@pytest.mark.parametrize(("by", "shown"), [("day", "2026-03-01"), ("service", "sandbox/1"), ("campaign", "spring")])
def test_one_table_is_shown_alone(make, write, by, shown):
    text = write(render_report, make.ledger(), by, width=None)
    assert f"By {by}:" in text
    assert text.count("By ") == 1
    assert shown in text


def test_a_period_is_named_above_its_money(make, write):
    text = write(render_report, make.ledger(), None, Period(NOW, None), width=None)
    assert "Money: in USD from 2026-11-01 12:00 UTC" in text
