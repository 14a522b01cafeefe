"""`runner import`: orders placed by hand at the panel become the listed ones, and are never bought again."""

import errno
import json
import os
import urllib.parse
import urllib.request
from decimal import Decimal
from pathlib import Path

import pytest
from jsonschema import Draft7Validator

from tests.acceptance.project import BRAND, REPOSITORY, Project, post
from tests.acceptance.served import TEST_KEY, Served

_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def call(served: Served, **form: object) -> dict:
    data = urllib.parse.urlencode({"key": TEST_KEY, **form}).encode()
    with _DIRECT.open(urllib.request.Request(served.url, data=data, method="POST"), timeout=10) as answer:
        return json.load(answer)


def buy(served: Served, number: int, **fields: object) -> str:
    """The panel's id of an order that somebody placed by hand: for the same page as `post(number)`."""
    wanted = {name: value for name, value in post(number, **fields).items() if name != "id"}
    return str(call(served, action="add", **wanted)["order"])


def report(project: Project) -> dict:
    return project.run("report", "--format", "json").json


def is_bought_nowhere(project: Project, adds: int, served: Served) -> None:
    plan = project.run("plan", "-q", "--format", "json", "--detailed-exitcode")
    assert (plan.code, plan.json["actions"], plan.json["cost"]) == (0, [], "0.00")
    ran = project.run("apply", "--yes", "-q", "--format", "json")
    assert (ran.code, ran.json["placed"]) == (0, 0)
    assert served.requests()["add"] == adds


def test_an_order_bought_by_hand_is_imported_once_and_never_bought_again(project: Project, served_sandbox: Served):
    order_id = buy(served_sandbox, 1)
    project.campaign([post(1)])
    ran = project.run("import", "spring/post-1", order_id, "--reason", "placed on the website", "--format", "json")
    assert ran.code == 0, ran.err
    assert ran.json == {
        "dry_run": False,
        "orders": [{"order": "spring/post-1", "panel_order_id": order_id, "outcome": "imported", "message": ""}],
        "summary": {"imported": 1},
    }
    shown = project.run("status", "--format", "json").json["orders"][0]
    assert (shown["sync"], shown["panel_order_id"], shown["charge"]) == ("placed", order_id, "0.09")
    is_bought_nowhere(project, 1, served_sandbox)
    books = report(project)
    assert (books["spent"], books["reserved"], books["unexplained"]) == ("0.09", "0.00", "0.00")
    told = project.run("history", "spring/post-1").out
    assert "imported by " in told
    assert "placed on the website" in told

    serial = json.loads((project.root / "state" / "lineage.json").read_text())["serial"]
    again = project.run("import", "spring/post-1", order_id, "--format", "json")
    assert (again.code, again.json["summary"]) == (0, {"already": 1})
    assert json.loads((project.root / "state" / "lineage.json").read_text())["serial"] == serial


@pytest.mark.parametrize("looked", ["before it was bought", "after it was bought", "never"])
def test_the_books_add_up_whenever_the_balance_was_first_looked_at(
    project: Project, served_sandbox: Served, looked: str
):
    project.campaign([post(1), post(2)])
    if looked == "before it was bought":
        assert project.run("plan", "-q").code == 0
    order_id = buy(served_sandbox, 1)
    if looked == "after it was bought":
        assert project.run("plan", "-q").code == 0
    assert project.run("import", "spring/post-1", order_id).code == 0
    for _ in range(2):
        assert project.run("apply", "--yes", "-q").code == 0
        books = report(project)
        assert (books["spent"], books["unexplained"]) == ("0.18", "0.00")
    is_labelled = "bought elsewhere before the first look at this balance" in project.run("report").out
    assert is_labelled is (looked == "after it was bought")


def test_what_was_imported_counts_against_the_budget(project: Project, served_sandbox: Served):
    order_id = buy(served_sandbox, 1)
    project.campaign([post(1), post(2)], budget={"total": "0.10"})
    assert project.run("import", "spring/post-1", order_id).code == 0
    assert project.run("apply", "--yes", "-q").code == 11
    assert served_sandbox.requests()["add"] == 1


def test_an_order_that_is_not_listed_or_an_id_that_is_none_is_invalid(project: Project, served_sandbox: Served):
    order_id = buy(served_sandbox, 1)
    project.campaign([post(1)])
    for address, given, words in (
        ("spring/post-9", order_id, "no campaign lists an order spring/post-9"),
        ("post-1", order_id, "no campaign lists an order post-1"),
        ("spring/post-1", "0", "'0' is no order id"),
        ("spring/post-1", "", "'' is no order id"),
    ):
        ran = project.run("import", address, given)
        assert ran.code == 10
        assert words in ran.err
    assert not project.state.exists()
    for arguments in (["spring/post-1"], [], ["spring/post-1", order_id, "--force"], ["a/b", "1", "--panel", "served"]):
        assert project.run("import", *arguments).code == 64


