"""Removing as users meet it: orders that left their file stay, are cancelled by --prune, or are protected; renames never buy."""

import json
from decimal import Decimal

import pytest

from tests.acceptance.project import BRAND, Project, Ran, post
from tests.acceptance.served import Served
from tests.by_hand import edit_state

DAY = 24 * 60  # panel minutes
KEEP = post(0, quantity=1000)


def bought(project: Project, *orders: dict, **more: object) -> None:
    """The orders of a file that lists them, placed."""
    project.campaign([KEEP, *orders], **more)
    assert project.run("apply", "--yes", "-q").code == 0
    project.campaign([KEEP], **more)


def a_day_passes(project: Project) -> None:
    """For the runner: what it asked for is a day older."""
    edit_state(project.state, "UPDATE cancels SET asked_at = strftime('%Y-%m-%dT%H:%M:%fZ', asked_at, '-1 day')")


def asked(served: Served) -> list[int]:
    """The panel's numbers of the orders that somebody asked to cancel."""
    return [order["order"] for order in served.orders() if order["cancel_requested"] is not None]


def actions(ran: Ran) -> dict[str, str]:
    return {one["order"]: one["action"] for one in ran.json["actions"]}


def money(project: Project) -> dict[str, Decimal]:
    report = project.run("report", "--format", "json").json
    return {name: Decimal(report[name]) for name in ("spent", "refunded", "reserved", "unexplained", "balance")}


def test_from_the_plan_over_the_request_to_the_refund(project, served_sandbox):
    bought(project, post(1, quantity=1000), post(2, quantity=1000))
    before = money(project)
    kept = project.run("plan", "-q")
    assert "2 orders are no longer listed; they stay bought" in kept.out
    assert project.run("apply", "--yes", "-q").code == 0
    assert served_sandbox.requests()["cancel"] == 0

    shown = project.run("plan", "--prune", "-q")
    assert shown.code == 0
    assert "Cancel (2):" in shown.out
    assert "Ready: 2 cancellations for 0.00 USD." in shown.out
    assert "runner apply --prune" in shown.out
    planned = project.run("plan", "--prune", "--format", "json", "-q", "--detailed-exitcode")
    assert planned.code == 2
    assert planned.json["summary"] == {"cancel": 2, "ok": 1}
    action = planned.json["actions"][0]
    assert (action["order"], action["action"], action["cost"]) == ("spring/post-1", "cancel", "0.00")
    assert (action["service"], action["link"], action["quantity"]) == ("1", f"{BRAND}p/1", 1000)
    assert action["reason"].startswith("no longer listed; order 23502 is ")

    done = project.run("apply", "--prune", "--yes", "--format", "json", "-q")
    assert (done.code, done.json["cancels"], done.json["placed"], done.json["orders"]) == (0, 2, 0, [])
    assert asked(served_sandbox) == [23502, 23503]
    assert served_sandbox.requests()["cancel"] == 1
    assert money(project) == before  # asked for is not cancelled
    waiting = project.run("plan", "--prune", "--format", "json", "-q")
    assert actions(waiting) == {"spring/post-1": "wait", "spring/post-2": "wait"}
    assert "the panel has not cancelled it yet" in waiting.json["actions"][0]["reason"]
    assert project.run("apply", "--prune", "--yes", "-q").code == 0
    assert served_sandbox.requests()["cancel"] == 1

    served_sandbox.tell("clock", {"advance_minutes": 12})
    over = project.run("apply", "--prune", "--yes", "--format", "json", "-q")
    assert (over.code, over.json["cancels"]) == (0, 0)
    after = money(project)
    truth = served_sandbox.orders()
    assert {order["status"] for order in truth[1:]} <= {"Canceled", "Partial"}
    assert after["refunded"] > 0
    assert after["spent"] + after["refunded"] == before["spent"]
    assert after["spent"] == sum(Decimal(str(order["charge"])) for order in truth)
    assert after["unexplained"] == 0
    status = {one["order"]: one for one in project.run("status", "--format", "json").json["orders"]}
    assert {status[f"spring/post-{number}"]["sync"] for number in (1, 2)} == {"removed"}
    assert project.run("apply", "--prune", "--yes", "-q").code == 0
    assert served_sandbox.requests()["cancel"] == 1


def test_a_partly_delivered_order_gives_back_the_rest(project, served_sandbox):
    bought(project, post(1, quantity=1000))
    served_sandbox.tell("orders/23502", {"status": "In progress"})
    assert project.run("apply", "--prune", "--yes", "-q").code == 0
    served_sandbox.tell("orders/23502", {"status": "Partial", "remains": 400})
    assert project.run("status", "--refresh", "-q").code == 0
    after, truth = money(project), served_sandbox.orders()[1]
    assert truth["status"] == "Partial"
    assert after["refunded"] == Decimal("0.36")
    assert after["unexplained"] == 0


