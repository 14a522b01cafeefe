"""The exit codes of runs that did send: 14, 15, 130, and what the next run makes of them."""

import signal
import time

from tests.acceptance.project import Project, post
from tests.acceptance.served import Served


def doubts_by_command(project: Project) -> dict[str, set[str]]:
    """The addresses in doubt as each command with JSON shows them."""
    shown = {
        "status": [
            o["order"] for o in project.run("status", "--format", "json").json["orders"] if o["sync"] == "in_doubt"
        ],
        "plan": [
            a["order"] for a in project.run("plan", "--format", "json").json["actions"] if a["action"] == "in_doubt"
        ],
        "apply": [
            o["order"]
            for o in project.run("apply", "--yes", "--format", "json").json["orders"]
            if o["outcome"] == "in_doubt"
        ],
    }
    return {command: set(addresses) for command, addresses in shown.items()}


# 14: some placed, some refused


def test_one_refused_order_among_others_ends_with_14_and_is_tried_again_by_the_next_apply(
    project: Project, served_sandbox: Served
):
    project.campaign([post(number) for number in range(10)])
    served_sandbox.fault({"kind": "duplicate_refusal", "after": 3, "times": 1})
    ran = project.run("apply", "--yes", "--format", "json")
    assert ran.code == 14
    assert (ran.json["exit_code"], ran.json["placed"], ran.json["refused"]) == (14, 9, 1)
    refused = [order["order"] for order in ran.json["orders"] if order["outcome"] == "refused"]
    status = project.run("status", "--format", "json")
    assert [order["order"] for order in status.json["orders"] if order["sync"] == "refused"] == refused
    served_sandbox.fault()
    again = project.run("apply", "--yes", "--format", "json")
    assert again.code == 0
    assert [order["order"] for order in again.json["orders"]] == refused
    assert set(served_sandbox.links().values()) == {1}
    assert len(served_sandbox.orders()) == 10


def test_a_refusal_for_want_of_money_stops_the_panel_and_loses_nothing(project: Project, served_sandbox: Served):
    project.campaign([post(number) for number in range(12)])
    no_funds = '{"error": "Not enough funds on balance"}'
    served_sandbox.fault({"kind": "answer", "text": no_funds, "after": 2, "placed": False})
    ran = project.run("apply", "--yes", "--format", "json")
    assert (ran.code, ran.json["placed"]) == (14, 2)
    assert served_sandbox.requests()["add"] <= 2 + 4  # what was in flight when the first refusal came
    served_sandbox.fault()
    assert project.run("apply", "--yes").code == 0
    assert sorted(served_sandbox.links().values()) == [1] * 12


# 15: in doubt


def test_an_order_whose_answer_was_lost_is_in_doubt_and_never_sent_again_while_others_go_on(
    project: Project, served_sandbox: Served
):
    project.campaign([post(number) for number in range(30)])
    served_sandbox.fault({"kind": "reset_after", "after": 5, "times": 1})
    first = project.run("apply", "--yes", "--format", "json")
    assert first.code == 15
    lost = [order["order"] for order in first.json["orders"] if order["outcome"] == "in_doubt"]
    assert (len(lost), first.json["in_doubt"]) == (1, 1)
    assert first.json["placed"] < 29, "the first doubt stops the panel"

    second = project.run("apply", "--yes", "--format", "json")
    assert second.code == 15
    assert first.json["placed"] + second.json["placed"] == 29, "later runs go on with the other orders"
    assert project.run("apply", "--yes").code == 15
    assert served_sandbox.requests()["add"] == 30
    assert set(served_sandbox.links().values()) == {1}

    assert doubts_by_command(project) == {command: set(lost) for command in ("status", "plan", "apply")}
    report = project.run("report", "--format", "json")
    assert (report.code, report.json["in_doubt"]) == (15, "0.09")
    assert project.run("status").code == 15
    assert project.run("plan").code == 15


