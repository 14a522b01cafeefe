import hashlib
from decimal import Decimal
from pathlib import Path

import pytest

from runner.core.diagnostics import Severity
from runner.core.errors import ExitCode, InvalidInput
from runner.core.orders import OnChange, OnShort, RefillWhen
from runner.files.campaigns import check_panels, find_campaigns, load_campaigns
from tests.files.conftest import places

PAGE = "https://example.com/our-brand/p/"


def only(loaded):
    assert len(loaded.diagnostics) == 1, loaded.diagnostics
    return loaded.diagnostics[0]


def test_a_whole_campaign_is_read_as_written(load):
    loaded = load(
        f"""
budget: {{total: "250.00", per_run: "60.00", keep_balance: "20"}}
policy:
  on_change: keep
  refill: {{when: never, every: 36h, for: 20d, max: 3}}
  max_price_increase: 2.5%
orders:
  - {{id: teaser-a, link: {PAGE}1, quantity: 1000, runs: 5, interval: 60}}
  - link: {PAGE}2
    service: abc-1
    quantity: 500
moved: [{{from: teaser, to: teaser-a}}]
removed: [old-test]
"""
    )
    assert loaded.diagnostics == ()
    (campaign,) = loaded.campaigns
    assert (campaign.name, campaign.panel, campaign.source) == ("spring", "sandbox", "a.yaml")
    assert campaign.links == ("https://example.com/our-brand/",)
    assert (campaign.budget.total, campaign.budget.per_run) == (Decimal("250.00"), Decimal("60.00"))
    assert campaign.budget.keep_balance == Decimal(20)
    assert campaign.policy.on_change is OnChange.KEEP
    assert campaign.policy.on_partial is OnShort.ACCEPT
    assert campaign.policy.max_price_increase == Decimal("0.025")
    assert campaign.policy.refill.when is RefillWhen.NEVER
    assert campaign.policy.refill.every.total_seconds() == 36 * 3600
    assert campaign.policy.refill.within.days == 20
    assert campaign.policy.refill.max == 3
    first, second = campaign.orders
    assert first == ("spring", "teaser-a", "1", f"{PAGE}1", 1000, 5, 60, "a.yaml", 13)
    assert (second.service, second.quantity, second.runs, second.line) == ("abc-1", 500, None, 14)
    assert campaign.moved == {"teaser-a": "teaser"}
    assert campaign.removed == {"old-test"}
    assert [one[1:] for one in loaded.panels_named] == [(3, 8, loaded.campaigns[0].panel)]


def test_an_order_without_id_gets_one_from_service_and_link_alone(load_rows):
    (campaign,) = load_rows(f"link: {PAGE}1, service: 12, quantity: 5").campaigns
    expected = "1-" + hashlib.blake2b(f"12\n{PAGE}1".encode(), digest_size=6).hexdigest()
    assert campaign.orders[0].id == expected
    (moved,) = load_rows(f"link: {PAGE}0, quantity: 9", f'link: {PAGE}1, service: "12", quantity: 8').campaigns
    assert moved.orders[1].id == expected