def test_a_campaign_prunes_by_itself_where_it_says_so(project, served_sandbox):
    bought(project, post(1), prune=True)
    done = project.run("apply", "--yes", "--format", "json", "-q")
    assert (done.code, done.json["cancels"]) == (0, 1)
    assert asked(served_sandbox) == [23502]


def test_what_the_service_can_not_cancel_and_what_is_removed_stays(project, served_sandbox):
    bought(project, post(1, service=3), post(2), post(3))
    project.campaign([KEEP], removed=["post-2"])
    planned = project.run("plan", "--prune", "-q")
    assert "no longer listed and stays bought, as service 3 can't be cancelled: spring/post-1" in planned.out
    assert "post-2" not in planned.out
    assert project.run("apply", "--prune", "--yes", "-q").code == 0
    assert asked(served_sandbox) == [23504]


# What never cancels


def test_an_order_in_doubt_is_never_cancelled(project, served_sandbox):
    project.campaign([KEEP, post(1)])
    served_sandbox.fault({"kind": "reset_after", "action": "add", "after": 1})
    assert project.run("apply", "--yes", "-q", "--parallel", "1").code == 15
    served_sandbox.fault()
    project.campaign([KEEP])
    pruned = project.run("apply", "--prune", "--yes", "-q")
    assert pruned.code == 15
    assert served_sandbox.requests()["cancel"] == 0


def test_a_file_without_orders_and_a_folder_without_files_cancel_nothing(project, served_sandbox):
    bought(project, post(1))
    project.csv([], "posts.csv")
    (project.root / "campaigns" / "posts.csv").write_text("id,link,quantity,service\n")
    project.campaign([{"from": "posts.csv"}])
    assert "lists no order, and then prune cancels nothing" in project.run("plan", "--prune", "-q").out
    assert project.run("apply", "--prune", "--yes", "-q").code == 0
    assert asked(served_sandbox) == []
    (project.root / "campaigns" / "spring.yaml").unlink()
    gone = project.run("apply", "--prune", "--yes", "-q")
    assert gone.code == 10
    assert asked(served_sandbox) == []


def test_another_file_or_another_selection_cancels_nothing(project, served_sandbox):
    bought(project, post(1))
    other = project.campaign([post(9)], name="autumn")
    assert project.run("apply", str(other.relative_to(project.root)), "--prune", "--yes", "-q").code == 0
    assert project.run("apply", "--prune", "--yes", "-q", "--select", "spring/post-0").code == 0
    assert project.run("apply", "--prune", "--yes", "-q", "--exclude", "spring/*").code == 0
    assert asked(served_sandbox) == []
    assert project.run("apply", "--prune", "--yes", "-q", "--select", "spring/*").code == 0
    assert asked(served_sandbox) == [23502]


def test_too_many_are_refused_before_anything_is_sent(project, served_sandbox):
    bought(project, *(post(number) for number in range(1, 12)))
    project.campaign([KEEP, post(50)])
    refused = project.run("apply", "--prune", "--yes", "-q")
    assert refused.code == 11
    assert "11 of 12 live orders would be cancelled" in refused.out
    assert "30% of 12 live orders, that is 3" in refused.out
    assert (len(served_sandbox.orders()), asked(served_sandbox)) == (12, [])
    part = project.run("apply", "--prune", "--yes", "-q", "--select", "spring/post-[1-3]")
    assert part.code == 0
    assert len(asked(served_sandbox)) == 3


# Consent


def test_nobody_is_asked_to_cancel_without_consent(project, served_sandbox):
    bought(project, post(1))
    unasked = project.run("apply", "--prune", "-q")
    assert unasked.code == 11
    assert "1 order(s) to cancel and nobody to ask" in unasked.err
    assert asked(served_sandbox) == []
    said = project.run("apply", "--prune", "--yes", "-q")
    assert "1 cancellation asked for" in said.out
    assert "what is cancelled and refunded, the orders' status will tell" in said.out


# Panels that say no


def test_a_panel_that_refuses_ends_with_14_and_is_left_in_peace_for_a_day(project, served_sandbox):
    bought(project, post(1), post(2))
    served_sandbox.tell("orders/23502", {"status": "Completed"})  # nobody has looked yet
    late = project.run("apply", "--prune", "--yes", "-q", "--format", "json")
    assert (late.code, late.json["cancels"]) == (0, 1)  # it looked before it planned
    served_sandbox.fault(
        {"kind": "answer", "action": "cancel", "text": '[{"order": 23504, "cancel": {"error": "No"}}]'}
    )
    project.campaign([KEEP, post(3)])
    assert project.run("apply", "--yes", "-q").code == 0
    project.campaign([KEEP])
    refused = project.run("apply", "--prune", "--yes", "-q")
    assert refused.code == 14
    assert "Not cancelled (1):" in refused.out
    assert "1 cancellation refused" in refused.out
    calls = served_sandbox.requests()["cancel"]
    assert project.run("apply", "--prune", "--yes", "-q").code == 0
    assert served_sandbox.requests()["cancel"] == calls
    served_sandbox.fault()
    a_day_passes(project)
    assert project.run("apply", "--prune", "--yes", "--format", "json", "-q").json["cancels"] == 2


