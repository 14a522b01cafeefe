"""What a person reads before deciding."""

from decimal import Decimal

import pytest

from runner.core.catalogue import Balance
from runner.core.diagnostics import Diagnostic
from runner.planning.plan import ActionKind, PanelMoney, Refusal
from runner.report.text.plan import render_plan, render_verdict


def test_a_small_plan_lists_every_order_with_its_price(make, write):
    text = write(render_plan, make.plan(make.action("one"), make.action("two", runs=5, interval=60)))
    assert "spring/one" in text
    assert "5 x 1,000 every 1 h" in text
    assert "https://" in text
    assert "Ready: 2 orders for 0.74 USD." in text
    assert "100.00 -> 99.26 USD" in text
    assert text.rstrip().endswith("Next: runner apply")


def test_a_large_plan_is_grouped_by_campaign_and_service_and_lists_no_order(make, write):
    first = [make.action(str(n)) for n in range(200)]
    second = [make.action(str(n), service="2214", cost=Decimal("0.50")) for n in range(200, 225)]
    text = write(render_plan, make.plan(*first, *second))
    assert "spring/7" not in text
    campaign, one, other = (next(line.split() for line in text.splitlines() if word in line) for word in (
        "on sandbox", "service 1 ", "service 2214",
    ))  # fmt: skip
    assert campaign[-4:] == ["225", "225,000", "86.50", "USD"]
    assert one[-4:] == ["200", "200,000", "74.00", "USD"]
    assert other[-4:] == ["25", "25,000", "12.50", "USD"]
    assert "(20 orders already as asked)" in text
    assert len(text.splitlines()) < 20


def test_what_is_held_back_is_listed_with_reasons_and_the_rest_counted(make, write):
    waits = [make.action(f"w{n}", ActionKind.WAIT, reason="in flight as spring/x") for n in range(225)]
    blocked = make.action("b", ActionKind.BLOCKED, reason="price rose from 0.40 to 0.50: raise max_price_increase")
    doubt = make.action("d", ActionKind.IN_DOUBT, reason="the answer was lost")
    text = write(render_plan, make.plan(make.action("one"), *waits, blocked, doubt))
    assert "spring/w9" in text
    assert "spring/w10" not in text
    assert "… and 215 more (--format json lists all)" in text
    assert "raise max_price_increase" in " ".join(text.split())
    assert "Held back: 225 wait, 1 blocked, 1 in doubt." in text
    assert "In doubt: 1 order may exist on the panel." in text
    assert "runner doubt list" in text


def test_a_refused_plan_says_which_guard_and_never_says_ready(make, write):
    refusal = Refusal(
        "budget.total", "spring", "needs 83.20 USD, 12.00 is left: raise budget.total or list fewer orders"
    )
    text = write(render_plan, make.plan(make.action("one"), refusals=[refusal]), colour=True)
    assert "\x1b[31mRefused by budget.total:" in text
    assert "83.20" in text
    assert "Ready" not in text
    assert "Nothing is sent." in text
    assert "runner plan" in text.splitlines()[-1]


def test_problems_in_files_come_with_their_place(make, write):
    problem = Diagnostic("campaigns/spring.yaml", 4, 3, "unknown-service", "service 77 is not in the catalogue")
    text = write(render_plan, make.plan(make.action("one"), problems=[problem]))
    assert "campaigns/spring.yaml:4:3: service 77 is not in the catalogue" in text
    assert "Not valid: 1 problem" in text
    assert "Ready" not in text


def test_nothing_to_do_is_said_in_green(make, write):
    text = write(render_plan, make.plan(), colour=True)
    assert "\x1b[32mNothing to do: 20 orders as asked." in text
    assert "Next:" not in text


def test_only_waiting_orders_are_no_success(make, write):
    text = write(render_plan, make.plan(make.action("w", ActionKind.WAIT)), colour=True)
    assert "\x1b[33mNothing to place now." in text
    assert "Ready" not in text