@pytest.mark.parametrize(
    ("row", "column", "code", "words"),
    [
        ('quantity: "500"', 57, "wrong-type", "remove the quotes"),
        ("quantity: 0", 57, "out-of-range", "from 1 to"),
        ("quantity: -5", 57, "out-of-range", "from 1 to"),
        ("quantity: 1000000001", 57, "out-of-range", "1000000000"),
        ("quantity: 99999999999999999999999999", 57, "wrong-type", "plain digits"),
        ("quantity: no", 57, "wrong-type", "such as 500; found `no`"),
        ("quantity: yes", 57, "wrong-type", "such as 500; found `yes`"),
        ("quantity: on", 57, "wrong-type", "such as 500; found `on`"),
        ("quantity: true", 57, "wrong-type", "such as 500; found `true`"),
        ("quantity: 010", 57, "wrong-type", "write 10"),
        ("quantity: 0x1f", 57, "wrong-type", "plain digits"),
        ("quantity: 1_000", 57, "wrong-type", "write 1000"),
        ("quantity: 1:30", 57, "wrong-type", "plain digits"),
        ("quantity: .5", 57, "wrong-type", "plain digits"),
        ("quantity: 1e3", 57, "wrong-type", "write 1000"),
        ("quantity: 500.0", 57, "wrong-type", "write 500"),
        ("quantity: +5", 57, "wrong-type", "write 5"),
        ("quantity: ", 57, "wrong-type", "nothing stands here"),
        ("quantity: ~", 57, "wrong-type", "found `~`"),
        ("quantity: null", 57, "wrong-type", "found `null`"),
        ("quantity: [5]", 57, "wrong-type", "found a list"),
        ("quantity: {a: 5}", 57, "wrong-type", "found a mapping"),
        ("quantity: 5, runs: 2", 66, "runs-interval", "`runs` needs `interval`"),
        ("quantity: 5, interval: 2", 70, "runs-interval", "`interval` needs `runs`"),
        ("quantity: 5, runs: 1000001, interval: 5", 66, "out-of-range", "from 1 to 1000000"),
        ("quantity: 5, runs: 2, interval: 0", 79, "out-of-range", "whole number of minutes"),
        ("quantity: 5, service: 0", 69, "out-of-range", "service id"),
        ("quantity: 5, service: 010", 69, "wrong-type", "write 10"),
        ("quantity: 5, service: 1.5", 69, "wrong-type", "plain digits"),
        ('quantity: 5, service: "1 2"', 69, "bad-format", "service id"),
        ('quantity: 5, service: "12\\n"', 69, "bad-format", "service id"),
        ("quantity: 5, id: a/b", 64, "bad-format", "letters, digits"),
        ("quantity: 5, id: -a", 64, "bad-format", "letters, digits"),
        ('quantity: 5, id: "a\\n"', 64, "bad-format", "letters, digits"),
        ("quantity: 5, id: true", 64, "wrong-type", "need quotes"),
        ("quantity: 5, id: null", 64, "wrong-type", "need quotes"),
        (f"quantity: 5, id: {'a' * 101}", 64, "bad-format", "1 to 100"),
        ("quantity: 5, protect: yes", 69, "wrong-type", "true or false"),
        ("quantity: 5, drip: runner", 66, "drip-runs", "needs `runs` and `interval`"),
        ("quantity: 5, runs: 2, drip: runner", 66, "runs-interval", "`runs` needs `interval`"),
        ("quantity: 5, tags: video", 66, "wrong-type", "a list of at most 20 tags, such as [video, week-1]"),
        ("quantity: 5, tags: [a, b c]", 70, "bad-format", "such as [video, week-1]; found `b c`"),
        ("quantity: 5, tags: [true]", 67, "wrong-type", "1 to 32 letters"),
        ("quantity: 5, tags: ['tag:a']", 67, "bad-format", "1 to 32 letters"),
        ("quantity: 5, drip: panel", 66, "bad-choice", "`runner`"),
        ("quantity: 5, quantty: 5", 60, "unknown-key", "did you mean `quantity`?"),
        ("quantity: 5, zzz: 5", 60, "unknown-key", "known are `drip`, `from`, `id`"),
        ("quantity: 5, from: posts.csv", 5, "exclusive-keys", "`link` and `from`"),
        ("service: 5", 5, "missing-key", "`quantity` is missing: write it here or under `defaults:`"),
    ],
)
def test_what_is_wrong_with_an_order_is_told_with_place_field_and_fix(load_rows, row, column, code, words):
    loaded = load_rows(f"link: {PAGE}1, {row}")
    found = only(loaded)
    assert (found.file, found.line, found.column, found.code) == ("a.yaml", 7, column, code)
    assert words in found.message
    assert "`" in found.message
    assert found.severity is Severity.ERROR
    assert loaded.campaigns == ()


