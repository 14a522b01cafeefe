"""What a campaign keeps beside its orders: protections, drips, tags; and pruning, present counts and further limits."""

from decimal import Decimal

import pytest

from runner.core.diagnostics import Severity
from tests.files.conftest import places

PAGE = "https://example.com/our-brand/p/"
FROM = "orders:\n- {from: rows.csv}\n"
DRIP = "runs: 3, interval: 60"
HEAD = "version: 1\ncampaign: spring\npanel: sandbox\nlinks: [https://example.com/our-brand/]\n"


def head(defaults: str) -> str:
    return f"{HEAD}defaults: {{service: 1, {defaults}}}\n"


def test_what_an_order_says_beside_its_fields_is_kept_by_its_id(load_rows):
    loaded = load_rows(
        f"id: a, link: {PAGE}1, quantity: 5, tags: [video, week-1], protect: true",
        f"id: b, link: {PAGE}2, quantity: 5, {DRIP}, drip: runner",
        f"id: c, link: {PAGE}3, quantity: 5, {DRIP}, protect: false, tags: []",
        f"id: d, link: {PAGE}4, quantity: 5, priority: 3, tags: [2026, video, 2026]",
    )
    assert loaded.diagnostics == ()
    (campaign,) = loaded.campaigns
    assert campaign.tags == {"a": ("video", "week-1"), "d": ("2026", "video")}
    assert campaign.protected == {"a"}
    assert campaign.drips == {"b"}
    assert campaign.priorities == {"d": 3}
    assert (campaign.orders[1].runs, campaign.orders[1].interval) == (3, 60)


def test_a_campaign_that_says_nothing_of_it_has_nothing_of_it(load_rows):
    (campaign,) = load_rows(f"link: {PAGE}1, quantity: 5").campaigns
    assert (campaign.tags, campaign.protected, campaign.drips) == ({}, frozenset(), frozenset())
    assert campaign.prune is False
    assert campaign.counts is None
    assert campaign.policy.max_reorders == 1
    assert campaign.policy.refill.threshold == Decimal("0.02")


def test_defaults_reach_every_order_that_says_nothing_itself(load):
    body = f"""orders:
- {{id: a, link: {PAGE}1, quantity: 5}}
- {{id: b, link: {PAGE}2, quantity: 5, tags: [own], protect: false}}
- {{id: c, link: {PAGE}3, quantity: 5, tags: [], {DRIP}}}
"""
    loaded = load(body, head=head("tags: [usual], protect: true, drip: runner"))
    assert loaded.diagnostics == ()
    (campaign,) = loaded.campaigns
    assert campaign.tags == {"a": ("usual",), "b": ("own",)}
    assert campaign.protected == {"a", "c"}
    assert campaign.drips == {"c"}  # the others have no runs: nothing to drip


def test_alike_rows_take_special_defaults_too(load):
    """Many rows of one form are read column by column, unless a default asks for more than an order."""
    body = "orders:\n" + "".join(f"- {{id: o{n}, link: {PAGE}{n}, quantity: 5, {DRIP}}}\n" for n in range(600))
    for default, kept in (("drip: runner", "drips"), ("protect: true", "protected"), ("tags: [x]", "tags")):
        (campaign,) = load(body, head=head(default)).campaigns
        assert set(getattr(campaign, kept)) == {f"o{n}" for n in range(600)}


def test_one_order_with_tags_among_many_without_is_found(load):
    rows = [f"- {{id: o{n}, link: {PAGE}{n}, quantity: 5{', tags: [x]' if n == 300 else ''}}}\n" for n in range(600)]
    (campaign,) = load("orders:\n" + "".join(rows)).campaigns
    assert campaign.tags == {"o300": ("x",)}
    assert [order.id for order in campaign.orders] == [f"o{n}" for n in range(600)]


def test_equal_lists_of_tags_are_one_object(load_rows):
    (campaign,) = load_rows(*(f"id: o{n}, link: {PAGE}{n}, quantity: 5, tags: [a, b]" for n in range(3))).campaigns
    assert campaign.tags["o0"] is campaign.tags["o2"]


def test_a_csv_has_columns_for_all_of_it(load):
    rows = f"""id,link,quantity,runs,interval,drip,tags,protect
a,{PAGE}1,5,3,60,runner,video; week-1,true
b,{PAGE}2,5,,,,video 2026,
c,{PAGE}3,5,3,60,,,false
"""
    loaded = load("orders:\n- {from: rows.csv, tags: [usual]}\n", rows=rows)
    assert loaded.diagnostics == ()
    (campaign,) = loaded.campaigns
    assert campaign.tags == {"a": ("video", "week-1"), "b": ("video", "2026"), "c": ("usual",)}
    assert campaign.drips == {"a"}
    assert campaign.protected == {"a"}


def test_what_stands_beside_a_csv_reaches_its_rows(load):
    body = "orders:\n- {from: rows.csv, runs: 3, interval: 60, drip: runner, tags: [x], protect: true}\n"
    (campaign,) = load(body, rows=f"id,link,quantity\na,{PAGE}1,5\n").campaigns
    assert (campaign.drips, campaign.protected, campaign.tags) == ({"a"}, {"a"}, {"a": ("x",)})


