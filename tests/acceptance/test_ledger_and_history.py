"""The money as people look at it: top-ups, a second spender, odd balances, periods, and the history of an order."""

import json
import sqlite3
from contextlib import closing

import pytest
from jsonschema import Draft7Validator

from tests.acceptance.project import REPOSITORY, Project, post
from tests.acceptance.served import Served
from tests.acceptance.test_on_a_terminal import OnTerminal


def schema(name: str) -> Draft7Validator:
    return Draft7Validator(json.loads((REPOSITORY / "schemas" / f"{name}.schema.json").read_text(encoding="utf-8")))


@pytest.fixture
def spent(project: Project) -> Project:
    """Three orders of 0.09 bought from 1,000.00."""
    project.campaign([post(number) for number in range(3)])
    assert project.run("apply", "--yes").code == 0
    return project


def unexplained(project: Project) -> str:
    return project.run("report", "--format", "json").json["unexplained"]


def labels_in(project: Project) -> int:
    with closing(sqlite3.connect(project.state)) as state:
        return state.execute("SELECT count(*) FROM balance_labels").fetchone()[0]


# Top-ups


def test_a_top_up_is_unexplained_until_it_is_labelled_and_labelling_twice_is_harmless(
    spent: Project, served_sandbox: Served
):
    served_sandbox.tell("account", {"deposit": "50.00"})
    assert spent.run("status", "--refresh").code == 0
    assert unexplained(spent) == "-50.00"
    labelled = spent.run("balance", "served", "--label", "top-up\x1b[2J by card", "--yes")
    assert labelled.code == 0, labelled.err
    assert "Labelled: 50.00 USD came in" in labelled.out
    assert "1,049.73 USD" in labelled.out
    report = spent.run("report")
    assert unexplained(spent) == "0.00"
    assert "labelled        50.00" in report.out
    assert "top-up\\x1b[2J by card" in report.out
    again = spent.run("balance", "served", "--label", "top-up", "--amount", "50.00")
    assert (again.code, labels_in(spent)) == (0, 1)
    assert "Nothing is unexplained at served" in again.out
    assert spent.run("state", "verify").code == 0


def test_a_label_of_less_leaves_the_rest_and_says_so(spent: Project, served_sandbox: Served):
    served_sandbox.tell("account", {"deposit": "48.00"})
    ran = spent.run("balance", "served", "--label", "top-up", "--amount", "50.00", "--format", "json")
    assert ran.code == 0
    assert schema("balance").is_valid(ran.json)
    assert "Still unexplained at served: 2.00 USD went out." in ran.err
    assert unexplained(spent) == "2.00"
    twice = spent.run("balance", "served", "--label", "top-up", "--amount", "50.00")
    assert (twice.code, labels_in(spent)) == (10, 1)
    assert "2.00 USD went out unexplained" in twice.err
    forced = spent.run("balance", "served", "--label", "x", "--amount=-2.00", "--force")
    assert (forced.code, unexplained(spent)) == (0, "0.00")


def test_a_refund_that_came_meanwhile_is_no_top_up(spent: Project, served_sandbox: Served):
    order = served_sandbox.orders()[0]["order"]
    served_sandbox.tell(f"orders/{order}", {"status": "Canceled"})
    ran = spent.run("balance", "served", "--label", "top-up", "--yes")
    assert (ran.code, labels_in(spent)) == (0, 0)
    assert "Nothing is unexplained" in ran.out


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["served", "--label", "top-up"], "nobody to ask how much"),
        (["--label", "top-up", "--yes"], "about one panel"),
        (["served", "--label", "  ", "--yes"], "--label is empty"),
        (["served", "--label", "x", "--amount", "0.00"], "explains nothing"),
        (["served", "--amount", "5.00"], "go with --label"),
        (["nobody", "--label", "x", "--yes"], "no panel named 'nobody'"),
        (["served", "--label", "x", "--amount", "5,00"], "is not an amount"),
    ],
)
def test_labels_that_can_not_be_given_are_usage_errors(spent: Project, arguments: list[str], why: str):
    ran = spent.run("balance", *arguments)
    assert (ran.code, labels_in(spent)) == (64, 0)
    assert why in ran.err