@pytest.mark.parametrize("text", ["no", "on", "yes", "010", "0x1f", "1_000", "1e3", "1.5", "12", "007", "True"])
def test_in_text_fields_what_yaml_takes_for_something_else_stays_text(load_rows, text):
    loaded = load_rows(f"link: {PAGE}1, quantity: 5, id: {text}")
    assert loaded.diagnostics == ()
    assert loaded.campaigns[0].orders[0].id == text


def test_service_may_be_a_number_or_an_opaque_text(load_rows):
    (campaign,) = load_rows(
        f"link: {PAGE}1, quantity: 5, service: 12",
        f'link: {PAGE}2, quantity: 5, service: "12"',
        f"link: {PAGE}3, quantity: 5, service: abc-1",
    ).campaigns
    assert [order.service for order in campaign.orders] == ["12", "12", "abc-1"]


def test_protect_is_accepted(load_rows):
    assert load_rows(f"link: {PAGE}1, quantity: 5, protect: true").diagnostics == ()


def test_without_link_or_file_a_row_is_no_order(load_rows):
    found = only(load_rows("quantity: 5"))
    assert found.code == "missing-key"
    assert "add `link: https://example.com/our-brand/p/1` or `from: posts.csv`" in found.message


def test_a_misspelt_link_is_one_error_not_two(load_rows):
    assert only(load_rows(f"lnk: {PAGE}1, quantity: 5")).code == "unknown-key"


@pytest.mark.parametrize("order", ["foo", "[a, b]", "5", "null"], ids=["a text", "a list", "a number", "nothing"])
def test_an_order_that_is_no_mapping_is_one_error(load, order):
    found = only(load(f"orders:\n  - {order}\n"))
    assert (found.line, found.column, found.code) == (7, 5, "wrong-type")
    assert "must be a mapping, such as {link:" in found.message


def test_two_orders_with_the_same_service_and_link_need_ids(load_rows):
    found = only(load_rows(f"link: {PAGE}1, quantity: 5", f"link: {PAGE}2, quantity: 5", f"link: {PAGE}1, quantity: 6"))
    assert (found.line, found.column, found.code) == (9, 12, "needs-id")
    assert "same service and link as the order in line 7" in found.message
    assert "`id:`" in found.message


@pytest.mark.parametrize("named_first", [True, False])
def test_one_id_is_not_enough_for_two_orders_of_the_same_service_and_link(load_rows, named_first):
    rows = [f"id: a, link: {PAGE}1, quantity: 5", f"link: {PAGE}1, quantity: 6"]
    found = only(load_rows(*(rows if named_first else rows[::-1])))
    assert found.code == "needs-id"
    assert found.line == (8 if named_first else 7)
    assert f"order `a` in line {7 if named_first else 8}" in found.message


def test_with_an_id_each_the_same_service_and_link_may_be_ordered_twice(load_rows):
    loaded = load_rows(f"id: a, link: {PAGE}1, quantity: 5", f"id: b, link: {PAGE}1, quantity: 6")
    assert loaded.diagnostics == ()


def test_the_same_link_with_another_service_needs_no_id(load_rows):
    assert load_rows(f"link: {PAGE}1, quantity: 5", f"link: {PAGE}1, service: 2, quantity: 5").diagnostics == ()


def test_an_id_used_twice_is_told_with_both_lines(load_rows):
    found = only(load_rows(f"id: a, link: {PAGE}1, quantity: 5", f"id: a, link: {PAGE}2, quantity: 6"))
    assert (found.line, found.column, found.code) == (8, 10, "duplicate-id")
    assert "used already in line 7" in found.message


def test_defaults_complete_an_order_and_an_order_goes_before_them(load):
    loaded = load(
        f"orders:\n- {{link: {PAGE}1}}\n- {{link: {PAGE}2, service: 9, quantity: 7, runs: 1, interval: 1}}\n",
        head="version: 1\ncampaign: c\npanel: sandbox\nlinks: [https://example.com/]\n"
        "defaults: {service: 3, quantity: 50, runs: 2, interval: 30, protect: true}\n",
    )
    assert [order[2:7] for order in loaded.campaigns[0].orders] == [
        ("3", f"{PAGE}1", 50, 2, 30),
        ("9", f"{PAGE}2", 7, 1, 1),
    ]