def test_the_next_command_is_the_callers(make, write):
    text = write(render_plan, make.plan(make.action()), "runner apply plan.json")
    assert text.rstrip().endswith("runner apply plan.json")


def test_an_unknown_price_is_called_unknown_and_not_zero(make, write):
    text = write(render_plan, make.plan(make.action(cost=None), cost=None, money={}))
    assert "Ready: 1 order for an unknown cost." in text
    assert "unknown" in next(line for line in text.splitlines() if "on sandbox" in line)


def test_currencies_are_never_added(make, write):
    dollars = PanelMoney("us", Balance(amount=Decimal(10), currency="USD"), Decimal(4), Decimal(0))
    euros = PanelMoney("eu", Balance(amount=Decimal(10), currency="EUR"), Decimal(3), Decimal(0))
    actions = [
        make.action("a", panel="us", cost=Decimal(4)),
        make.action("b", panel="eu", campaign="autumn", cost=Decimal(3)),
    ]
    plan = make.plan(*actions, money={"us": dollars, "eu": euros}, cost=None, currency=None)
    text = write(render_plan, plan)
    assert "Ready: 2 orders for 4.00 USD + 3.00 EUR." in text
    assert "7.00 USD" not in text
    assert "10.00 -> 7.00 EUR" in text


def test_money_in_doubt_is_shown_as_spent_and_a_shortfall_is_red(make, write):
    short = PanelMoney("sandbox", Balance(amount=Decimal(1), currency="USD"), Decimal("0.37"), Decimal(2))
    text = write(render_plan, make.plan(make.action(), money={"sandbox": short}), colour=True)
    assert "\x1b[31m1.00 -> -1.37 USD" in text
    assert "2.00 in doubt counted as spent" in text
    unseen = PanelMoney("sandbox", None, Decimal("0.37"), Decimal(0))
    assert "not known" in write(render_plan, make.plan(make.action(), money={"sandbox": unseen}))


def test_through_a_pipe_every_order_is_one_whole_line_that_says_what_it_is(make, write):
    actions = [make.action(str(n)) for n in range(50)] + [make.action("w", ActionKind.WAIT, reason="in flight")]
    text = write(render_plan, make.plan(*actions), width=None)
    lines = text.splitlines()
    assert sum(line.split()[:1] == ["place"] for line in lines) == 50
    waiting = next(line for line in lines if "spring/w" in line).split()
    assert waiting[0] == "wait"
    assert waiting[2] == make.order("w").link
    assert "\x1b" not in text
    assert not set("─│┃━…") & set(text)


def test_a_pipe_is_not_flooded(make, write):
    text = write(render_plan, make.plan(*[make.action(str(n)) for n in range(1500)]), width=None)
    assert len(text.splitlines()) < 1020
    assert "and 500 more (--format json lists all)" in text


def test_the_verdict_comes_alone_too(make, write):
    text = write(render_verdict, make.plan(make.action()), "runner apply", width=None)
    assert text == "Ready: 1 order for 0.37 USD.\nNext: runner apply\n"


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_every_width_is_kept(make, write, width):
    actions = [make.action("a" * 60, kind, reason="long words " * 20) for kind in ActionKind]
    text = write(render_plan, make.plan(*actions), width=width)
    assert "Ready: 1 order, 1 top up, 1 replace" in " ".join(text.split())


def test_a_wide_terminal_shows_whole_links(make, write):
    assert make.order().link in write(render_plan, make.plan(make.action()), width=160)


def test_cancellations_are_listed_and_counted_apart_from_orders(make, write):
    actions = [make.action("one"), *(make.action(f"c{n}", ActionKind.CANCEL, cost=Decimal(0)) for n in range(2))]
    text = write(render_plan, make.plan(*actions))
    assert "Cancel (2):" in text
    assert "spring/c1" in text
    assert "Ready: 1 order, 2 cancellations for 0.37 USD." in text
