"""One page is one page, however its link is written: bought once, waited for, found again; and sent as it is written."""

import re

import pytest

from tests.acceptance.project import BRAND, Project
from tests.acceptance.served import Served

PAGE = f"{BRAND}p/1"
SPELLINGS = [
    "https://EXAMPLE.com/our-brand/p/1",
    "https://example.com:443/our-brand/p/1",
    f"{BRAND}p/%31",
    "https://example.com/%6Fur%2dbrand/p/1",
    f"{PAGE}#top",
    f"{PAGE}?",
]
OTHER = "https://Example.com:443/our-brand/%70/%31?#top"  # all of it at once
SHOUTED = "HTTPS://example.com/our-brand/p/1"  # the sandbox takes no such link, as some panels
spelt = pytest.mark.parametrize("other", [*SPELLINGS, OTHER])
IDN = ("https://münchen.example", "https://XN--mnchen-3ya.example:443/?#x")


def order(link: str, **fields: object) -> dict[str, object]:
    """One order without an id."""
    return {"service": 1, "link": link, "quantity": 100} | fields


def apply(project: Project, *, code: int = 0, placed: int) -> None:
    ran = project.run("apply", "--yes", "-q", "--format", "json")
    assert (ran.code, ran.json["placed"]) == (code, placed), ran.err


def addresses(project: Project) -> list[str]:
    return [row["order"] for row in project.run("status", "--format", "json").json["orders"]]


@pytest.mark.parametrize("other", [*SPELLINGS, OTHER, SHOUTED])
def test_two_spellings_in_one_campaign_are_an_error_that_names_both_and_nothing_is_sent(project, served_sandbox, other):
    project.campaign([order(PAGE), order(other)])
    ran = project.run("apply", "--yes")
    assert ran.code == 10
    assert (
        f"spring.yaml:7:28: same service and page ({other} and {PAGE} are one) as the order in line 6: add an `id:`"
        in ran.err
    )
    assert served_sandbox.requests()["add"] == 0
    project.campaign([order(PAGE, id="a"), order(other)])
    assert "as order `a` in line 6: add an `id:` here too" in project.run("validate").out


@spelt
def test_two_campaigns_buy_one_page_one_after_the_other_and_send_it_as_written(project, served_sandbox, other):
    project.campaign([order(other)], name="a")
    project.campaign([order(PAGE, id="x")], name="b")
    apply(project, placed=1)
    apply(project, placed=0)
    assert served_sandbox.links() == {other: 1}
    assert "for the same service and link, is in flight" in project.run("plan").out.replace("\n", " ")
    served_sandbox.tell(f"orders/{served_sandbox.orders()[0]['order']}", {"status": "Completed"})
    apply(project, placed=1)
    assert served_sandbox.links() == {other: 1, PAGE: 1}


@pytest.mark.parametrize(("first", "second"), [IDN, IDN[::-1]])
def test_a_name_and_its_punycode_an_empty_path_and_a_slash_are_one_page(project, served_sandbox, first, second):
    project.campaign([order(first)], links=[IDN[0]])
    apply(project, placed=1)
    project.campaign([order(second)], links=[IDN[1].partition("?")[0]])
    apply(project, placed=0)
    assert served_sandbox.links() == {first: 1}


@pytest.mark.parametrize(("other", "own"), [*((one, {}) for one in SPELLINGS), (OTHER, {}), (OTHER, {"id": "teaser"})])
def test_tidying_the_link_of_a_bought_line_changes_nothing(project, served_sandbox, other, own):
    project.campaign([order(other, **own)])
    apply(project, placed=1)
    known = addresses(project)
    for link in (PAGE, other, PAGE):
        project.campaign([order(link, **own)])
        ran = project.run("plan", "-q", "--format", "json", "--detailed-exitcode")
        assert (ran.code, ran.json["actions"], ran.json["summary"]) == (0, [], {"ok": 1})
        apply(project, placed=0)
        assert addresses(project) == known
    assert served_sandbox.links() == {other: 1}
    assert other in project.run("history", *known).out
    served_sandbox.tell(f"orders/{served_sandbox.orders()[0]['order']}", {"status": "Completed"})
    apply(project, placed=0)


def test_while_a_page_is_in_doubt_nothing_is_sent_for_it_in_any_spelling(project, served_sandbox):
    project.campaign([order(PAGE, id="x")], name="a")
    served_sandbox.fault({"kind": "reset_after", "times": 1})
    apply(project, code=15, placed=0)
    served_sandbox.fault()
    project.campaign([order(OTHER)], name="b")
    apply(project, code=15, placed=0)
    assert served_sandbox.requests()["add"] == 1
    told = " ".join(project.run("plan").out.split())
    assert "a/x, for the same service and link, is in doubt" in told
    adopted = project.run("import", f"b/{addresses(project)[1].partition('/')[2]}", "23501")
    assert adopted.code == 11
    assert "a/x, with the same service and link, is in doubt" in adopted.err