def test_runs_here_and_interval_in_defaults_belong_together(load):
    head = (
        "version: 1\ncampaign: c\npanel: sandbox\nlinks: [https://example.com/]\ndefaults: {service: 3, interval: 30}\n"
    )
    assert load(f"orders:\n- {{link: {PAGE}1, quantity: 5, runs: 2}}\n", head=head).diagnostics == ()
    found = only(load(f"orders:\n- {{link: {PAGE}1, quantity: 5}}\n", head=head))
    assert (found.line, found.code) == (7, "runs-interval")


def test_wrong_defaults_are_one_error_and_orders_are_not_called_incomplete(load):
    head = "version: 1\ncampaign: c\npanel: sandbox\nlinks: [https://example.com/]\ndefaults: {service: 1, quantity: many}\n"
    found = only(load(f"orders:\n- {{link: {PAGE}1}}\n", head=head))
    assert (found.line, found.column) == (5, 34)
    assert "`defaults.quantity` must be a whole number" in found.message


@pytest.mark.parametrize("name", ["id: a", "link: https://example.com/x", "from: a.csv"])
def test_defaults_hold_no_id_link_or_file(load, name):
    found = only(
        load(
            "orders: []\n",
            head=f"version: 1\ncampaign: c\npanel: sandbox\nlinks: [https://example.com/]\ndefaults: {{{name}}}\n",
        )
    )
    assert found.code == "unknown-key"


def test_the_header_may_stand_behind_the_orders(load):
    loaded = load(
        f"orders:\n- {{link: {PAGE}1, quantity: 5}}\n- {{link: https://other.example/, quantity: 5}}\n"
        "links: [https://example.com/our-brand/]\ndefaults: {service: 4}\ncampaign: late\npanel: sandbox\nversion: 1\n",
        head="",
    )
    assert [(d.line, d.code) for d in loaded.diagnostics] == [(3, "link")]
    good = load(
        f"orders:\n- {{link: {PAGE}1, quantity: 5}}\n"
        "links: [https://example.com/our-brand/]\ndefaults: {service: 4}\ncampaign: late\npanel: sandbox\nversion: 1\n",
        head="",
    )
    assert good.campaigns[0].orders[0].campaign == "late"
    assert good.campaigns[0].orders[0].service == "4"


@pytest.mark.parametrize(
    ("header", "code", "words"),
    [
        ("budget: {total: 250.00}", "wrong-type", "floats are not exact"),
        ("budget: {total: 250}", "wrong-type", 'quoted decimal, not negative, such as "250.00"'),
        ('budget: {total: "-1"}', "bad-format", "not negative"),
        ('budget: {total: "1e3"}', "bad-format", "quoted decimal"),
        ('budget: {total: "1,000.00"}', "bad-format", "quoted decimal"),
        ('budget: {total: "250.00\\n"}', "bad-format", "quoted decimal"),
        ('budget: {totl: "5"}', "unknown-key", "in `budget`: did you mean `total`?"),
        ("budget: 5", "wrong-type", "`budget` must be a mapping"),
        ("policy: {on_change: ask}", "bad-choice", "error, keep, top_up, replace"),
        ("policy: {on_change: true}", "bad-choice", "`policy.on_change`"),
        ("policy: {refill: {every: 24h}}", "missing-key", "`when` is missing in `policy.refill`: add `when: due`"),
        ("policy: {refill: {when: due, every: 24}}", "wrong-type", "24h"),
        ("policy: {refill: {when: due, every: 0h}}", "bad-format", "24h"),
        ("policy: {refill: {when: due, every: 1:30}}", "wrong-type", "24h"),
        ("policy: {max_price_increase: 5}", "wrong-type", "2.5%"),
        ('policy: {max_price_increase: "5%\\n"}', "bad-format", "2.5%"),
        ("moved: {from: a, to: b}", "wrong-type", "must be a list"),
        ("moved: [{from: a}]", "missing-key", "`to` is missing"),
        ("removed: [a b]", "bad-format", "letters, digits"),
        ("budgett: {}", "unknown-key", "did you mean `budget`?"),
    ],
)
def test_what_is_wrong_with_the_header_is_told(load, header, code, words):
    found = only(load(f"{header}\norders: [{{link: {PAGE}1, quantity: 5}}]\n"))
    assert (found.line, found.code) == (6, code)
    assert words in found.message


