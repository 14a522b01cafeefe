"""The currency is the panel's own word, on every screen; one that is not named is shown as nothing."""

import json

import pytest

from tests.acceptance.own_panel import OwnPanel
from tests.acceptance.project import Project, Ran, post
from tests.acceptance.served import TEST_KEY
from tests.acceptance.test_json_outputs import errors

WORDS = ["€", "₹", "USDT_TRC20", "$", "R$", "Rs.", "zł", "US Dollar", "BTC"]
LONG = "Pounds sterling of the realm"


def screens(project: Project) -> dict[str, Ran]:
    """Everything that shows money, before and after two orders were bought."""
    project.campaign([post(1), post(2)], budget={"total": "5.00", "keep_balance": "0.50"})
    shown = {"plan": project.run("plan"), "balance": project.run("balance", "served")}
    reports = [f"--report={kind}=apply.{kind}" for kind in ("markdown", "html", "csv", "junit", "text", "json")]
    shown["apply"] = project.run("apply", "--yes", *reports)
    for name in ("report", "status", "history", "report --by day"):
        shown[name] = project.run(*name.split())
    return shown


def files(project: Project) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in project.root.glob("apply.*")}


@pytest.mark.parametrize("word", WORDS)
def test_a_profile_never_speaks_for_the_panel(bare_project: Project, own: OwnPanel, word: str):
    own.currency = word
    bare_project.panels(own.url, currency="USD")
    bare_project.campaign([post(1)])
    assert bare_project.run("balance", "served").out.split(maxsplit=2) == ["served", "1,000.00", f"{word}\n"]
    plan = bare_project.run("plan")
    assert (plan.code, f"served bills in {word}, but" in plan.out) == (11, True)
    bare_project.panels(own.url, currency=word)
    assert bare_project.run("apply", "--yes").code == 0


@pytest.mark.parametrize("word", WORDS)
def test_the_panels_own_word_stands_on_every_screen(bare_project: Project, own: OwnPanel, word: str):
    own.currency = word
    bare_project.panels(own.url)
    shown = screens(bare_project)
    for name in ("plan", "balance", "apply", "report", "history"):
        assert shown[name].code == 0, shown[name].err
        assert word in shown[name].out, name
    for name, ran in shown.items():
        assert "USD" not in ran.out.replace("USDT", ""), name
    for name, text in files(bare_project).items():
        assert "USD" not in text.replace("USDT", ""), name
    for command in ("report", "balance served"):
        document = bare_project.run(*command.split(), "--format", "json").json
        assert errors(command.split()[0], document) == []
        assert json.dumps(word) in json.dumps(document)
    plan = bare_project.run("plan", "--format", "json").json
    assert plan["panel_balances"]["served"]["currency"] == word


@pytest.mark.parametrize("word", [None, "", "  ", "null", "N/A", "XXX", ["USD"], {"code": "USD"}, True])
def test_a_currency_that_is_not_named_is_shown_as_nothing(bare_project: Project, own: OwnPanel, word: object):
    own.currency = word
    bare_project.panels(own.url)
    shown = screens(bare_project)
    for name, ran in shown.items():
        assert ran.code == 0, ran.err
        assert "USD" not in ran.out, name
        assert "XXX" not in ran.out, name
        assert "None" not in ran.out, name
    assert "Balance:\n  served  1,000.00 -> 999.82" in shown["plan"].out
    for name, text in files(bare_project).items():
        assert "USD" not in text, name
        assert "XXX" not in text, name
    balance = bare_project.run("balance", "served", "--format", "json").json
    assert errors("balance", balance) == []
    assert balance["balances"][0]["currency"] is None
    assert bare_project.run("plan", "--format", "json").json["panel_balances"]["served"]["currency"] is None


def test_what_the_profile_says_counts_only_where_the_panel_names_none(bare_project: Project, own: OwnPanel):
    own.currency = None
    bare_project.panels(own.url, currency="EUR")
    assert bare_project.run("balance", "served").out.split() == ["served", "1,000.00", "EUR"]


@pytest.mark.parametrize(("word", "shown"), [("usd", "USD"), (" eur ", "EUR"), ("usdt", "USDT"), ("Rs", "Rs")])
def test_a_code_is_one_code_in_any_case(bare_project: Project, own: OwnPanel, word: str, shown: str):
    own.currency = word
    bare_project.panels(own.url)
    assert bare_project.run("balance", "served").out.split() == ["served", "1,000.00", shown]


HOSTILE = ["<b>$</b>", "=1+1", "\x1b[31m$", "@everyone", "a\u202eb", LONG, f"k:{TEST_KEY}", "|x|", "]]>"]


@pytest.mark.parametrize("word", HOSTILE)
def test_a_hostile_word_is_cleaned_cut_and_escaped(bare_project: Project, own: OwnPanel, word: str):
    own.currency = word
    bare_project.panels(own.url)
    shown = screens(bare_project)
    texts = files(bare_project) | {name: ran.out + ran.err for name, ran in shown.items()}
    for name, text in texts.items():
        assert "\x1b" not in text, name
        assert "\u202e" not in text, name
        assert LONG not in text, name
        assert TEST_KEY not in text, name
    assert "<b>$</b>" not in texts["apply.html"] + texts["apply.markdown"]
    assert "@everyone" not in texts["apply.markdown"]
    assert not any(cell.startswith("=1+1") for line in texts["apply.csv"].splitlines() for cell in line.split(","))


def test_panels_of_unknown_currency_are_never_added(bare_project: Project, own: OwnPanel):
    own.currency = None
    bare_project.panels(own.url)
    other = json.loads((bare_project.root / "panels.yaml").read_text())
    other["panels"]["second"] = dict(other["panels"]["served"], url=own.url.replace("127.0.0.1", "localhost"))
    bare_project.write("panels.yaml", json.dumps(other))
    bare_project.campaign([post(1)])
    bare_project.campaign([post(2)], name="autumn", panel="second")
    plan = bare_project.run("plan", "--format", "json")
    assert (plan.code, plan.json["cost"]) == (0, None)
    assert "Ready: 2 orders for 0.09 + 0.09." in bare_project.run("plan").out
    refused = bare_project.run("plan", "--max-cost", "1.00")
    assert (refused.code, "needs one currency" in refused.out) == (11, True)


def test_an_order_that_does_not_fit_shows_its_charge_in_the_statuss_own_currency(bare_project: Project, own: OwnPanel):
    bare_project.panels(own.url)
    bare_project.campaign([post(1)])
    own.status = lambda _id, form: {
        "status": "Pending",
        "charge": "7.41",
        "remains": form["quantity"],
        "currency": "INR",
    }
    own.sell({"quantity": "100"})
    ran = bare_project.run("import", "spring/post-1", "501")
    assert (ran.code, "it cost 7.41 INR, expected was 0.09" in ran.err) == (11, True)