def test_a_refusal_as_a_duplicate_is_evidence_for_the_page(project, served_sandbox):
    project.panels(served_sandbox.url, parallel={"add": 1, "read": 1})
    project.campaign([order(PAGE, id="x")])
    served_sandbox.fault({"kind": "reset_after", "times": 1})
    apply(project, code=15, placed=0)
    declared = project.run("doubt", "not-placed", "spring/x", "--reason", "not in the list", "--i-checked")
    assert declared.code == 0, declared.err
    served_sandbox.fault({"kind": "duplicate_refusal"})
    project.campaign([order(OTHER, id="x")])
    ran = project.run("apply", "--yes", "-q")
    assert "spring/x, declared not placed on" in ran.err
    assert "refused the next order for the same service and link as a duplicate" in ran.err


def test_a_new_id_with_a_new_spelling_is_a_rename(project, served_sandbox):
    project.campaign([order(OTHER), order(f"{BRAND}p/2", id="keep")])
    apply(project, placed=2)
    project.campaign([order(PAGE, id="teaser"), order(f"{BRAND}p/2", id="keep")])
    ran = project.run("apply", "--yes", "-q")
    assert ran.code == 11
    assert "under a new name: the same service and link" in " ".join(ran.out.split())
    assert len(served_sandbox.orders()) == 2


@pytest.mark.parametrize("way", ["flag", "file"])
def test_a_count_is_that_of_the_page(project, served_sandbox, way):
    policy = {"refill": {"when": "drop", "every": "24h"}}
    more = {"counts": "counts.csv"} if way == "file" else {}
    flags = ("--counts", "campaigns/counts.csv") if way == "flag" else ()
    project.write("campaigns/counts.csv", f"link,count\n{OTHER},0\n")
    project.campaign([order(PAGE, id="x")], policy=policy, **more)
    assert project.run("apply", "--yes", "-q", *flags).code == 0
    served_sandbox.tell("orders/23501", {"status": "Completed"})
    asked = project.run("apply", "--yes", "-q", "--format", "json", *flags)
    assert (asked.code, asked.json["refills"]) == (0, 1), asked.err
    project.write("campaigns/counts.csv", f"link,count\n{OTHER},0\n{PAGE},5\n")
    twice = project.run("plan", "-q", *flags)
    assert twice.code == 10
    assert "counts.csv:3:1: https://example.com/our-brand/p/1 has another count above" in twice.err


def test_a_list_of_what_was_bought_elsewhere_means_the_page(project, served_sandbox, tmp_path, monkeypatch):
    project.campaign([order(PAGE)])
    apply(project, placed=1)
    (project.root / "state").rename(project.root.parent / "elsewhere")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another machine"))
    project.write("bought.csv", f"order_id,service,link\n23501,1,{OTHER}\n")
    ran = project.run("import", "--from", "bought.csv", "--new-state", "--format", "json")
    assert (ran.code, ran.json["summary"]) == (0, {"imported": 1}), ran.err
    apply(project, placed=0)


def test_a_generated_file_names_orders_of_one_page_apart(project, served_sandbox, tmp_path, monkeypatch):
    project.campaign([order(PAGE, id="a")], name="first")
    apply(project, placed=1)
    served_sandbox.tell("orders/23501", {"status": "Completed"})
    project.campaign([order(f"{PAGE}#top", id="b")], name="first")
    assert project.run("apply", "--yes", "-q").code == 11  # a rename
    project.campaign([order(PAGE, id="a"), order(f"{PAGE}#top", id="b")], name="first")
    apply(project, placed=1)
    for name in ("state", "campaigns"):
        (project.root / name).rename(project.root.parent / f"former-{name}")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another machine"))
    project.write("bought.csv", f"order_id,service,link,quantity\n23501,1,{PAGE},100\n23502,1,{PAGE}#top,100\n")
    ran = project.run(
        "import",
        "--new-state",
        "--from",
        "bought.csv",
        "--generate",
        "campaigns/old.yaml",
        "--campaign",
        "old",
        "--panel",
        "served",
        "--link",
        BRAND,
    )
    assert ran.code == 0, ran.err
    assert addresses(project) == ["old/order-23501", "old/order-23502"]


