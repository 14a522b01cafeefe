"""A service id that comes twice in a price list: told with both prices, and the worse of what is said counts."""

from decimal import Decimal

import pytest

from tests.acceptance.own_panel import OwnPanel, a_row
from tests.acceptance.project import Project, post

TOLD = "warning: served lists service 1 twice, at 0.90 and 9.00 per 1000: the dearer price counts"


@pytest.fixture
def project(bare_project: Project, own: OwnPanel) -> Project:
    bare_project.panels(own.url)
    bare_project.campaign([post(1, quantity=1000)])
    return bare_project


@pytest.mark.parametrize("ids", [(1, "1"), ("1", 1), (1, 1)])
@pytest.mark.parametrize("dearer_first", [False, True])
def test_the_dearer_price_counts_and_both_are_told(project: Project, own: OwnPanel, ids: tuple, dearer_first: bool):
    rows = [a_row(service=ids[0]), a_row(service=ids[1], rate="9.00")]
    own.rows = rows[::-1] if dearer_first else rows
    own.charge = lambda form: Decimal("0.009") * int(form["quantity"])
    told = TOLD.replace("0.90 and 9.00", "9.00 and 0.90") if dearer_first else TOLD
    plan = project.run("plan", "--format", "json")
    assert (plan.code, plan.json["cost"]) == (0, "9.00")
    refused = project.run("apply", "--yes", "--max-cost", "1.00")
    assert (refused.code, len(own.orders)) == (11, 0)
    text = project.run("plan", "--report", "html=plan.html", "--report", "markdown=plan.md")
    remembered = project.run("plan", "--no-refresh")
    services = project.run("services", "served")
    applied = project.run("apply", "--yes")
    assert applied.code == 0, applied.err
    for ran in (plan, refused, text, remembered, services, applied):
        assert " ".join(ran.err.split()).count(told) == 1, ran.err
    for name in ("plan.html", "plan.md"):
        assert "lists service 1 twice" in (project.root / name).read_text()
    assert "9.00" in services.out
    assert "0.90" not in services.out
    events = project.run("apply", "--yes", "--format", "jsonl").events
    assert any("lists service 1 twice" in str(one.get("message")) for one in events if one["type"] == "warning")


STRICTER = [
    ({"min": "2000"}, "quantity 1000 is below service 1's minimum of 2000", 10, "min differs"),
    ({"max": "500"}, "quantity 1000 is above service 1's maximum of 500", 10, "max differs"),
    ({"type": "Custom Comments"}, "only Default can be ordered", 10, "type differs"),
]


@pytest.mark.parametrize(("changes", "words", "code", "differs"), STRICTER)
@pytest.mark.parametrize("stricter_first", [False, True])
def test_the_stricter_of_the_other_fields_counts(
    project: Project, own: OwnPanel, changes: dict, words: str, code: int, differs: str, stricter_first: bool
):
    rows = [a_row(), a_row(**changes)]
    own.rows = rows[::-1] if stricter_first else rows
    ran = project.run("apply", "--yes")
    assert (ran.code, len(own.orders)) == (code, 0)
    assert words in ran.out + ran.err
    told = project.run("plan").err
    assert f"served lists service 1 twice, {differs}: the stricter counts" in told


def test_what_only_one_line_offers_is_not_offered(project: Project, own: OwnPanel):
    own.rows = [a_row(dripfeed=True), a_row(refill=False, cancel=False, dripfeed=False)]
    (service,) = project.run("services", "served", "--format", "json").json["services"]
    assert (service["refill"], service["cancel"], service["dripfeed"]) == (False, False, False)
    project.campaign([post(1, runs=2, interval=60)])
    ran = project.run("plan")
    assert (ran.code, "has no drip-feed" in ran.out) == (10, True)
    assert "refill, cancel and dripfeed differ: the stricter counts" in ran.err


def test_the_same_line_twice_does_no_harm(project: Project, own: OwnPanel):
    own.rows = [a_row(), a_row(rate="0.900", category="again")]
    ran = project.run("apply", "--yes")
    assert (ran.code, "lists service" in ran.err) == (0, False)


def test_services_that_nobody_orders_are_told_by_services_alone(project: Project, own: OwnPanel):
    own.rows = [a_row(), *(a_row(service=number, rate=rate) for number in range(2, 14) for rate in ("1.00", "2.00"))]
    assert "lists service" not in project.run("plan").err
    told = project.run("services", "served").err
    assert told.count("served lists service ") == 10
    assert "served lists 2 more services several times, with different words" in " ".join(told.split())


def test_a_list_that_is_put_right_is_told_no_longer(project: Project, own: OwnPanel):
    own.rows = [a_row(), a_row(rate="9.00"), a_row(rate="5.00")]
    assert "lists service 1 3 times, at 0.90, 9.00 and 5.00 per 1000" in " ".join(project.run("plan").err.split())
    own.rows = [a_row()]
    ran = project.run("plan")
    assert (ran.code, "lists service" in ran.err) == (0, False)
