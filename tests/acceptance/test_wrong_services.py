"""A wrong service is told once, with the number of its orders, where the service is written."""

from tests.acceptance.project import Project

HEAD = "version: 1\ncampaign: c\npanel: sandbox\nlinks: [https://example.com/b/]\n"
TOLD = "sandbox sells no service 999; `runner services` lists what it sells"


def flow(number: int, more: str = "") -> str:
    return f"  - {{link: https://example.com/b/{number}, quantity: 100{more}}}\n"


def test_one_wrong_service_of_124_orders_is_told_once(bare_project: Project):
    rows = "".join(flow(number) for number in range(124))
    bare_project.write("campaigns/c.yaml", f"{HEAD}defaults: {{service: 999}}\norders:\n{rows}")
    for command in (
        ("plan",),
        ("apply", "--yes"),
        ("plan", "--format", "json"),
        ("apply", "--yes", "--format", "json"),
    ):
        ran = bare_project.run(*command, "-q")
        assert ran.code == 10
        told = f"campaigns/c.yaml:5:21: {TOLD} (124 orders)"
        assert (ran.out + ran.err).count(told) == 1
        if "json" not in command:
            assert (ran.out + ran.err).count(
                "no service 999"
            ) <= 2  # in the list of problems, and why orders are blocked
    blocked = bare_project.run("plan", "-q", "--format", "json").json["summary"]["blocked"]
    assert blocked == 124


def test_each_cause_stands_where_its_value_is_written(bare_project: Project):
    bare_project.write(
        "campaigns/c.yaml",
        f"{HEAD}defaults: {{service: 999, quantity: 1}}\norders:\n"
        + flow(1)
        + flow(2)
        + flow(3, ", service: 998")
        + "  - link: https://example.com/b/4\n    service: 1\n"
        + "  - {from: rows.csv, service: 997}\n",
    )
    bare_project.write(
        "campaigns/rows.csv", "link,service,quantity\nhttps://example.com/b/5,,100\nhttps://example.com/b/6,996,100\n"
    )
    ran = bare_project.run("plan", "-q")
    assert ran.code == 10
    places = [line.split(": ")[0].strip() for line in ran.out.splitlines() if line.strip().startswith("campaigns/")]
    assert places == [
        "campaigns/c.yaml:5:21",
        "campaigns/c.yaml:9:61",
        "campaigns/c.yaml:5:36",
        "campaigns/c.yaml:12:31",
        "campaigns/rows.csv:3:2",
    ]
    assert f"{TOLD} (2 orders)" in ran.out


def test_a_refused_edit_names_its_line(bare_project: Project):
    row = "  - {id: a, link: https://example.com/b/1, service: 1, quantity: 100}\n"
    bare_project.write("campaigns/c.yaml", f"{HEAD}orders:\n{row}")
    assert bare_project.run("apply", "--yes", "-q").code == 0
    bare_project.write("campaigns/c.yaml", f"{HEAD}orders:\n\n{row.replace('100', '200')}")
    edited = bare_project.run("apply", "--yes", "-q")
    assert (edited.code, "c/a (campaigns/c.yaml:7): changed after it was bought" in edited.out) == (11, True)
    bare_project.write("campaigns/c.yaml", f"{HEAD}orders:\n{row.replace('id: a', 'id: b')}")
    renamed = bare_project.run("plan", "-q")
    assert (renamed.code, "c/b (campaigns/c.yaml:6) looks like c/a under a new name" in renamed.out) == (11, True)