def test_what_does_not_fit_is_refused_and_leaves_no_trace(project: Project, served_sandbox: Served):
    order_id = buy(served_sandbox, 1, quantity=200)
    project.campaign([post(1)])
    for given, words in (
        (order_id, "it cost 0.18, expected was 0.09; 200 units remain of 100 ordered"),
        ("999999", "the panel says: Incorrect order ID"),
    ):
        ran = project.run("import", "spring/post-1", given, "--format", "json")
        assert ran.code == 11
        assert [row["outcome"] for row in ran.json["orders"]] == ["held"]
        assert words in ran.json["orders"][0]["message"]
        assert words in ran.err
        assert "--force" in ran.err
        assert not project.state.exists()


def test_what_does_not_fit_is_imported_by_force_with_a_reason_at_the_price_that_it_had(
    project: Project, served_sandbox: Served
):
    order_id = buy(served_sandbox, 1)
    served_sandbox.tell("services", {"service": "1", "rate": "1.50"})
    project.campaign([post(1), post(2)])
    assert project.run("import", "spring/post-1", order_id).code == 11
    ran = project.run("import", "spring/post-1", order_id, "--force", "--reason", "bought before the price went up")
    assert ran.code == 0
    assert "although it cost 0.09, expected was 0.15" in project.run("history", "spring/post-1").out.replace("\n", " ")
    applied = project.run("apply", "--yes", "-q", "--format", "json")
    assert (applied.code, applied.json["placed"]) == (0, 1)  # its own price speaks against no other
    assert report(project)["spent"] == "0.24"


def test_an_id_that_is_ours_and_an_order_that_was_bought_are_never_taken_again(
    project: Project, served_sandbox: Served
):
    project.campaign([post(1), post(2)])
    assert project.run("apply", "--yes", "-q", "--select", "spring/post-1").code == 0
    (own,) = (str(order["order"]) for order in served_sandbox.orders())
    other = buy(served_sandbox, 3)
    force = ("--force", "--reason", "sure")
    taken = project.run("import", "spring/post-2", own, *force)
    assert (taken.code, f"order {own} on served is spring/post-1 already" in taken.err) == (11, True)
    bought = project.run("import", "spring/post-1", other, *force)
    assert (bought.code, f"it is order {own} on served already" in bought.err) == (11, True)


def test_an_order_in_doubt_is_settled_by_doubt_adopt_and_not_imported(project: Project, served_sandbox: Served):
    project.campaign([post(1), post(1, id="twin")])
    served_sandbox.fault({"kind": "reset_after", "times": 1})
    assert project.run("apply", "--yes", "-q", "--select", "spring/post-1").code == 15
    (lost,) = (str(order["order"]) for order in served_sandbox.orders())
    ran = project.run("import", "spring/post-1", lost, "--force", "--reason", "sure")
    assert ran.code == 11
    assert "runner doubt adopt spring/post-1 --order ID" in ran.err
    twin = project.run("import", "spring/twin", lost)
    assert twin.code == 11
    assert "spring/post-1, with the same service and link, is in doubt" in twin.err


def test_a_dry_run_asks_and_records_nothing(project: Project, served_sandbox: Served):
    order_id = buy(served_sandbox, 1)
    project.campaign([post(1)])
    ran = project.run("import", "spring/post-1", order_id, "--dry-run")
    assert ran.code == 0
    assert "Dry run: 1 order would be imported." in ran.out
    assert not project.state.exists()
    assert project.run("plan", "-q", "--format", "json").json["summary"]["place"] == 1


def test_a_panel_that_is_not_reached_leaves_everything_as_it_is(project: Project, served_sandbox: Served):
    order_id = buy(served_sandbox, 1)
    project.campaign([post(1)])
    project.panels(served_sandbox.url.replace("127.0.0.1", "127.0.0.2"), timeout={"connect": "1s", "read": "1s"})
    assert project.run("import", "spring/post-1", order_id).code == 13
    assert not project.state.exists()


