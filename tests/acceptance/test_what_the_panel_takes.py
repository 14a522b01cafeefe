"""No cent outside the plan, judged by what the panel took: prices, charges, balances and currencies that move."""

from collections.abc import Iterator
from decimal import Decimal

import pytest

from tests.acceptance.crooked import CrookedPanel, serving
from tests.acceptance.project import Project, post

D = Decimal
FIRST = 4  # orders before anything is confirmed


@pytest.fixture
def panel() -> Iterator[CrookedPanel]:
    with serving(CrookedPanel()) as serve:
        yield serve


@pytest.fixture
def project(bare_project: Project, panel: CrookedPanel) -> Project:
    bare_project.panels(panel.url)
    return bare_project


def times(factor: int, since: int = 0):
    return lambda cost, number: cost * factor if number >= since else cost


def test_a_price_that_rises_tenfold_in_a_run_is_counted_in_every_cap_and_stops_its_service(
    project: Project, panel: CrookedPanel
):
    panel.take = times(10, since=20)
    budget = {"total": "54.00", "per_run": "54.00", "per_day": "54.00"}
    project.campaign([post(number) for number in range(600)], budget=budget)
    ran = project.run("apply", "--yes", "--max-cost", "54.00")
    assert ran.code == 14
    assert panel.taken < D("54.00")
    assert "was charged 0.90 and 0.09 was expected" in ran.err
    assert f"for {panel.taken:.2f} USD" in ran.out  # what was taken, and not what was expected
    again = project.run("apply", "--yes")
    assert (again.code, len(panel.sold)) == (11, len(panel.sold))


def test_a_run_whose_only_trouble_is_a_charge_is_not_called_done(project: Project, panel: CrookedPanel):
    panel.take = times(10)
    project.campaign([post(1)])
    ran = project.run("apply", "--yes", "--report", "markdown=run.md")
    assert ran.code == 14
    verdict = "Partly done: 1 order placed for 0.90 USD; charged more than expected."
    assert ran.out.splitlines()[-2:] == [verdict, "Next: runner plan"]
    assert f"{verdict} Next: <code>runner plan</code>" in (project.root / "run.md").read_text(encoding="utf-8")
    project.campaign([post(1), post(2)])
    assert "Refused by charge:" in project.run("plan").out


def test_a_watch_whose_only_trouble_is_a_charge_says_so(project: Project, panel: CrookedPanel):
    panel.take = times(10)
    project.campaign([post(1)])
    ran = project.run("watch", "--yes", "--until", "placed")
    assert ran.code == 14
    last = ran.out.splitlines()[-2:]
    assert last[0].startswith("Partly done: charged more than expected. 1 order placed in")
    assert last[1] == "Next: runner plan"


def test_an_overdrawn_budget_is_told_by_every_command_until_a_person_raises_it(project: Project, panel: CrookedPanel):
    panel.take = times(10)
    project.campaign([post(number) for number in range(4)], budget={"total": "0.36"})
    ran = project.run("apply", "--yes")
    assert (ran.code, panel.taken) == (14, D("3.60"))
    words = (
        "budget.total is overdrawn by 3.24 USD: 3.60 USD committed already, 0.36 USD allowed (campaigns/spring.yaml:5)"
    )
    assert words in ran.err
    for command in ("status", "report"):
        assert words in project.run(command).err
    for command in (["plan"], ["apply", "--yes"]):
        refused = project.run(*command)
        assert refused.code == 11
        assert words in refused.out
    assert len(panel.sold) == 4
    project.campaign([post(number) for number in range(4)], budget={"total": "4.00"})
    assert project.run("apply", "--yes").code == 0


def test_a_panel_that_rounds_every_charge_to_cents_stays_within_the_caps(project: Project, panel: CrookedPanel):
    panel.rate = lambda _service: "0.052"
    panel.take = lambda _cost, _number: D("0.01")
    budget = {"total": "0.40", "per_run": "0.40"}
    project.campaign([post(number) for number in range(70)], budget=budget)
    ran = project.run("apply", "--yes", "--max-cost", "0.40")
    assert ran.code == 14
    assert panel.taken <= D("0.40")
    assert f"for {panel.taken} USD" in ran.out
    for _ in range(3):
        assert project.run("apply", "--yes").code in (11, 14)
    assert panel.taken <= D("0.40")
    refused = project.run("plan")
    assert "0.01" in refused.out  # the next ones are expected as they were charged


def test_a_rounding_that_only_the_balance_shows_stays_within_the_caps(project: Project, panel: CrookedPanel):
    panel.rate = lambda _service: "0.052"
    panel.take = lambda _cost, _number: D("0.01")
    panel.show = lambda _order: "0"
    project.campaign([post(number) for number in range(70)], budget={"total": "0.40"})
    assert project.run("apply", "--yes").code == 14
    assert panel.taken <= D("0.40")