def test_all_missing_keys_are_told_at_once_with_what_to_add(load):
    loaded = load("{}\n", head="")
    assert [d.code for d in loaded.diagnostics] == ["missing-key"] * 5
    told = " ".join(d.message for d in loaded.diagnostics)
    for hint in (
        "add `version: 1`",
        "add `campaign: spring-launch`",
        "add `panel: sandbox`",
        "add `links: [",
        "add `orders: [",
    ):
        assert hint in told


def test_errors_of_header_orders_and_csv_come_together(load):
    loaded = load(
        f"budget: {{total: 1}}\norders:\n- {{link: {PAGE}1}}\n- {{from: rows.csv}}\n- {{from: none.csv}}\nremoved: [1 2]\n",
        rows=f"link,quantity\n{PAGE}2,many\nhttps://evil.example/,5\n",
    )
    assert places(loaded) == [
        ("a.yaml", 6, 17, "wrong-type"),
        ("a.yaml", 8, 3, "missing-key"),
        ("a.yaml", 10, 10, "unreadable"),
        ("a.yaml", 11, 11, "bad-format"),
        ("rows.csv", 2, 2, "wrong-type"),
        ("rows.csv", 3, 1, "link"),
    ]


def test_errors_of_all_files_come_together_and_good_files_still_give_campaigns(project):
    good = f"version: 1\ncampaign: good\npanel: sandbox\nlinks: [https://example.com/]\norders: [{{link: {PAGE}1, service: 1, quantity: 5}}]\n"
    (project / "b.yaml").write_text(good)
    (project / "a.yaml").write_text(good.replace("good", "bad").replace("quantity: 5", "quantity: x"))
    (project / "c.yaml").write_text("[")
    loaded = load_campaigns([Path("b.yaml"), Path("c.yaml"), Path("a.yaml")])
    assert [d.file for d in loaded.diagnostics] == ["a.yaml", "c.yaml"]
    assert [c.name for c in loaded.campaigns] == ["good"]


def test_two_files_with_one_campaign_name_are_an_error_that_names_both(project):
    text = f"version: 1\n{{}}campaign: twin\npanel: sandbox\nlinks: [https://example.com/]\norders: [{{{{link: {PAGE}1, service: 1, quantity: 5}}}}]\n"
    (project / "a.yaml").write_text(text.format("\n"))
    (project / "b.yaml").write_text(text.format(""))
    found = only(load_campaigns([Path("a.yaml"), Path("b.yaml")]))
    assert (found.file, found.line, found.column, found.code) == ("b.yaml", 2, 11, "duplicate-campaign")
    assert "a.yaml, line 3" in found.message


def test_only_the_first_hundred_errors_of_a_file_are_shown(load_rows):
    loaded = load_rows(*[f"link: {PAGE}{n}, quantity: 0" for n in range(350)])
    assert len(loaded.diagnostics) == 101
    assert [d.line for d in loaded.diagnostics[:100]] == list(range(7, 107))
    assert loaded.diagnostics[-1].code == "too-many"
    assert "and 250 more errors" in loaded.diagnostics[-1].message


def test_many_clashing_ids_are_capped_too(load_rows):
    loaded = load_rows(*[f"id: same, link: {PAGE}{n}, quantity: 1" for n in range(300)])
    assert len(loaded.diagnostics) == 101
    assert "and 199 more errors" in loaded.diagnostics[-1].message