def test_on_a_terminal_it_asks_before_it_labels(spent: Project, served_sandbox: Served):
    served_sandbox.tell("account", {"deposit": "50.00"})
    asked = OnTerminal(spent, "balance", "served", "--label", "top-up")
    asked.until('Label that 50.00 USD came in as "top-up"?')
    asked.type("n\n")
    assert (asked.end(), labels_in(spent)) == (130, 0)
    asked = OnTerminal(spent, "balance", "served", "--label", "top-up")
    asked.until("Label that")
    asked.type("y\n")
    assert (asked.end(), labels_in(spent)) == (0, 1)


# A second spender


def test_a_second_spender_is_shown_and_switches_the_balance_off_as_evidence(project: Project, served_sandbox: Served):
    project.panels(served_sandbox.url, exclusive=True, settle="1s", parallel={"add": 1, "read": 1})
    project.campaign([post(number) for number in range(3)])
    served_sandbox.fault({"kind": "reset_after", "after": 1, "times": 1})
    assert project.run("apply", "--yes").code == 15
    served_sandbox.fault()
    served_sandbox.tell("account", {"deposit": "-3.00"})
    assert project.run("status", "--refresh").code == 15
    (row,) = project.run("doubt", "list", "--format", "json").json["doubts"]
    assert row["proposal"] == "inconclusive"
    shown = project.run("doubt", "show", row["order"]).out
    assert "while nothing was bought: somebody else spends it, whatever panels.yaml says: inconclusive" in shown
    assert unexplained(project) == "3.09"  # the doubt was bought, too
    labelled = project.run("balance", "served", "--label", "spent by hand", "--amount=-3.00")
    assert labelled.code == 0, labelled.err
    assert unexplained(project) == "0.09"
    assert "while nothing was bought" not in project.run("doubt", "show", row["order"]).out


# Balances as panels tell them


@pytest.mark.parametrize(
    ("told", "code", "shown"),
    [
        ('{"balance": "1,234.56", "currency": "USD"}', 0, "1,234.56 USD"),
        ('{"balance": "1.234,56", "currency": "USD"}', 0, "1,234.56 USD"),
        ('{"balance": "-3.50", "currency": "USD"}', 0, "-3.50 USD"),
        ('{"balance": "1,234", "currency": "USD"}', 13, ""),
    ],
)
def test_a_balance_is_understood_or_unknown_and_never_guessed(
    project: Project, served_sandbox: Served, told: str, code: int, shown: str
):
    served_sandbox.fault({"kind": "answer", "text": told, "action": "balance"})
    ran = project.run("balance", "served")
    assert ran.code == code, ran.err
    assert shown in ran.out


def test_a_negative_balance_buys_nothing_and_is_reported(spent: Project, served_sandbox: Served):
    served_sandbox.tell("account", {"balance": "-3.00"})
    spent.campaign([post(number) for number in range(4)])
    assert spent.run("apply", "--yes").code == 11
    assert spent.run("report", "--format", "json").json["balance"] == "-3.00"


def test_a_balance_in_another_currency_keeps_the_amounts_apart(spent: Project, served_sandbox: Served):
    served_sandbox.tell("account", {"currency": "EUR"})
    spent.campaign([post(number) for number in range(4)])
    refused = spent.run("apply", "--yes")
    assert refused.code == 11
    assert "was in USD and is in EUR now" in refused.out
    spent.panels(served_sandbox.url, currency="EUR")
    assert spent.run("apply", "--yes").code == 0
    document = spent.run("report", "--by", "panel", "--format", "json").json
    assert schema("report").is_valid(document)
    assert [(line["currency"], line["spent"]) for line in document["panels"]] == [("EUR", "0.09"), ("USD", "0.27")]
    assert (document["currency"], document["spent"]) == (None, None)
    assert "several currencies are never added" in spent.run("report").out


# Periods