@pytest.mark.parametrize(
    ("column", "cell", "code", "words"),
    [
        ("tags", "video/a", "bad-format", "`tags` must be tags of 1 to 32 letters"),
        ("tags", " ".join(f"t{n}" for n in range(21)), "schema", "at most 20 tags"),
        ("tags", "x" * 33, "bad-format", "1 to 32 letters"),
        ("drip", "yes", "bad-choice", "`drip` must be `runner`"),
        ("drip", "runner", "drip-runs", "`drip: runner` needs `runs` and `interval`"),
    ],
)
def test_a_wrong_cell_is_told_with_its_place(load, column, cell, code, words):
    loaded = load(FROM, rows=f"link,quantity,{column}\n{PAGE}1,5,\n{PAGE}2,5,{cell}\n")
    assert places(loaded) == [("rows.csv", 3, 3, code)]
    assert words in loaded.diagnostics[0].message


@pytest.mark.parametrize(
    ("defaults", "column", "code"),
    [("drip: panel", 30, "bad-choice"), ("tags: a", 30, "wrong-type"), ("tags: [a, 'b c']", 34, "bad-format")],
)
def test_wrong_defaults_are_told_once(load, defaults, column, code):
    loaded = load(f"orders: [{{link: {PAGE}1, quantity: 5}}, {{link: {PAGE}2, quantity: 5}}]\n", head=head(defaults))
    assert places(loaded) == [("a.yaml", 5, column, code)]


def test_pruning_is_asked_for_at_the_top(load_rows, load):
    body = f"orders: [{{link: {PAGE}1, quantity: 5}}]\n"
    assert load("prune: true\n" + body).campaigns[0].prune is True
    assert load("prune: false\n" + body).campaigns[0].prune is False
    assert places(load("prune: yes\n" + body)) == [("a.yaml", 6, 8, "wrong-type")]


def test_policies_of_a_long_life_are_read(load):
    body = f"policy: {{max_reorders: 3, refill: {{when: drop, threshold: 12.5%}}}}\norders: [{{link: {PAGE}1, quantity: 5}}]\n"
    (campaign,) = load(body).campaigns
    assert campaign.policy.max_reorders == 3
    assert campaign.policy.refill.threshold == Decimal("0.125")


@pytest.mark.parametrize(
    ("policy", "column", "code", "words"),
    [
        ("max_reorders: 101", 24, "out-of-range", "from 0 to 100"),
        ("max_reorders: -1", 24, "out-of-range", "from 0 to 100"),
        ("refill: {when: drop, threshold: 2}", 42, "wrong-type", "such as 2%"),
        ("refill: {when: drop, threshold: 101%}", 42, "bad-format", "from 0% to 100%"),
    ],
)
def test_wrong_policies_of_a_long_life_are_told(load, policy, column, code, words):
    loaded = load(f"policy: {{{policy}}}\norders: [{{link: {PAGE}1, quantity: 5}}]\n")
    assert places(loaded) == [("a.yaml", 6, column, code)]
    assert words in loaded.diagnostics[0].message


ONE = f"orders: [{{link: {PAGE}1, quantity: 5}}]\n"


def test_the_counts_file_is_read_with_the_campaign_and_is_part_of_its_digest(load):
    first = load("counts: now.csv\n" + ONE, now=f"link,count\n{PAGE}1,120\n").campaigns[0]
    assert first.counts == {f"{PAGE}1": 120}
    later = load("counts: now.csv\n" + ONE, now=f"link,count\n{PAGE}1,110\n").campaigns[0]
    assert later.counts == {f"{PAGE}1": 110}
    assert later.digest != first.digest
    assert load("counts: now.csv\n" + ONE, now=f"link,count\n{PAGE}1,120\n").campaigns[0].digest == first.digest


def test_an_empty_counts_file_is_counts_of_no_page(load):
    assert load("counts: now.csv\n" + ONE, now="link,count\n").campaigns[0].counts == {}


@pytest.mark.parametrize("name", ["none.csv", "../now.csv", "/etc/hostname", "."])
def test_a_counts_file_that_is_not_there_or_lies_outside_is_told_where_it_is_named(load, project, name):
    (project.parent / "now.csv").write_text("link,count\n")
    loaded = load(f"counts: {name}\n{ONE}")
    assert places(loaded) == [("a.yaml", 6, 9, "unreadable")]
    assert loaded.diagnostics[0].message.startswith(f"`counts`: {name} ")


def test_what_is_wrong_in_the_counts_file_is_told_with_all_else(load):
    loaded = load(f"counts: now.csv\norders: [{{link: {PAGE}1, quantity: 0}}]\n", now=f"link,count\n{PAGE}1,many\n,5\n")
    assert places(loaded) == [
        ("a.yaml", 7, 62, "out-of-range"),
        ("now.csv", 2, 2, "counts-count"),
        ("now.csv", 3, 1, "counts-link"),
    ]
    assert all(one.severity is Severity.ERROR for one in loaded.diagnostics)


@pytest.mark.parametrize("bad", [b"link,count\na,\xff\n", b"link,count\na,\0\n", b"\xff\xfel"])
def test_a_counts_file_that_is_no_text_is_told(load, bad):
    loaded = load("counts: now.csv\n" + ONE, now=bad)
    assert [(d.file, d.code) for d in loaded.diagnostics] == [("now.csv", "counts-file")]