def test_an_error_far_down_has_its_own_place(load):
    rows = [f"- {{link: {PAGE}{n}, quantity: 5}}\n" for n in range(2000)]
    rows[1777] = f"-   {{link: {PAGE}1777, quantity: '5'}}\n"
    found = only(load("orders:\n" + "".join(rows)))
    assert (found.line, found.column) == (7 + 1777, 60)


@pytest.mark.parametrize("orders", ["orders: []", "orders:", "orders: [{from: rows.csv}]"])
def test_a_campaign_without_orders_is_allowed_with_a_warning(load, orders):
    loaded = load(f"{orders}\n", rows="link,quantity\n")
    found = only(loaded)
    assert (found.code, found.severity, found.line) == ("no-orders", Severity.WARNING, 6)
    assert len(loaded.campaigns[0].orders) == 0


@pytest.mark.parametrize(
    "policy",
    [
        *("on_change: error", "on_change: keep", "on_change: top_up", "on_change: replace"),
        *("on_partial: accept", "on_partial: reorder", "on_canceled: reorder, max_reorders: 3"),
        *("refill: {when: due}", "refill: {when: never}", "refill: {when: drop, threshold: 5%}"),
    ],
)
def test_no_policy_is_warned_of(load, policy):
    assert load(f"policy: {{{policy}}}\norders: [{{link: {PAGE}1, quantity: 5}}]\n").diagnostics == ()


def test_a_rename_may_go_over_several_names(load):
    loaded = load(f"orders: [{{id: c, link: {PAGE}1, quantity: 5}}]\nmoved: [{{from: a, to: b}}, {{from: b, to: c}}]\n")
    assert loaded.diagnostics == ()
    assert loaded.campaigns[0].moved == {"b": "a", "c": "b"}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("moved: [{from: a, to: zz}]", "`moved.to` zz is no order of this file"),
        ("moved: [{from: c, to: c}]", "`moved.from` c is still an order"),
        ("moved: [{from: a, to: c}, {from: a, to: d}]", "`moved.from` a stands here twice"),
        ("moved: [{from: a, to: c}, {from: b, to: c}]", "`moved.to` c stands here twice"),
        ("moved: [{from: a, to: b}, {from: b, to: a}]", "back to itself"),
        ("removed: [c]", "`removed` c is still an order"),
        ("removed: [x, x]", "`removed` x stands here twice"),
        ("moved: [{from: a, to: c}]\nremoved: [a]", "`removed` a stands under `moved` too"),
    ],
)
def test_renames_and_removals_that_can_not_be_are_errors(load, body, words):
    loaded = load(f"orders: [{{id: c, link: {PAGE}1, quantity: 5}}, {{id: d, link: {PAGE}2, quantity: 5}}]\n{body}\n")
    assert loaded.campaigns == ()
    assert words in " ".join(d.message for d in loaded.diagnostics)


def test_a_rename_is_not_blamed_for_an_order_that_is_wrong(load):
    loaded = load(f"orders: [{{id: c, link: {PAGE}1, quantity: 0}}]\nmoved: [{{from: a, to: c}}]\n")
    assert only(loaded).code == "out-of-range"


def test_the_digest_changes_with_the_file_with_its_csv_and_with_nothing_else(load):
    body = "orders: [{from: rows.csv}]\n"
    rows = f"link,quantity\n{PAGE}1,5\n"
    digest = load(body, rows=rows).campaigns[0].digest
    assert len(digest) == 64
    assert load(body, rows=rows, other="link\n").campaigns[0].digest == digest
    assert load(body, rows=rows + "\n").campaigns[0].digest != digest
    assert load(body + "\n", rows=rows).campaigns[0].digest != digest


def test_a_file_that_is_not_there_or_not_a_file_is_a_diagnostic(project):
    (project / "folder.yaml").mkdir()
    loaded = load_campaigns([Path("none.yaml"), Path("folder.yaml")])
    assert [(d.file, d.line, d.code) for d in loaded.diagnostics] == [
        ("folder.yaml", 1, "unreadable"),
        ("none.yaml", 1, "unreadable"),
    ]