def test_a_lost_answer_is_asked_for_again_without_harm(project, served_sandbox):
    bought(project, post(1))
    served_sandbox.fault({"kind": "reset_after", "action": "cancel"})
    lost = project.run("apply", "--prune", "--yes", "--format", "json", "-q")
    assert (lost.code, lost.json["cancels"]) == (14, 0)
    served_sandbox.fault()
    assert project.run("apply", "--prune", "--yes", "--format", "json", "-q").json["cancels"] == 1
    assert asked(served_sandbox) == [23502]


def test_more_than_a_hundred_go_in_calls_of_a_hundred(project, served_sandbox):
    policy = {"max_cancel": "100%"}
    bought(project, *(post(number) for number in range(1, 206)), policy=policy)
    done = project.run("apply", "--prune", "--yes", "--format", "jsonl", "-q")
    assert done.code == 0, done.err
    told = [event for event in done.events if event["type"] == "cancel_asked"]
    assert (len(told), {event["outcome"] for event in told}) == (205, {"recorded"})
    assert [event["cancel"] for event in done.events if event["type"] == "planned"] == [205]
    assert served_sandbox.requests()["cancel"] == 3


# Saved plans


def test_a_saved_plan_cancels_what_it_says(project, served_sandbox):
    bought(project, post(1))
    assert project.run("plan", "--prune", "--out", "plan.json", "-q").code == 0
    assert json.loads((project.root / "plan.json").read_text())["binding"]["prune"] is True
    assert project.run("apply", "plan.json", "--prune", "-q").code == 64
    done = project.run("apply", "plan.json", "--format", "json", "-q")
    assert (done.code, done.json["cancels"]) == (0, 1), done.err
    assert asked(served_sandbox) == [23502]


def test_a_saved_plan_without_prune_cancels_nothing(project, served_sandbox):
    bought(project, post(1))
    assert project.run("plan", "--out", "plan.json", "-q").code == 0
    assert project.run("apply", "plan.json", "-q").code == 0
    assert asked(served_sandbox) == []


def test_a_saved_plan_whose_orders_have_ended_meanwhile_is_stale(project, served_sandbox):
    bought(project, post(1))
    assert project.run("plan", "--prune", "--out", "plan.json", "-q").code == 0
    served_sandbox.tell("orders/23502", {"status": "Completed"})
    stale = project.run("apply", "plan.json", "-q")
    assert stale.code == 12
    assert "spring/post-1: it was to cancel, now nothing" in stale.err
    assert asked(served_sandbox) == []


def test_a_saved_plan_to_which_somebody_added_prune_is_refused(project, served_sandbox):
    bought(project, post(1))
    assert project.run("plan", "--out", "plan.json", "-q").code == 0
    saved = json.loads((project.root / "plan.json").read_text())
    saved["binding"]["prune"] = True
    (project.root / "plan.json").write_text(json.dumps(saved))
    assert project.run("apply", "plan.json", "-q").code == 12
    assert asked(served_sandbox) == []


# Protected


def test_a_protected_order_survives_its_line_until_a_line_lets_it_go(project, served_sandbox):
    bought(project, post(1, protect=True), post(2))
    gone = project.run("apply", "--prune", "--yes", "-q")
    assert gone.code == 0
    assert asked(served_sandbox) == [23503]
    shown = project.run("plan", "--prune", "-q").out
    assert "1 order is no longer listed but protected, and never cancelled by prune: spring/post-1" in shown
    assert "list it without `protect`, apply, and take it out again" in shown
    project.campaign([KEEP, post(1)])
    assert project.run("apply", "--yes", "-q").code == 0
    project.campaign([KEEP])
    assert project.run("apply", "--prune", "--yes", "-q").code == 0
    assert asked(served_sandbox) == [23502, 23503]


@pytest.mark.parametrize("way", ["moved", "state mv"])
def test_protection_goes_with_a_renamed_order(project, served_sandbox, way):
    bought(project, post(1, protect=True))
    if way == "moved":
        project.campaign([KEEP, post(1, id="b", protect=True)], moved=[{"from": "post-1", "to": "b"}])
        assert project.run("apply", "--yes", "-q").code == 0
    else:
        assert project.run("state", "mv", "spring/post-1", "spring/b").code == 0
    project.campaign([KEEP])
    shown = project.run("apply", "--prune", "--yes", "-q")
    assert shown.code == 0
    assert asked(served_sandbox) == []
    assert "protected, and never cancelled by prune: spring/b" in project.run("plan", "--prune", "-q").out