def test_many_services_that_are_all_charged_a_hundredfold_stop_the_panel(project: Project, panel: CrookedPanel):
    panel.take = times(100)
    orders = [post(number, service=number // 4 + 1) for number in range(100)]
    project.campaign(orders, budget={"total": "9.00"})
    ran = project.run("apply", "--yes")
    assert ran.code == 14
    assert len(panel.sold) <= 2 * FIRST
    mixed = [post(number, service=number % 25 + 1) for number in range(100)]
    project.campaign(mixed, budget={"total": "9.00"}, policy={"on_change": "keep"})
    assert project.run("apply", "--yes").code == 11
    assert len(panel.sold) <= 2 * FIRST


def test_a_charge_that_is_hidden_at_first_and_far_too_high_later_bounds_the_loss_to_the_first_orders(
    project: Project, panel: CrookedPanel
):
    panel.take = times(100)
    panel.show = lambda _order: "0"
    project.campaign([post(number) for number in range(300)])
    ran = project.run("apply", "--yes")
    assert ran.code == 14
    assert len(panel.sold) == FIRST
    assert "its balance fell by 36.00 where 0.36 was expected" in ran.err
    panel.show = lambda order: str(order.taken)
    again = project.run("apply", "--yes")
    assert again.code == 11
    assert "was charged 9.00 and 0.09 was expected" in again.out
    assert len(panel.sold) == FIRST


def test_a_panel_that_shows_neither_charge_nor_balance_needs_a_word_in_its_profile(
    project: Project, panel: CrookedPanel
):
    panel.show = lambda _order: None
    panel.balance_text = lambda _funds: "1000.00"
    project.campaign([post(number) for number in range(30)])
    ran = project.run("apply", "--yes")
    assert (ran.code, len(panel.sold)) == (14, FIRST)
    assert "set charges: hidden for served in panels.yaml" in ran.err
    assert project.run("apply", "--yes").code == 11
    assert len(panel.sold) == FIRST
    project.panels(panel.url, charges="hidden")
    assert project.run("apply", "--yes").code == 0
    assert len(panel.sold) == 30


def test_a_charge_that_is_corrected_upwards_later_stops_its_service_until_accepted(
    project: Project, panel: CrookedPanel
):
    project.campaign([post(number) for number in range(30)])
    assert project.run("apply", "--yes").code == 0
    panel.show = lambda order: str(order.taken * 100)
    project.campaign([post(number) for number in range(90)])
    refused = project.run("apply", "--yes")
    assert (refused.code, len(panel.sold)) == (11, 30)
    assert "was charged 9.00 and 0.09 was expected" in refused.out
    project.panels(panel.url, accepted_charges=[order.id for order in panel.sold])
    panel.show = lambda order: str(order.taken * 100 if order.id < 531 else order.taken)
    assert project.run("apply", "--yes").code == 0
    assert len(panel.sold) == 90


@pytest.mark.parametrize(
    "answer", [{"error": "try again later"}, {"status": "success", "data": []}, [], "maintenance", None]
)
def test_nothing_is_bought_at_remembered_prices(project: Project, panel: CrookedPanel, answer: object):
    project.campaign([post(1)])
    assert project.run("apply", "--yes").code == 0
    panel.says["services"] = answer
    panel.take = times(10)
    project.campaign([post(number, quantity=1000) for number in range(1, 9)], policy={"on_change": "keep"})
    ran = project.run("apply", "--yes", "--max-cost", "10.00")
    assert ran.code in (11, 13)
    assert len(panel.sold) == 1
    assert "price list" in ran.out + ran.err
    assert project.run("status").code == 0  # what is remembered is still shown
    del panel.says["services"]
    panel.take = times(1)
    assert project.run("apply", "--yes", "--max-cost", "10.00").code == 0


def test_a_refund_that_the_balance_does_not_show_frees_no_budget(project: Project, panel: CrookedPanel):
    project.campaign(
        [post(1, quantity=1000)],
        budget={"total": "0.90"},
        policy={"on_canceled": "reorder", "max_reorders": 8},
    )
    for _ in range(8):
        project.run("apply", "--yes")
        for order in panel.sold:
            order.status, order.more = "Canceled", {"charge": "0"}
    assert panel.taken == D("0.90")
    refused = project.run("apply", "--yes")
    assert refused.code == 11
    assert "said to be refunded, but not confirmed by the balance" in refused.out
    panel.funds += D("0.90")
    assert project.run("apply", "--yes").code == 0
    assert len(panel.sold) == 2


def test_money_that_leaves_an_exclusive_account_without_us_is_11_until_it_is_labelled(
    project: Project, panel: CrookedPanel
):
    project.panels(panel.url, exclusive=True)
    project.campaign([post(1)])
    assert project.run("apply", "--yes").code == 0
    panel.funds -= D("5.00")
    idle = project.run("apply", "--yes")
    assert "warning: served: 5.00 USD is gone from the balance of served and no order explains it" in idle.err
    project.campaign([post(1), post(2)])
    refused = project.run("apply", "--yes")
    assert (refused.code, len(panel.sold)) == (11, 1)
    assert "5.00 USD is gone from the balance of served" in refused.out
    assert project.run("balance", "served", "--label", "bought by hand", "--yes").code == 0
    assert project.run("apply", "--yes").code == 0
    assert len(panel.sold) == 2


def test_a_currency_that_switches_is_11_until_a_person_agrees_and_the_sums_never_meet(
    project: Project, panel: CrookedPanel
):
    budget = {"total": "9.00"}
    project.campaign([post(number) for number in range(80)], budget=budget)
    assert project.run("apply", "--yes").code == 0
    panel.currency, panel.funds = "INR", D(80000)
    project.campaign([post(number) for number in range(160)], budget=budget)
    refused = project.run("apply", "--yes")
    assert (refused.code, len(panel.sold)) == (11, 80)
    assert "the account on served was in USD and is in INR now" in refused.out
    project.campaign([post(number) for number in range(160)], budget=budget | {"currency": "USD"})
    assert "bills in INR, but budget.currency" in project.run("apply", "--yes").out
    project.campaign([post(number) for number in range(160)], budget=budget | {"currency": "INR"})
    agreed = project.run("apply", "--yes")
    assert (agreed.code, len(panel.sold)) == (0, 160)  # 7.20 INR of 9.00, whatever was spent in USD
    assert "are in USD and not in budget.total" in agreed.out + project.run("plan").out