def test_a_list_is_matched_by_id_or_by_service_and_link_in_calls_of_a_hundred(project: Project, served_sandbox: Served):
    ids = {number: buy(served_sandbox, number) for number in range(120)}
    drip = buy(served_sandbox, 500, service=4, quantity=100, runs=2, interval=60)
    before = served_sandbox.requests()["status"]
    project.campaign([*(post(number) for number in range(120)), post(500, service=4, runs=2, interval=60), post(600)])
    rows = [f"{ids[number]},post-{number},,,," for number in range(60)]
    rows += [f"{ids[number]},,1,{BRAND}p/{number},100,," for number in range(60, 120)]
    rows += [f"{drip},spring/post-500,4,{BRAND}p/500,100,2,60"]
    rows = [row if row.count(",") == 6 else f"{row}," for row in rows]
    project.write("bought.csv", "order_id,id,service,link,quantity,runs,interval\n" + "\n".join(rows) + "\n")
    ran = project.run("import", "--from", "bought.csv", "--format", "json")
    assert (ran.code, ran.json["summary"]) == (0, {"imported": 121})
    assert served_sandbox.requests()["status"] - before == 2
    again = project.run("import", "--from", "bought.csv", "--format", "json")
    assert (again.code, again.json["summary"]) == (0, {"already": 121})
    applied = project.run("apply", "--yes", "-q", "--format", "json")
    assert [order["order"] for order in applied.json["orders"]] == ["spring/post-600"]
    assert len(served_sandbox.orders()) == 122


def test_one_row_that_does_not_fit_holds_all_of_them(project: Project, served_sandbox: Served):
    first, second = buy(served_sandbox, 1), buy(served_sandbox, 2, quantity=300)
    project.campaign([post(1), post(2)])
    project.write("bought.csv", f"order_id,id\n{first},post-1\n{second},post-2\n")
    ran = project.run("import", "--from", "bought.csv", "--format", "json")
    assert ran.code == 11
    assert [row["outcome"] for row in ran.json["orders"]] == ["left", "held"]
    assert not project.state.exists()


def test_every_wrong_row_is_told_at_its_place(project: Project, served_sandbox: Served):
    project.campaign([post(1), post(2), post(3, id="a"), post(3, id="b")])
    lines = [
        "id,order_id,service,link,quantity,runs,interval",
        "post-9,101,,,,,",
        "post-1,102,,,200,,",
        f",103,1,{BRAND}p/3,,,",
        "post-2,nope 1,,,,,",
        ",105,,,,,",
        "post-2,106,,,x,,",
        "post-2,107,,,,5,",
        "post-1,108,,,,,",
        "spring/post-1,109,,,,,",
        "post-1,102,,,,,",
        "post-1,1,2",
    ]
    project.write("bought.csv", "\n".join(lines) + "\n")
    ran = project.run("import", "--from", "bought.csv")
    assert ran.code == 10
    told = {tuple(line.split(": ", 2)[0].split(":")[1:3]) for line in ran.err.splitlines() if "bought.csv:" in line}
    assert told >= {("2", "1"), ("3", "5"), ("4", "4"), ("5", "2"), ("6", "1"), ("7", "5"), ("8", "6"), ("10", "1")}
    assert ("11", "2") in told
    assert ("12", "4") in told
    assert served_sandbox.requests()["status"] == 0
    for text, words in (("", "no"), ("id\n", "order_id"), ("order_id\n", "link"), ("order_id,id,idd\n", "`id`")):
        project.write("bought.csv", text)
        ran = project.run("import", "--from", "bought.csv")
        assert (ran.code, words in ran.err) == (10, True)


GENERATE = ("--generate", "campaigns/old.yaml", "--campaign", "old", "--panel", "served")