def test_the_same_service_and_link_waits_for_the_doubt_under_any_id_and_in_any_campaign(
    project: Project, served_sandbox: Served
):
    project.campaign([post(1)])
    served_sandbox.fault({"kind": "reset_before", "times": 1})
    assert project.run("apply", "--yes").code == 15
    served_sandbox.fault()
    project.campaign([post(1, id="renamed")])
    project.campaign([post(1, id="other")], name="autumn")
    ran = project.run("apply", "--yes", "--format", "json")
    assert (ran.code, ran.json["placed"]) == (15, 0)
    assert served_sandbox.requests()["add"] == 1


def test_money_in_doubt_counts_at_full_price_against_the_budget(project: Project, served_sandbox: Served):
    project.campaign([post(1)], budget={"total": "0.18"})
    served_sandbox.fault({"kind": "reset_before", "times": 1})
    assert project.run("apply", "--yes").code == 15
    served_sandbox.fault()
    project.campaign([post(1), post(2), post(3)], budget={"total": "0.18"})
    assert project.run("apply", "--yes").code == 11
    project.campaign([post(1), post(2)], budget={"total": "0.18"})
    ran = project.run("apply", "--yes", "--format", "json")
    assert (ran.code, ran.json["placed"]) == (15, 1)


# 130: interrupted


def interrupt_while_submitting(project: Project, *signals: int) -> tuple[int, list[str], str]:
    """Start an apply, send it the signals once orders are on their way; exit code, event lines, stderr."""
    running = project.start("apply", "--yes", "--format", "jsonl")
    assert running.stdout is not None
    lines: list[str] = []
    while '"marked"' not in (line := running.stdout.readline()):
        assert line, "the run ended before it had placed an order"
        lines.append(line)
    for number in signals:
        running.send_signal(number)
        time.sleep(0.05)
    out, err = running.communicate(timeout=30)
    return running.returncode, [*lines, *out.splitlines()], err


def test_the_first_ctrl_c_drains_what_is_in_flight_and_leaves_no_doubt(project: Project, serve):
    served = serve("--latency", "0.2")
    project.panels(served.url)
    project.campaign([post(number) for number in range(40)])
    code, lines, _ = interrupt_while_submitting(project, signal.SIGINT)
    assert code == 130
    assert any('"draining"' in line for line in lines)
    placed = [order for order in project.run("status", "--format", "json").json["orders"] if order["sync"] == "placed"]
    assert len(placed) == len(served.orders()) == served.requests()["add"]
    assert 0 < len(placed) < 40
    rest = project.run("apply", "--yes", "--format", "json")
    assert (rest.code, rest.json["placed"]) == (0, 40 - len(placed))
    assert sorted(served.links().values()) == [1] * 40


def test_a_second_ctrl_c_leaves_at_once_and_leaves_doubts_not_losses(project: Project, serve):
    served = serve("--latency", "0.5")
    project.panels(served.url)
    project.campaign([post(number) for number in range(24)])
    code, _, err = interrupt_while_submitting(project, signal.SIGINT, signal.SIGINT)
    assert code == 15
    assert "in doubt" in err
    status = project.run("status", "--format", "json")
    linked = {order["panel_order_id"] for order in status.json["orders"]} - {None}
    doubts = [order for order in status.json["orders"] if order["sync"] == "in_doubt"]
    assert 1 <= len(doubts) <= 4
    assert linked <= {str(order["order"]) for order in served.orders()}
    assert project.run("apply", "--yes").code == 15
    assert set(served.links().values()) == {1}


def test_ctrl_c_while_the_panel_is_read_ends_with_130_and_sends_nothing(project: Project, served_sandbox: Served):
    project.campaign([post(1)])
    served_sandbox.fault({"kind": "latency", "action": "balance", "seconds": 20, "times": 1})
    running = project.start("apply", "--yes", "--format", "jsonl")
    assert running.stdout is not None
    while '"refresh_started"' not in (line := running.stdout.readline()):
        assert line, "the run ended before it read the panel"
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=10)
    assert running.returncode == 130
    assert "Traceback" not in err
    assert served_sandbox.requests()["add"] == 0