# Renames


def test_a_rename_is_held_until_somebody_says_which(project, served_sandbox):
    bought(project, post(1))
    project.campaign([KEEP, post(1, id="teaser"), post(2)])
    held = project.run("apply", "--prune", "--yes", "-q")
    assert held.code == 11
    assert "Refused by rename: spring spring/teaser (campaigns/spring.yaml:" in held.out
    assert ") looks like spring/post-1 under a new name" in held.out
    assert actions(project.run("plan", "--format", "json", "-q")) == {
        "spring/teaser": "blocked",
        "spring/post-2": "place",
    }
    assert (len(served_sandbox.orders()), asked(served_sandbox)) == (2, [])

    project.campaign([KEEP, post(1, id="teaser"), post(2)], moved=[{"from": "post-1", "to": "teaser"}])
    same = project.run("apply", "--yes", "-q", "--format", "json")
    assert (same.code, same.json["placed"]) == (0, 1)
    assert served_sandbox.links()[f"{BRAND}p/1"] == 1
    history = project.run("history", "spring/teaser").out
    assert "moved spring/post-1 spring/teaser" in history
    project.campaign([KEEP, post(1, id="teaser"), post(2)])  # the move may go now
    assert project.run("apply", "--yes", "-q", "--format", "json").json["placed"] == 0


def test_removed_says_that_it_is_to_be_bought_as_well(project, served_sandbox):
    bought(project, post(1))
    served_sandbox.tell("orders/23502", {"status": "Completed"})
    project.campaign([KEEP, post(1, id="again")], removed=["post-1"])
    assert project.run("apply", "--yes", "-q", "--format", "json").json["placed"] == 1
    assert served_sandbox.links()[f"{BRAND}p/1"] == 2


def test_state_mv_says_that_it_is_the_same(project, served_sandbox):
    bought(project, post(1))
    project.campaign([KEEP, post(1, id="teaser")])
    assert project.run("apply", "--yes", "-q").code == 11
    assert project.run("state", "mv", "spring/post-1", "spring/teaser").code == 0
    assert project.run("apply", "--yes", "-q", "--format", "json").json["placed"] == 0
    assert len(served_sandbox.orders()) == 2


def test_an_id_that_was_derived_and_is_now_written_is_a_rename(project, served_sandbox):
    derived = {key: value for key, value in post(1).items() if key != "id"}
    bought(project, derived)
    project.campaign([KEEP, post(1)])
    assert project.run("apply", "--yes", "-q").code == 11
    assert len(served_sandbox.orders()) == 2


def test_a_campaign_under_a_new_name_buys_nothing(project, served_sandbox):
    bought(project, post(1))
    (project.root / "campaigns" / "spring.yaml").unlink()
    file = project.campaign([KEEP, post(1), post(2)], name="summer")
    for files in ((), (str(file.relative_to(project.root)),)):
        held = project.run("apply", *files, "--prune", "--yes", "-q")
        assert held.code == 11
        assert "2 orders, the first of them: summer/post-0 (campaigns/summer.yaml:" in held.out
    assert (len(served_sandbox.orders()), asked(served_sandbox)) == (2, [])
    moved = project.run("state", "mv", "spring", "summer")
    assert "Moved 2 orders of spring to summer" in moved.out
    assert project.run("apply", "--yes", "-q", "--format", "json").json["placed"] == 1
    assert served_sandbox.links() == {f"{BRAND}p/{number}": 1 for number in range(3)}
    assert "state mv spring summer" in project.run("history", "summer/post-1").out


def test_removed_may_name_a_campaign_that_is_to_be_bought_again(project, served_sandbox):
    bought(project, post(1))
    served_sandbox.tell("clock", {"advance_minutes": 3 * DAY})
    assert project.run("apply", "--yes", "-q").code == 0
    (project.root / "campaigns" / "spring.yaml").unlink()
    project.campaign([KEEP, post(1)], name="summer", removed=["spring"])
    assert project.run("apply", "--yes", "-q", "--format", "json").json["placed"] == 2


def test_a_second_campaign_for_the_same_links_is_no_rename_while_the_first_has_its_file(project, served_sandbox):
    bought(project, post(1))
    served_sandbox.tell("clock", {"advance_minutes": 3 * DAY})
    file = project.campaign([post(0)], name="summer")
    done = project.run("apply", str(file.relative_to(project.root)), "--yes", "-q", "--format", "json")
    assert (done.code, done.json["placed"]) == (0, 1)
