"""Reports in every format at once: each figure against a sum over the panel's own books, made here and not by the runner."""

import csv
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from jsonschema import Draft7Validator

from runner.core.values.money import for_people
from tests.acceptance.project import BRAND, REPOSITORY, Project, post
from tests.acceptance.served import Served

FORMATS = {
    "text": "txt",
    "json": "json",
    "jsonl": "jsonl",
    "csv": "csv",
    "markdown": "md",
    "junit": "xml",
    "html": "html",
}
ALL = [part for kind, ending in FORMATS.items() for part in ("--report", f"{kind}=out/report.{ending}")]
CAMPAIGNS = {"spring": "s", "autumn": "a"}
D = Decimal
EVENT = Draft7Validator(json.loads((REPOSITORY / "schemas" / "event.schema.json").read_text()))


def orders(campaign: str, numbers: range, **fields: object) -> list[dict]:
    link = CAMPAIGNS[campaign]
    return [
        post(number, quantity=100 + 37 * number, service=(1, 5, 6)[number % 3], link=f"{BRAND}{link}/{number}") | fields
        for number in numbers
    ]


@pytest.fixture
def lived(project: Project, served_sandbox: Served) -> Project:
    """A project that has seen everything: partials, cancels, refunds, refills, a new price, a refusal, a doubt."""
    (project.root / "out").mkdir()
    due = {"refill": {"when": "due", "every": "24h", "for": "30d", "max": 5}}
    project.campaign(orders("spring", range(12)), name="spring", policy=due)
    assert project.run("apply", "--yes", "-q").code == 0
    ends = ["Completed", "Partial", "Canceled", "Completed", "Partial", "In progress"]
    for order, status in zip(served_sandbox.orders(), ends * 2, strict=True):
        remains = {"remains": order["quantity"] // 3} if status == "Partial" else {}
        served_sandbox.tell(f"orders/{order['order']}", {"status": status} | remains)
    assert project.run("apply", "--yes", "-q").code == 0  # sees the ends and asks for refills
    assert served_sandbox.requests()["refill"] > 0
    served_sandbox.tell("services", {"service": 6, "rate": "1.90"})
    project.campaign(orders("autumn", range(12, 22)), name="autumn")
    assert project.run("plan", "-q").code in (0, 11)  # a new price is looked at before anything is bought at it
    served_sandbox.fault(
        {"kind": "answer", "text": '{"error": "Incorrect link"}', "placed": False, "after": 2, "times": 1},
        {"kind": "reset_after", "action": "add", "after": 6, "times": 1},
    )
    assert project.run("apply", "--yes", "-q").code == 15
    served_sandbox.fault()
    assert project.run("cancel", "autumn/post-12", "--yes", "-q").code == 0
    served_sandbox.tell("clock", {"advance_minutes": 12})
    assert project.run("status", "--refresh", "-q").code == 15
    return project


class Books:
    """The panel's own books, summed up by hand; an order whose answer was lost has no owner."""

    def __init__(self, served: Served, owned: Iterable[str]) -> None:
        owned = set(owned)
        self.all = served.orders()
        self.owned = [order for order in self.all if str(order["order"]) in owned]
        self.lost = [order for order in self.all if str(order["order"]) not in owned]
        self.balance = D(served.ask("account")["balance"])

    def spent(self, chosen: Callable[[Mapping], bool] = lambda _: True) -> Decimal:
        return sum((D(order["charge"]) for order in self.owned if chosen(order)), D(0))

    def refunded(self, chosen: Callable[[Mapping], bool] = lambda _: True) -> Decimal:
        return sum((D(order["taken"]) - D(order["charge"]) for order in self.owned if chosen(order)), D(0))

    @property
    def doubtful(self) -> Decimal:
        return sum((D(order["taken"]) for order in self.lost), D(0))


def campaign_of(order: Mapping) -> str:
    return next(name for name, folder in CAMPAIGNS.items() if order["link"].startswith(f"{BRAND}{folder}/"))


def in_campaign(name: str) -> Callable[[Mapping], bool]:
    return lambda order: campaign_of(order) == name


def of_service(number: str) -> Callable[[Mapping], bool]:
    return lambda order: str(order["service"]) == number


def total(rows: Iterable[Mapping], name: str) -> Decimal:
    return sum((D(row[name]) for row in rows), D(0))


def written(project: Project, ending: str) -> str:
    with (project.root / "out" / f"report.{ending}").open(encoding="utf-8", newline="") as file:
        return file.read()


def csv_rows(project: Project) -> list[dict[str, str]]:
    return list(csv.DictReader(written(project, "csv").splitlines(keepends=True), strict=True))


def page_rows(project: Project) -> list[dict[str, str]]:
    """The orders in the JSON block of the HTML report."""
    block = re.search(r'<script type="application/json" id="data">(.*?)</script>', written(project, "html"), re.DOTALL)
    data = json.loads(block[1])
    return [
        {
            "order": f"{data['campaigns'][row[0]]}/{row[1]}",
            "state": data["states"][row[4]],
            "units": row[7],
            "delivered": row[8],
            "cost": data["amounts"][row[9]],
            "refunded": data["amounts"][row[10]],
            "panel_order_id": row[12],
        }
        for row in data["rows"]
    ]


def cells(line: str) -> list[str]:
    return [re.sub(r"</?code>|<[^>]*>", "", cell).strip() for cell in line.strip("|\n ").split(" | ")]


def shown(amount: Decimal, after: str = "") -> str:
    """A pattern for an amount, with as many zeros behind it as its table needs."""
    return rf"{re.escape(for_people(amount))}0*{after}(?!\d)"


def usd(amount: Decimal) -> str:
    return shown(amount, " USD")


def test_an_order_that_was_just_bought_is_not_said_to_be_not_bought_yet(project: Project):
    project.campaign([post(1, link=f"{BRAND}spring/1")])
    (project.root / "out").mkdir()
    assert project.run("apply", "--yes", "-q", "--report", "csv=out/report.csv").code == 0
    (row,) = csv_rows(project)
    assert (row["action"], row["panel_order_id"] != "", row["message"]) == ("placed", True, "")


def test_every_figure_of_every_format_is_the_panels_own(lived: Project, served_sandbox: Served):
    ran = lived.run("report", "--format", "json", *ALL)
    assert ran.code == 15, ran.err
    rows = csv_rows(lived)
    books = Books(served_sandbox, (row["panel_order_id"] for row in rows if row["panel_order_id"]))
    assert books.refunded() > 0
    assert len(books.lost) == 1

    document = json.loads(written(lived, "json"))
    assert document == ran.json
    figures = {name: D(document[name]) for name in ("spent", "refunded", "in_doubt", "balance", "unexplained")}
    assert figures == {
        "spent": books.spent(),
        "refunded": books.refunded(),
        "in_doubt": books.doubtful,
        "balance": books.balance,
        "unexplained": books.doubtful,  # it was bought, and only the balance knows
    }

    by_id = {str(order["order"]): order for order in books.owned}
    for row in rows:
        if order := by_id.get(row["panel_order_id"]):
            assert D(row["spent"]) == D(order["charge"])
            assert D(row["refunded"]) == D(order["taken"]) - D(order["charge"])
            assert (row["units"], row["delivered"]) == (str(order["quantity"]), str(order["delivered"]))
            assert row["campaign"] == campaign_of(order)
    assert total(rows, "in_doubt") == books.doubtful

    lines = [json.loads(line) for line in written(lived, "jsonl").splitlines()]
    assert not [error.message for line in lines for error in EVENT.iter_errors(line)]
    standings, accounts = ([line for line in lines if line["type"] == kind] for kind in ("standing", "account"))
    (account,) = accounts
    for name in ("spent", "refunded", "in_doubt"):
        assert total(standings, name) == D(account[name]) == figures[name]
    assert D(account["balance"]) == books.balance
    assert sum(line["delivered"] or 0 for line in standings) == sum(order["delivered"] for order in books.owned)

    suites = {suite.get("name"): suite for suite in ET.fromstring(written(lived, "xml"))}
    for name in CAMPAIGNS:
        chosen = in_campaign(name)
        facts = {one.get("name"): one.get("value") for one in suites[name].iter("property")}
        assert (D(facts["spent_USD"]), D(facts["refunded_USD"])) == (books.spent(chosen), books.refunded(chosen))
        line = next(line for line in document["campaigns"] if line["name"] == name)
        assert (D(line["spent"]), D(line["refunded"])) == (books.spent(chosen), books.refunded(chosen))
        table = [cells(line) for line in written(lived, "md").splitlines() if f"<code>{name}</code>" in line]
        for cell, amount in zip(table[0][2:4], (books.spent(chosen), books.refunded(chosen)), strict=True):
            assert re.fullmatch(usd(amount), cell)
        units = [order["quantity"] for order in books.all if chosen(order)]
        refused = [int(row["units"]) for row in rows if row["state"] == "refused" and row["campaign"] == name]
        delivered = sum(order["delivered"] for order in books.owned if chosen(order))
        assert table[1][2:4] == [f"{sum(units) + sum(refused):,}", f"{delivered:,}"]

    listed = page_rows(lived)
    assert len(listed) == len(rows)
    for row in listed:
        if order := by_id.get(row["panel_order_id"]):
            assert re.fullmatch(usd(D(order["charge"])), row["cost"])
            assert row["delivered"] == order["delivered"]
    page = re.sub(r"<[^>]+>", " ", written(lived, "html").split("<script")[0])
    for service in {str(order["service"]) for order in books.owned}:
        chosen = of_service(service)
        expected = rf"served/{service}\s+\d+\s+{shown(books.spent(chosen))}\s+{shown(books.refunded(chosen))}\s"
        assert re.search(expected, page)
    for amount in (books.spent(), books.refunded(), books.doubtful, books.balance):
        assert re.search(usd(amount), page)
        assert re.search(usd(amount), written(lived, "md"))
        assert re.search(shown(amount), written(lived, "txt"))


@pytest.mark.parametrize(
    "command", [["plan"], ["plan", "--no-refresh"], ["apply", "--yes"], ["status"], ["status", "--refresh"]]
)
def test_each_command_writes_every_format_at_once(lived: Project, served_sandbox: Served, command: list[str]):
    ran = lived.run(*command, *ALL)
    assert ran.code == 15, ran.err
    assert "was not written" not in ran.err
    rows = csv_rows(lived)
    states = Counter(row["state"] for row in rows)
    root = ET.fromstring(written(lived, "xml"))
    assert int(root.get("tests")) == len(rows) == len(page_rows(lived)) == 22
    assert int(root.get("errors")) == states["in_doubt"] == 1
    lines = [json.loads(line) for line in written(lived, "jsonl").splitlines()]
    assert not [error.message for line in lines for error in EVENT.iter_errors(line)]
    ran_at_all = command in (["plan"], ["apply", "--yes"], ["status", "--refresh"])
    assert ("run_started" in {line["type"] for line in lines}) is ran_at_all
    books = Books(served_sandbox, (row["panel_order_id"] for row in rows if row["panel_order_id"]))
    if "--no-refresh" not in command and command != ["status"]:
        assert total(rows, "spent") + total(rows, "reserved") == books.spent()
    assert f"runner {command[0]}: exit code 15" in written(lived, "md")


def test_a_report_that_cannot_be_written_is_told_before_anything_is_sent(project: Project, served_sandbox: Served):
    project.campaign([post(1)])
    for path in ("nowhere/report.html", "campaigns"):
        ran = project.run("apply", "--yes", "--report", f"html={path}")
        assert ran.code == 10
        assert f"html={path}" in ran.err
    assert project.run("apply", "--yes", "--report", "csv=a", "--report", "html=a").code == 64
    assert project.run("apply", "--yes", "--report", "pdf=a").code == 64
    assert served_sandbox.requests()["add"] == 0
    assert not list(project.root.glob(".*"))


@pytest.mark.parametrize(("fault", "code"), [("", 1), ("reset_after", 15)])
def test_a_report_that_fails_afterwards_hides_no_exit_code(
    project: Project, served_sandbox: Served, monkeypatch: pytest.MonkeyPatch, fault: str, code: int
):
    project.campaign([post(1), post(2)])
    (project.root / "out").mkdir()
    if fault:
        served_sandbox.fault({"kind": fault, "action": "add", "after": 1, "times": 1})

    def no_space(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("runner.report.documents.csv_report.write_csv", no_space)
    ran = project.run("apply", "--yes", "--report", "csv=out/a.csv", "--report", "json=out/a.json")
    assert ran.code == code
    assert "--report csv=out/a.csv was not written: No space left on device" in ran.err
    assert json.loads((project.root / "out" / "a.json").read_text())["placed"] >= 1
    assert [path.name for path in (project.root / "out").iterdir()] == ["a.json"]


def test_an_older_report_stays_whole_until_the_new_one_is(project: Project, monkeypatch: pytest.MonkeyPatch):
    project.campaign([post(1)])
    path = project.root / "report.csv"
    path.write_text("the old one")
    path.chmod(0o640)

    def half(stream, _model) -> None:
        stream.write("half")
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr("runner.report.documents.csv_report.write_csv", half)
        assert project.run("apply", "--yes", "--report", "csv=report.csv").code == 1
    assert path.read_text() == "the old one"
    assert project.run("status", "--report", "csv=report.csv").code == 0
    assert path.read_text().startswith("campaign,order")
    assert path.stat().st_mode & 0o777 == 0o640


def github(folder: Path, **more: str) -> dict[str, str]:
    return {
        "GITHUB_ACTIONS": "true",
        "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
        "GITHUB_OUTPUT": str(folder / "output"),
        "GITHUB_WORKSPACE": str(folder),
    } | more


def outputs(folder: Path) -> dict[str, str]:
    """What a step's outputs would be: the multi-line form alone is written."""
    found = re.findall(r"^(\w+)<<(.+)\n((?:.*\n)*?)\2\n", (folder / "output").read_text(), re.MULTILINE)
    return {name: value.removesuffix("\n") for name, _, value in found}


def commands(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("::")]


def test_under_github_actions_a_run_tells_its_step_by_itself(project: Project, served_sandbox: Served):
    project.campaign([post(number) for number in range(30)])
    served_sandbox.fault({"kind": "answer", "text": '{"error": "Incorrect link"}', "placed": False, "times": 14})
    ran = project.run("apply", "--yes", "--format", "json", **github(project.root))
    assert ran.code == 14
    assert ran.json["refused"] == 14
    told = commands(ran.err)
    assert len(told) == 10
    assert re.fullmatch(
        r"::error file=campaigns/spring.yaml,line=\d+,title=spring/post-\d+%3A refused::Incorrect link", told[0]
    )
    values = outputs(project.root)
    assert (
        values.items()
        >= {"exit_code": "14", "placed": "16", "refused": "14", "in_doubt": "0", "currency": "USD"}.items()
    )
    account = served_sandbox.ask("account")
    assert D(values["balance"]) == D(account["balance"])
    assert D(values["spent"]) == D(1000) - D(account["balance"])
    summary = (project.root / "summary.md").read_text()
    assert "runner apply: exit code 14" in summary
    assert project.run("status", **github(project.root)).code == 0
    assert "runner status: exit code 0" in (project.root / "summary.md").read_text()  # behind the first one


def test_findings_in_files_and_failures_are_annotated_ten_at_most(project: Project):
    project.campaign([post(number, colour="red") for number in range(30)])
    for command in (["validate"], ["plan"], ["apply", "--yes"]):
        ran = project.run(*command, **github(project.root))
        assert ran.code == 10
        told = commands(ran.out + "\n" + ran.err)
        assert len(told) == 10
        assert told[0].startswith("::error file=campaigns/spring.yaml,line=6,col=")
    assert outputs(project.root)["exit_code"] == "10"
    project.campaign([post(1)], panel="nobody")
    assert commands(project.run("plan", **github(project.root)).err)


def test_no_ci_and_other_places_hear_nothing(project: Project):
    project.campaign([post(1), post(1, id="again", colour="red")])
    quiet = [(["--no-ci"], {}), ([], {"BULK_RUNNER_NO_CI": "1"}), ([], {"GITHUB_ACTIONS": "false"})]
    for flags, env in quiet:
        for command in (["validate"], ["plan"]):
            ran = project.run(*command, *flags, **github(project.root, **env))
            assert ran.code == 10
            assert commands(ran.out + ran.err) == []
    assert not (project.root / "output").exists()


def test_a_summary_that_cannot_be_written_ends_no_run(project: Project, served_sandbox: Served):
    project.campaign([post(1)])
    ran = project.run(
        "apply", "--yes", **github(project.root, GITHUB_STEP_SUMMARY="/nowhere/a", GITHUB_OUTPUT="/nowhere/b")
    )
    assert ran.code == 0
    assert len(served_sandbox.orders()) == 1
    assert ran.err.count("could not be written") == 2


def test_a_step_summary_leaves_room_for_what_is_in_it(project: Project):
    project.campaign([post(number) for number in range(40)])
    summary = project.root / "summary.md"
    summary.write_text("x" * 897_000)
    assert project.run("apply", "--yes", "-q", **github(project.root)).code == 0
    assert 897_500 < summary.stat().st_size <= 900_000
    assert "to keep this short" in summary.read_text()