def test_a_file_above_the_cap_is_refused_before_it_is_read(project):
    with (project / "huge.yaml").open("wb") as file:
        file.truncate(600 << 20)
    found = only(load_campaigns([Path("huge.yaml")]))
    assert "larger than 512 MiB: split it" in found.message


def test_without_names_all_campaigns_of_the_folder_are_found_in_order(project):
    (project / "campaigns").mkdir()
    for name in ("b.yaml", "a.yml", ".hidden.yaml", "posts.csv"):
        (project / "campaigns" / name).touch()
    assert find_campaigns([], project) == [Path("campaigns/a.yml"), Path("campaigns/b.yaml")]
    assert find_campaigns([], Path()) == [Path("campaigns/a.yml"), Path("campaigns/b.yaml")]


def test_another_base_than_the_working_directory_shows_in_the_names(project):
    (project / "sub" / "campaigns").mkdir(parents=True)
    (project / "sub" / "campaigns" / "a.yaml").touch()
    assert find_campaigns([], project / "sub") == [project / "sub/campaigns/a.yaml"]


def test_no_campaigns_at_all_says_what_to_do(project):
    with pytest.raises(InvalidInput) as caught:
        find_campaigns([], project)
    assert caught.value.code is ExitCode.INVALID
    assert "runner init" in caught.value.hint


def test_named_files_must_exist_and_are_taken_once_as_named(project):
    (project / "x.yaml").touch()
    assert find_campaigns(["x.yaml", "./x.yaml"], project) == [Path("x.yaml")]
    (project / "folder").mkdir()
    loaded = load_campaigns(find_campaigns(["x.yaml", "y.yaml", "folder"], project))
    assert [(one.file, one.message) for one in loaded.diagnostics] == [
        ("folder", "this is a folder: name the files in it"),
        ("x.yaml", "the file is empty: `runner init` writes a first one"),
        ("y.yaml", "this does not exist: check the name; `runner init` writes a first campaign"),
    ]


def test_each_wrong_prefix_is_told(load):
    head = "version: 1\ncampaign: c\npanel: sandbox\nlinks: [5, 'https://example.com/a b', 'ftp://x', 'https://example.com/?']\n"
    loaded = load(f"orders: [{{link: {PAGE}1, service: 1, quantity: 5}}]\n", head=head)
    assert [(one.line, one.column) for one in loaded.diagnostics] == [(4, 9), (4, 12), (4, 39), (4, 50)]


def test_an_unknown_panel_is_told_at_its_place(load):
    loaded = load(
        f"orders: [{{link: {PAGE}1, service: 1, quantity: 5}}]\n",
        head="version: 1\ncampaign: c\npanel: smkings\nlinks: [https://example.com/]\n",
    )
    assert check_panels(loaded, ["smkings"]) == ()
    (found,) = check_panels(loaded, {"smmkings": None})
    assert (found.file, found.line, found.column, found.code) == ("a.yaml", 3, 8, "unknown-panel")
    assert "did you mean `smmkings`?" in found.message
    assert "panels.yaml" in found.message


def test_an_unknown_panel_of_a_project_that_names_none_is_told_where_to_name_it(load):
    head = "version: 1\ncampaign: c\npanel: my-panel\nlinks: [https://example.com/]\n"
    (found,) = check_panels(load(f"orders: [{{link: {PAGE}1, service: 1, quantity: 5}}]\n", head=head), [])
    assert "known are `sandbox` (panels.yaml would name others; it names none, or does not exist)" in found.message


def test_the_sandbox_needs_no_profile(load):
    assert check_panels(load(f"orders: [{{link: {PAGE}1, quantity: 5}}]\n"), []) == ()


def test_an_unknown_panel_is_told_beside_the_other_errors_of_its_file(load):
    loaded = load(
        f"orders: [{{link: {PAGE}1, service: 1, quantity: many}}]\n",
        head="version: 1\ncampaign: c\npanel: smkings\nlinks: [https://example.com/]\n",
    )
    assert loaded.campaigns == ()
    assert [one.code for one in check_panels(loaded, [])] == ["unknown-panel"]