def test_a_report_of_a_period_holds_what_was_sent_in_it(spent: Project):
    whole = spent.run("report", "--since", "1h", "--by", "day")
    assert (whole.code, whole.out.count("By ")) == (0, 1)
    assert "By day:" in whole.out
    document = spent.run("report", "--since", "1h", "--format", "json").json
    assert schema("report").is_valid(document)
    assert (document["spent"], document["unexplained"], document["until"]) == ("0.27", "0.00", None)
    before = spent.run("report", "--until", "2020-12-31", "--format", "json").json
    assert (before["spent"], before["balance"], before["campaigns"]) == ("0.00", None, [])
    assert before["until"].startswith("2021-01-01T00:00")
    html = spent.run("report", "--since", "1h", "--report", "csv=out.csv")
    assert (html.code, (spent.root / "out.csv").exists()) == (0, True)


@pytest.mark.parametrize("command", ["report", "history"])
@pytest.mark.parametrize("bad", [["--since", "foo"], ["--until", ""], ["--since", "1h", "--until", "2h"]])
def test_a_bad_period_is_one_line_and_a_next_step(spent: Project, command: str, bad: list[str]):
    ran = spent.run(command, *bad)
    assert (ran.code, ran.out, len(ran.err.splitlines())) == (64, "", 2)


# History


def test_the_history_of_an_order_tells_all_that_happened_to_it(project: Project, served_sandbox: Served):
    project.panels(served_sandbox.url, settle="1s", parallel={"add": 1, "read": 1})
    project.campaign([post(number, service=3) for number in range(2)])
    served_sandbox.fault({"kind": "reset_after", "after": 1, "times": 1})
    assert project.run("apply", "--yes").code == 15
    served_sandbox.fault()
    order = str(served_sandbox.orders()[1]["order"])
    adopted = project.run("doubt", "adopt", "spring/post-1", "--order", order, "--reason", "seen on the page")
    assert adopted.code == 0, adopted.err
    served_sandbox.tell(f"orders/{order}", {"status": "Partial", "remains": 50})
    assert project.run("status", "--refresh").code == 0
    assert project.run("state", "mv", "spring/post-1", "spring/renamed").code == 0
    document = project.run("history", "spring/renamed", "--format", "json").json
    assert list(schema("history").iter_errors(document)) == []
    events = {event["event"]: event for event in document["events"]}
    assert list(events) == ["marked", "in_doubt", "adopted", "status", "run_started", "run_ended"]
    assert events["adopted"]["text"] == "seen on the page"
    assert events["adopted"]["panel_order_id"] == order
    assert events["status"]["refunded"] is not None
    assert events["run_started"]["text"] == "state mv spring/post-1 spring/renamed"
    lines = project.run("history", "spring/renamed", "--format", "jsonl").events
    assert lines == document["events"]
    assert project.run("history", "spring/renamed", "--limit", "1", "--format", "jsonl").events == lines[-1:]
    text = project.run("history", "spring/renamed").out
    for said in ("in doubt", "adopted", "seen on the page", "refunded"):
        assert said in text
    assert project.run("history", "spring/nothing").code == 10


def test_the_latest_events_hold_runs_orders_and_labels(spent: Project, served_sandbox: Served):
    served_sandbox.tell("account", {"deposit": "50.00"})
    assert spent.run("balance", "served", "--label", "top-up", "--yes").code == 0
    events = spent.run("history", "--format", "json").json["events"]
    kinds = [event["event"] for event in events]
    assert {"run_started", "marked", "placed", "status", "labelled", "run_ended"} <= set(kinds)
    (label,) = (event for event in events if event["event"] == "labelled")
    assert (label["amount"], label["currency"], label["panel"], label["text"]) == ("50.00", "USD", "served", "top-up")
    assert len(spent.run("history", "--limit", "2", "--format", "json").json["events"]) == 2
    assert spent.run("history", "--until", "2020-01-01", "--format", "json").json == {"events": []}


def test_a_project_without_a_state_has_no_history(project: Project):
    ran = project.run("history")
    assert (ran.code, ran.out.strip()) == (0, "Nothing has happened.")
    assert not project.state.exists()