@pytest.mark.parametrize(
    "link",
    [
        "https://example.com/other-brand/p/1",
        "https://example.com/our-brand/../other-brand/p/1",
        "https://example.com/our-brand/%2e%2e/other-brand/p/1",
        "https://example.com/our-brand/%252e%252e/other-brand/p/1",
        "https://example.com/our-brand/..%2Fother-brand/p/1",
        "https://example.com/our-brand\\..\\other-brand",
        "https://example.com/our-brand%2f..%2fother-brand",
        "https://example.com@evil.example/our-brand/p/1",
        "https://example.com:443@evil.example/our-brand/p/1",
        "https://evil.example/https://example.com/our-brand/p/1",
        "https://example.com.evil.example/our-brand/p/1",
        "https://example.com\u3002evil.example/our-brand/p/1",
        "https://example.com/Our-Brand/p/1",
        "https://example.com:444/our-brand/p/1",
        "http://example.com/our-brand/p/1",
        "http://example.com:443/our-brand/p/1",
        "https://example.com/our-brandy/p/1",
        "https://www.example.com/our-brand/p/1",
        "https://e\u0445ample.com/our-brand/p/1",
    ],
)
def test_no_spelling_brings_a_foreign_page_inside_the_links_of_a_campaign(project, served_sandbox, link):
    project.campaign([order(link)])
    ran = project.run("apply", "--yes", "-q")
    assert ran.code == 10
    assert "spring.yaml:6:" in ran.err
    assert served_sandbox.requests()["add"] == 0


@pytest.mark.parametrize(
    "prefix",
    ["https://EXAMPLE.com:443/our-brand/", "https://example.com/%6Fur-brand", "HTTPS://example.com/our%2Dbrand"],
)
@pytest.mark.parametrize("other", [OTHER, SHOUTED])
def test_a_link_is_inside_a_prefix_however_both_are_written(project, prefix, other):
    project.campaign([order(other)], links=[prefix])
    assert project.run("validate").code == 0


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (f"{PAGE}/", "the slash at the end"),
        ("http://example.com/our-brand/p/1", "http and https"),
        ("https://www.example.com/our-brand/p/1", "`www.`"),
        ("https://m.example.com/our-brand/p/1", "`m.`"),
        (f"{PAGE}?utm_source=mail", "`utm_source`"),
        (f"{PAGE}?igsh=x", "`igsh`"),
        (f"{PAGE}/?fbclid=x", "the slash at the end and `fbclid`"),
    ],
)
def test_what_is_probably_one_page_is_a_warning_with_both_places_and_is_bought(project, served_sandbox, other, words):
    links = [BRAND, "http://example.com/", "https://www.example.com/", "https://m.example.com/"]
    project.campaign([order(PAGE), order(f"{BRAND}p/2")], name="a", links=links)
    project.campaign([order(other)], name="b", links=links)
    ran = project.run("validate", "--format", "json")
    assert ran.code == 0
    (found,) = (one for one in ran.json["diagnostics"] if one["code"] == "probably-one-page")
    assert (found["file"], found["line"], found["severity"]) == ("campaigns/b.yaml", 6, "warning")
    assert f"is probably the same page as {PAGE} in campaigns/a.yaml:6" in found["message"]
    assert f"they differ in {words}" in found["message"]
    ran = project.run("apply", "--yes", "--format", "json")
    assert (ran.code, ran.json["placed"]) == (0, 3)
    assert ran.err.count("is probably the same page as") == 1
    assert sorted(served_sandbox.links()) == sorted([PAGE, f"{BRAND}p/2", other])


def test_an_id_that_is_not_written_is_readable_short_and_the_same_wherever_the_row_stands(
    project: Project, served_sandbox: Served
):
    rows = [
        order(f"{BRAND}posts/press-kit"),
        order(f"{BRAND}posts/{'very-' * 20}long"),
        order(BRAND, service=3),
        order("https://example.com/our-brand/%D0%BF"),
    ]
    project.campaign(rows)
    apply(project, placed=4)
    known = addresses(project)
    assert re.fullmatch(r"spring/press-kit-[0-9a-f]{12}", known[0])
    assert re.fullmatch(r"spring/(very-){5}ve-[0-9a-f]{12}", known[1])
    assert re.fullmatch(r"spring/our-brand-[0-9a-f]{12}", known[2])
    assert re.fullmatch(r"spring/[0-9a-f]{12}", known[3])
    assert all(len(address) <= len("spring/") + 40 for address in known)
    project.campaign([order(f"{BRAND}new"), *rows[::-1]])
    apply(project, placed=1)
    assert sorted(addresses(project)[1:]) == sorted(known)
