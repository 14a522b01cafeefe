"""A panel that leaves out what is left of an order: nothing is bought on what an older status said."""

from decimal import Decimal

import pytest

from tests.acceptance.own_panel import FIRST_ID, OwnPanel
from tests.acceptance.project import Project, post
from tests.by_hand import edit_state

REORDER = {"on_partial": "reorder", "on_canceled": "reorder", "max_reorders": 5}
LIVE = {"status": "In progress", "charge": "0.90", "start_count": "10", "remains": "700"}
SILENT = [
    ("left out", {}),
    ("empty", {"remains": ""}),
    ("null", {"remains": None}),
    ("a word", {"remains": "N/A"}),
    ("a fraction", {"remains": "700.5"}),
    ("signed", {"remains": "+700"}),
    ("negative", {"remains": "-5"}),
    ("above the quantity", {"remains": "1001"}),
    ("a list", {"remains": [700]}),
]


def let_time_pass(project: Project) -> None:
    """Final orders are looked at again when they are due: date the last look back."""
    edit_state(
        project.state,
        "UPDATE attempts SET checked_at = '2026-01-01T00:00:00.000Z' WHERE checked_at IS NOT NULL",
    )


@pytest.fixture
def bought(bare_project: Project, own: OwnPanel) -> Project:
    """One order of 1,000 units, of which the panel said that 700 remain while it worked on it."""
    bare_project.panels(own.url)
    bare_project.campaign([post(1, quantity=1000)], policy=REORDER)
    assert bare_project.run("apply", "--yes").code == 0
    own.status = lambda _id, _form: LIVE
    assert bare_project.run("status", "--refresh").code == 0
    return bare_project


@pytest.mark.parametrize("word", ["Partial", "Canceled", "Refunded"])
@pytest.mark.parametrize(("_name", "said"), SILENT, ids=[name for name, _ in SILENT])
def test_nothing_is_bought_again_on_what_a_final_status_did_not_say(
    bought: Project, own: OwnPanel, word: str, _name: str, said: dict
):
    own.status = lambda _id, _form: {"status": word, "charge": "0.27", "start_count": "10"} | said
    for _ in range(2):
        ran = bought.run("apply", "--yes")
        assert ran.code == 0, ran.err
    assert len(own.orders) == 1, "units that may have been delivered were bought again"
    plan = " ".join(bought.run("plan").out.split())
    assert "note: spring: 1 order ended short" in plan
    assert f"spring/post-1: order {FIRST_ID} ended {word.lower()}" in plan
    (row,) = bought.run("status", "--format", "json").json["orders"]
    assert row["remains"] in (None, -5, 1001)


def test_the_former_numbers_are_not_shown_as_those_of_the_end(bought: Project, own: OwnPanel):
    (live,) = bought.run("status", "--format", "json").json["orders"]
    assert (live["remains"], live["start_count"]) == (700, 10)
    own.status = lambda _id, _form: {"status": "Partial"}
    bought.run("status", "--refresh")
    (ended,) = bought.run("status", "--format", "json").json["orders"]
    assert (ended["status"], ended["remains"], ended["start_count"]) == ("partial", None, None)


@pytest.mark.parametrize("later", [{"status": "Partial"}, {"status": "Partial", "remains": "many"}])
def test_a_final_status_that_no_longer_says_it_takes_it_back(bought: Project, own: OwnPanel, later: dict):
    bought.campaign([post(1, quantity=1000)])
    for status in ({"status": "Partial", "remains": "700"}, later):
        own.status = lambda _id, _form, said=status: said
        assert bought.run("status", "--refresh").code == 0
        let_time_pass(bought)
    bought.campaign([post(1, quantity=1000)], policy=REORDER)
    assert bought.run("apply", "--yes").code == 0
    assert len(own.orders) == 1


@pytest.mark.parametrize("answer", [{"error": "Incorrect order ID"}, {"status": "In progress"}, {"status": "Brewing"}])
def test_what_is_known_of_a_live_order_stays_on_the_screen(bought: Project, own: OwnPanel, answer: dict):
    own.status = lambda _id, _form: answer
    bought.run("status", "--refresh")
    (row,) = bought.run("status", "--format", "json").json["orders"]
    assert (row["status"], row["remains"], row["charge"], row["start_count"]) == ("in_progress", 700, "0.90", 10)


@pytest.mark.parametrize("answer", [{"error": "Incorrect order ID"}, {"status": "Brewing", "remains": "900"}])
def test_what_a_final_status_said_outlives_answers_that_are_none(bought: Project, own: OwnPanel, answer: dict):
    bought.campaign([post(1, quantity=1000)])
    own.status = lambda _id, _form: {"status": "Partial", "charge": "0.63", "remains": "300"}
    bought.run("status", "--refresh")
    let_time_pass(bought)
    own.status = lambda _id, _form: answer
    before = len(own.requests)
    bought.run("status", "--refresh")
    assert "status" in [form["action"] for form in own.requests[before:]]
    (row,) = bought.run("status", "--format", "json").json["orders"]
    assert (row["status"], row["remains"], row["charge"]) == ("partial", 300, "0.63")


def test_a_cancellation_without_a_charge_gives_no_money_back(bought: Project, own: OwnPanel):
    """While it worked on it, the panel said 0 for *not known*."""
    own.status = lambda _id, _form: LIVE | {"charge": "0"}
    bought.run("status", "--refresh")
    own.status = lambda _id, _form: {"status": "Canceled", "remains": "1000"}
    bought.campaign([post(1, quantity=1000)])
    bought.run("status", "--refresh")
    report = bought.run("report", "--format", "json").json
    assert (Decimal(report["spent"]), Decimal(report["refunded"])) == (Decimal("0.90"), Decimal(0))


def test_a_charge_that_was_raised_stays_when_the_end_does_not_name_one(bought: Project, own: OwnPanel):
    own.status = lambda _id, _form: LIVE | {"charge": "9.00"}
    bought.run("status", "--refresh")
    own.status = lambda _id, _form: {"status": "Completed", "remains": "0"}
    bought.run("status", "--refresh")
    assert bought.run("report", "--format", "json").json["spent"] == "9.00"


def test_no_drop_is_seen_against_a_count_that_the_end_did_not_name(bought: Project, own: OwnPanel):
    policy = {"refill": {"when": "drop"}}
    bought.campaign([post(1, quantity=1000)], policy=policy)
    bought.write("counts.csv", f"link,count\n{post(1)['link']},500\n")
    own.status = lambda _id, _form: {"status": "Completed", "charge": "0.90", "remains": "0"}
    ran = bought.run("apply", "--yes", "--counts", "counts.csv")
    assert "0 refills" not in ran.out
    assert not [form for form in own.requests if form["action"] == "refill"]
    assert "without a count at the start: no drop can be seen" in bought.run("plan", "--counts", "counts.csv").out


def test_what_the_end_does_say_is_bought_again(bought: Project, own: OwnPanel):
    own.status = lambda order_id, form: (
        {"status": "Partial", "charge": "0.63", "remains": 300}
        if order_id == str(FIRST_ID)
        else {"status": "Completed", "charge": "0.27", "remains": 0}
    )
    for _ in range(3):
        assert bought.run("apply", "--yes").code == 0
    assert [form["quantity"] for form in own.orders.values()] == ["1000", "300"]
