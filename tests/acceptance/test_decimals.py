"""As many decimals as exist, and numbers of one screen that add up: against a panel that counts in small coins."""

import re
from decimal import Decimal

import pytest

from tests.acceptance.own_panel import OwnPanel, a_row
from tests.acceptance.project import Project, post

D = Decimal


def shown(text: str, pattern: str) -> Decimal:
    return D(re.search(pattern, text)[1].replace(",", ""))


def test_a_balance_in_bitcoin_shows_what_a_plan_takes_of_it(bare_project: Project, own: OwnPanel):
    own.balance, own.currency = D("0.01234567891"), "BTC"
    own.rows = [a_row(rate="0.00001234567")]
    bare_project.panels(own.url)
    bare_project.campaign([post(1, quantity=1000)])
    plan = bare_project.run("plan").out
    assert "served  0.01234567891 -> 0.01233333324 BTC" in plan
    assert "Ready: 1 order for 0.00001234567 BTC." in plan
    assert bare_project.run("balance", "served").out.split() == ["served", "0.01234567891", "BTC"]
    assert "0.00001234567" in bare_project.run("services", "served").out
    own.charge = lambda _form: D("0.00001234567")
    reports = [f"--report={kind}=out.{kind}" for kind in ("html", "markdown", "csv", "text", "junit")]
    applied = bare_project.run("apply", "--yes", *reports)
    assert applied.code == 0, applied.err
    assert "Done: 1 order placed for 0.00001234567 BTC." in applied.out
    for text in (applied.out, bare_project.run("report").out):
        assert shown(text, r"spent +([\d,.]+)") == D("0.00001234567")
        assert shown(text, r"balance +([\d,.]+)") == D("0.01233333324")
    for name in ("html", "markdown", "csv", "text", "junit"):
        assert "0.00001234567" in (bare_project.root / f"out.{name}").read_text(), name


def test_the_smallest_plan_takes_from_the_balance_what_it_costs(bare_project: Project, own: OwnPanel):
    own.rows = [a_row(min="1")]
    bare_project.panels(own.url)
    bare_project.campaign([post(1, quantity=40)])
    plan = bare_project.run("plan").out
    before, after = map(D, re.search(r"served +([\d.]+) -> ([\d.]+) USD", plan.replace(",", "")).groups())
    cost = shown(plan, r"Ready: 1 order for ([\d,.]+) USD")
    assert (before - cost, cost) == (after, D("0.036"))


@pytest.mark.parametrize("command", ["plan", "apply --yes"])
def test_rows_add_up_to_their_total(bare_project: Project, own: OwnPanel, command: str):
    own.rows = [a_row(rate="0.9515"), a_row(service=2, rate="1.9035")]
    own.charge = lambda form: D("0.9515" if form["service"] == "1" else "1.9035")
    bare_project.panels(own.url)
    bare_project.campaign([post(1, quantity=1000)], name="one")
    bare_project.campaign([post(2, service=2, quantity=1000)], name="two")
    out = bare_project.run(*command.split()).out
    rows = re.findall(r"^  (?:one|two) .*?([\d.]+) USD$", out, re.MULTILINE)
    assert (
        sum(map(D, rows[:: 2 if command == "plan" else 1]), D(0)) == shown(out, r" for ([\d,.]+) USD\.") == D("2.855")
    )
    if command != "plan":
        report = bare_project.run("report").out
        for by in ("campaign", "service"):
            table = report.partition(f"By {by}:\n")[2].partition("\n\n")[0].splitlines()[1:]
            assert sum((D(line.split()[2]) for line in table), D(0)) == shown(report, r"spent +([\d,.]+)")
