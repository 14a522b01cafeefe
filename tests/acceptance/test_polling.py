"""Polling as users meet it: corrections, words nobody knows, limits of a day, and panels that lack something."""

import json
import sqlite3
from contextlib import closing

import pytest

from tests.acceptance.project import Project, post
from tests.acceptance.served import Served
from tests.by_hand import edit_state

NO_LISTS = {"kind": "answer", "action": "status", "times": 1, "text": '{"error": "Incorrect request"}'}
NO_CANCEL = {"kind": "answer", "action": "cancel", "text": '{"error": "Invalid action"}'}
WEEK = 7 * 24 * 60


def buy(project: Project, number: int = 3) -> None:
    project.campaign([post(n) for n in range(number)])
    assert project.run("apply", "--yes", "-q").code == 0


def status_calls(served: Served, do) -> int:
    before = served.requests()["status"]
    do()
    return served.requests()["status"] - before


def shift(project: Project, days: int) -> None:
    """As if everything that the state knows had been that much earlier."""
    moved = f"strftime('%Y-%m-%dT%H:%M:%fZ', {{}}, '-{days} days')"
    edit_state(
        project.state,
        *(
            f"UPDATE attempts SET {column} = {moved.format(column)} WHERE {column} IS NOT NULL"
            for column in ("marked_at", "settled_at", "checked_at", "final_at")
        ),
        f"UPDATE lacking SET seen_at = {moved.format('seen_at')}",
    )


def refresh(project: Project, *more: str):
    ran = project.run("status", "--refresh", "--format", "json", *more)
    assert ran.code == 0, ran.err
    return ran


def test_a_final_order_is_asked_for_again_a_day_later_and_its_correction_is_told_and_booked(
    project: Project, served_sandbox: Served
):
    buy(project)
    served_sandbox.tell("clock", {"advance_minutes": WEEK})
    assert {one["health"] for one in refresh(project).json["orders"]} == {"completed"}
    assert status_calls(served_sandbox, lambda: refresh(project)) == 0
    (first, *_) = served_sandbox.orders()
    served_sandbox.tell(f"orders/{first['order']}", {"status": "Partial", "remains": 40})
    shift(project, 1)
    ran = refresh(project)
    assert "spring/post-0 was final, and the panel corrects it: completed -> partial" in ran.err
    assert [one["health"] for one in ran.json["orders"]] == ["partial", "completed", "completed"]
    report = project.run("report", "--format", "json").json
    assert (report["refunded"], report["unexplained"]) == ("0.036", "0.00")


def test_after_the_refill_window_nobody_asks_for_a_final_order(project: Project, served_sandbox: Served):
    buy(project)
    served_sandbox.tell("clock", {"advance_minutes": WEEK})
    refresh(project)
    shift(project, 29)
    assert status_calls(served_sandbox, lambda: refresh(project)) == 1
    shift(project, 2)
    assert status_calls(served_sandbox, lambda: refresh(project)) == 0


def test_a_word_that_nobody_knows_is_told_once_and_the_order_stays_live(project: Project, served_sandbox: Served):
    buy(project)
    for one in served_sandbox.orders():
        served_sandbox.tell(f"orders/{one['order']}", {"show": {"status": "Brewing"}})
    assert refresh(project).err.count("`Brewing`") == 1
    assert refresh(project).err.count("`Brewing`") == 0
    assert {one["status"] for one in refresh(project).json["orders"]} == {"pending"}


def test_the_calls_of_a_day_are_kept_over_runs_and_what_they_do_not_reach_is_told(
    bare_project: Project, served_sandbox: Served
):
    bare_project.panels(served_sandbox.url, rate={"status_per_day": 4}, parallel={"read": 1})
    buy(bare_project, 120)  # two calls: the look after buying
    first = served_sandbox.requests()["status"]
    assert status_calls(served_sandbox, lambda: refresh(bare_project)) == min(2, 4 - first)
    ran = refresh(bare_project)
    assert served_sandbox.requests()["status"] == 4
    assert "120 orders were not asked for, the 4 status calls of the day (rate.status_per_day) are used up" in ran.err
    applied = bare_project.run("apply", "--yes", "--format", "json")
    assert applied.code == 0, "prices and balance are read all the same"
    assert served_sandbox.requests()["status"] == 4