def test_a_campaign_file_is_written_for_what_was_bought(project: Project, served_sandbox: Served):
    project.campaign([post(50)])
    ids = [buy(served_sandbox, 1), buy(served_sandbox, 2, service=4, runs=2, interval=60)]
    served_sandbox.tell(f"orders/{ids[0]}", {"status": "Completed"})
    ids.append(buy(served_sandbox, 1))  # the same page once more
    rows = [
        f"{ids[0]},1,{BRAND}p/1,100,,",
        f"{ids[1]},4,{BRAND}p/2,100,2,60",
        f"{ids[2]},1,{BRAND}p/1,100,,",
    ]
    project.write("bought.csv", "order_id,service,link,quantity,runs,interval\n" + "\n".join(rows) + "\n")
    tried = project.run("import", "--from", "bought.csv", *GENERATE, "--link", BRAND, "--dry-run")
    assert tried.code == 0
    assert "campaigns/old.yaml would be written" in tried.out
    assert sorted(path.name for path in (project.root / "campaigns").iterdir()) == ["spring.yaml"]

    ran = project.run("import", "--from", "bought.csv", *GENERATE, "--link", BRAND, "--format", "json")
    assert (ran.code, ran.json["summary"]) == (0, {"imported": 3})
    assert sorted(path.name for path in (project.root / "campaigns").iterdir()) == ["old.yaml", "spring.yaml"]
    assert project.run("validate").code == 0
    text = (project.root / "campaigns" / "old.yaml").read_text()
    assert f'id: "order-{ids[0]}"' in text
    plan = project.run("plan", "-q", "--format", "json")
    assert [action["order"] for action in plan.json["actions"]] == ["spring/post-50"]
    assert project.run("apply", "--yes", "-q").code == 0
    assert len(served_sandbox.orders()) == 4
    assert Decimal(report(project)["unexplained"]) == 0

    again = project.run("import", "--from", "bought.csv", *GENERATE, "--link", BRAND)
    assert (again.code, "is not overwritten" in again.err) == (10, True)
    assert (project.root / "campaigns" / "old.yaml").read_text() == text
    matched = project.run("import", "--from", "bought.csv", "campaigns/old.yaml", "--format", "json")
    assert (matched.code, matched.json["summary"]) == (0, {"already": 3})


def test_nothing_is_written_for_what_is_wrong_or_does_not_fit(project: Project, served_sandbox: Served):
    order_id = buy(served_sandbox, 1)

    def tried(row: str, *flags: str) -> tuple[int, str]:
        project.write("bought.csv", f"order_id,service,link,quantity\n{row}\n")
        ran = project.run("import", "--from", "bought.csv", *(flags or (*GENERATE, "--link", BRAND)))
        assert not (project.root / "campaigns").exists() or not list((project.root / "campaigns").iterdir())
        assert not project.state.exists()
        return ran.code, ran.err

    good = f"{order_id},1,{BRAND}p/1,100"
    assert tried(f"{order_id},1,https://example.com/other,100")[0] == 10
    code, err = tried(f"{order_id},1,{BRAND}p/1,")
    assert (code, "bought.csv:2:1: `quantity` is missing" in err) == (10, True)
    assert tried(f"{order_id},1,{BRAND}p/1,900")[0] == 11
    assert tried(good, *GENERATE)[0] == 64  # whose pages they are, only their owner can say
    assert tried(good, "--generate", "campaigns/old.yaml", "--link", BRAND)[0] == 64
    assert tried(good, *GENERATE[:-1], "nobody", "--link", BRAND)[0] == 10
    assert tried(good, "--generate", "campaigns/x.txt", *GENERATE[2:], "--link", BRAND)[0] == 10
    assert tried(good, *GENERATE, "--link", "not a link")[0] == 10
    project.campaign([post(50)], name="old")
    (project.root / "campaigns" / "old.yaml").rename(project.root / "campaigns" / "taken.yaml")
    project.write("bought.csv", f"order_id,service,link,quantity\n{good}\n")
    taken = project.run("import", "--from", "bought.csv", *GENERATE, "--link", BRAND)
    assert (taken.code, "old is used already" in taken.err) == (10, True)


def test_new_files_are_written_on_a_file_system_without_hard_links(
    project: Project, served_sandbox: Served, monkeypatch
):
    def refuse(_self: Path, _target: Path) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    project.write("bought.csv", f"order_id,service,link,quantity\n{buy(served_sandbox, 1)},1,{BRAND}p/1,100\n")
    told = project.run("import", "--from", "bought.csv", *GENERATE, "--link", BRAND)
    assert told.code == 0, told.err
    assert (project.root / "campaigns" / "old.yaml").is_file()
    assert project.run("init", "fresh").code == 0
    assert (project.root / "fresh" / "panels.yaml").is_file()


def test_the_documents_fit_their_schema(project: Project, served_sandbox: Served):
    schema = Draft7Validator(json.loads((REPOSITORY / "schemas" / "import.schema.json").read_text()))
    order_id = buy(served_sandbox, 1)
    project.campaign([post(1)])
    for arguments in ((order_id, "--dry-run"), ("12345",), (order_id,), (order_id,)):
        ran = project.run("import", "spring/post-1", *arguments, "--format", "json", "--report", "json=out.json")
        assert not list(schema.iter_errors(ran.json))
        assert json.loads((project.root / "out.json").read_text()) == ran.json


def test_the_built_in_panel_is_imported_from_too(project: Project):
    project.campaign([post(1)], panel="sandbox")
    assert project.run("apply", "-q").code == 0
    (order,) = project.run("status", "--format", "json").json["orders"]
    assert project.run("import", "spring/post-1", order["panel_order_id"]).code == 0
