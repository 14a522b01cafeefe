"""Caps, shares, priorities and what a panel charges, as files say them."""

from decimal import Decimal
from pathlib import Path

import pytest

from runner.core.orders import USUAL_MAX_CANCEL, Limit
from runner.files.panels import load_panels

PAGE = "https://example.com/our-brand/p/"
ROW = f"orders:\n- {{link: {PAGE}1, quantity: 5}}\n"


def test_every_cap_is_read_with_the_line_that_sets_it(load):
    loaded = load(
        'budget: {total: "9", per_day: "5.50"}\n'
        "policy:\n  max_new: 20%\n  max_cancel: 40\n  max_price_increase: 2.5%\n" + ROW
    )
    assert loaded.diagnostics == ()
    (campaign,) = loaded.campaigns
    assert campaign.budget.per_day == Decimal("5.50")
    assert campaign.policy.max_new == Limit(share=Decimal("0.2"))
    assert campaign.policy.max_cancel == Limit(number=40)
    assert [campaign.place_of(key) for key in ("budget.per_day", "policy.max_cancel", "budget.per_run")] == [
        "a.yaml:6",
        "a.yaml:9",
        "a.yaml",
    ]


def test_without_a_word_the_usual_caps_hold(load):
    (campaign,) = load(ROW).campaigns
    assert (campaign.policy.max_new, campaign.policy.max_cancel) == (None, USUAL_MAX_CANCEL)
    assert campaign.budget.per_day is None


@pytest.mark.parametrize("limit", ["-1", '"20"', "20 %", "1.5", "true", "none"])
@pytest.mark.parametrize("key", ["max_new", "max_cancel"])
def test_what_is_neither_a_number_nor_a_share_is_an_error(load, key, limit):
    (found,) = load(f"policy: {{{key}: {limit}}}\n{ROW}").diagnostics
    assert (found.line, "must be a number of orders or a percentage" in found.message) == (6, True)


def test_priorities_come_from_rows_files_and_defaults(load):
    loaded = load(
        "orders:\n"
        f"- {{id: a, link: {PAGE}1, quantity: 5, priority: -3}}\n"
        f"- {{id: b, link: {PAGE}2, quantity: 5, priority: 0}}\n"
        f"- {{id: c, link: {PAGE}3, quantity: 5}}\n"
        "- {from: rows.csv, priority: 7}\n",
        rows=f"id,link,quantity,priority\nd,{PAGE}4,5,9\ne,{PAGE}5,5,\n",
    )
    assert loaded.diagnostics == ()
    assert loaded.campaigns[0].priorities == {"a": -3, "d": 9, "e": 7}


@pytest.mark.parametrize("rows", [1, 2000])
def test_a_priority_in_the_defaults_is_every_orders(load, rows):
    lines = "".join(f"{PAGE}{number},5\n" for number in range(rows))
    (campaign,) = load(
        "defaults: {service: 1, priority: 2}\norders:\n- {from: rows.csv}\n", head=HEAD, rows=f"link,quantity\n{lines}"
    ).campaigns
    assert set(campaign.priorities.values()) == {2}
    assert len(campaign.priorities) == rows


@pytest.mark.parametrize("priority", ["1001", "-1001", "1.5", "high", '"5"'])
def test_a_priority_is_a_small_whole_number(load, priority):
    (found,) = load(f"orders:\n- {{link: {PAGE}1, quantity: 5, priority: {priority}}}\n").diagnostics
    assert "from -1000 to 1000" in found.message


HEAD = "version: 1\ncampaign: spring\npanel: sandbox\nlinks: [https://example.com/our-brand/]\n"


def panels(tmp_path: Path, lines: str):
    path = tmp_path / "panels.yaml"
    path.write_text(f"version: 1\npanels:\n  one:\n    url: https://panel.example/api\n    key: {{env: KEY}}\n{lines}")
    return load_panels(path)[:2]


def test_a_panel_says_that_it_rounds_and_what_it_charges(tmp_path):
    profiles, found = panels(tmp_path, '    rounded_rates: true\n    charge_factor: {default: "1.05", 4: "1000"}\n')
    assert found == ()
    assert profiles["one"].rounded_rates
    assert [profiles["one"].charge_factor(service) for service in ("4", "5")] == [Decimal(1000), Decimal("1.05")]
    usual, _ = panels(tmp_path, "")
    assert (usual["one"].rounded_rates, usual["one"].charge_factor("4")) == (False, 1)


@pytest.mark.parametrize("factor", ["{default: 1.05}", '{default: "0"}', '{default: "0.00"}', '{"4": "-1"}', '"1.05"'])
def test_a_factor_is_a_quoted_decimal_above_zero_by_service(tmp_path, factor):
    profiles, found = panels(tmp_path, f"    charge_factor: {factor}\n")
    assert not profiles
    assert len(found) == 1