def test_that_a_panel_takes_no_lists_is_remembered_by_the_next_run_and_tried_again_after_a_month(
    project: Project, served_sandbox: Served
):
    buy(project)
    served_sandbox.fault(NO_LISTS)
    assert "panel served takes no lists in status" in refresh(project).err
    assert status_calls(served_sandbox, lambda: refresh(project)) == 3
    assert "takes no lists" not in refresh(project).err
    shift(project, 31)
    assert status_calls(served_sandbox, lambda: refresh(project)) == 1


def test_that_a_panel_cancels_nothing_is_remembered_but_a_person_may_always_try(
    project: Project, served_sandbox: Served
):
    buy(project)
    served_sandbox.fault(NO_CANCEL)
    asked = project.run("cancel", "spring/post-0", "--yes", "--format", "json")
    assert asked.code == 14
    assert "panel served can't cancel orders" in asked.err
    with closing(sqlite3.connect(project.state)) as state:
        assert state.execute("SELECT panel, ability FROM lacking").fetchall() == [("served", "cancel")]
    served_sandbox.fault()
    assert project.run("cancel", "spring/post-0", "--yes", "--format", "json").code == 0


def test_live_orders_show_an_estimate_in_status_and_stalled_ones_the_reason(project: Project, served_sandbox: Served):
    drip = post(1, service=4, runs=5, interval=60)
    project.campaign([drip, post(2)], policy={"stalled_after": "10h"})
    assert project.run("apply", "--yes", "-q").code == 0
    rows = {one["order"]: one for one in project.run("status", "--format", "json").json["orders"]}
    assert rows["spring/post-1"]["eta"] is not None
    assert rows["spring/post-2"]["eta"] is None
    shift(project, 1)
    shown = project.run("status")
    assert "live for 1 d, policy.stalled_after is 10 h behind the 4 h of its drip-feed" in shown.out
    assert shown.out.splitlines()[-1] == "2 orders: 2 placed; 2 stalled"
    assert json.loads(project.run("status", "--format", "json").out)["summary"]["stalled"] == 2


@pytest.mark.parametrize("wrong", ["soon", "-1h", "0"])
def test_a_limit_that_is_no_time_is_an_error(project: Project, wrong: str):
    project.campaign([post(1)], policy={"stalled_after": wrong})
    assert project.run("validate").code == 10


@pytest.mark.parametrize("word", ["", None, "Teleporting"], ids=repr)
def test_an_odd_word_of_many_orders_is_told_once_in_all(project: Project, served_sandbox: Served, word: object):
    """In batches side by side, right behind the purchase, and again by later commands."""
    project.campaign([post(number) for number in range(230)])
    row = {"status": word, "charge": "0.09", "remains": "100"}
    known = {str(number): row for number in range(23501, 23501 + 230)}
    served_sandbox.fault({"kind": "answer", "action": "status", "text": json.dumps(known)})
    shown = '""' if word == "" else json.dumps(word) if word is None else word
    told = [project.run(*line).err for line in (("apply", "--yes"), ("status", "--refresh"), ("plan",))]
    assert [err.count(f"`{shown}`, a word that is not known") for err in told] == [1, 0, 0], told
    assert [err.count("note:") for err in told] == [2, 0, 0], told  # the other one: a new state begins


def test_an_empty_word_said_later_is_told_with_its_order_once(project: Project, served_sandbox: Served):
    project.campaign([post(number) for number in range(230)])
    assert project.run("apply", "--yes", "-q").code == 0
    for order in served_sandbox.orders():
        served_sandbox.tell(f"orders/{order['order']}", {"show": {"status": ""}})
    ran = project.run("status", "--refresh")
    assert ran.err.count("calls spring/post-") == 1
    assert '`""`' in ran.err
    assert "note:" not in project.run("status", "--refresh").err
