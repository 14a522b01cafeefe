"""A line with several faults tells all of them, and nothing that was read before a break is passed over."""

import pytest

from tests.files.conftest import PAGE
from tests.files.test_campaigns import places


def codes(loaded):
    return sorted((one.line, one.code) for one in loaded.diagnostics)


@pytest.mark.parametrize(
    ("second", "told"),
    [
        ("quantity: 0", ["duplicate-id", "out-of-range"]),
        ("quantity: 5, foo: 1", ["duplicate-id", "unknown-key"]),
        ("quantity: 5, runs: 2", ["duplicate-id", "runs-interval"]),
        ("qantity: 5", ["duplicate-id", "unknown-key"]),
        ("quantity: 5, service: 010", ["duplicate-id", "wrong-type"]),
        ("", ["duplicate-id", "missing-key"]),
        ("quantity: no, runs: 1.5, interval: x", ["duplicate-id", "wrong-type", "wrong-type", "wrong-type"]),
        ("quantity: 5, runs: 2, foo: 1", ["duplicate-id", "runs-interval", "unknown-key"]),
        ("quantity: 5, quantity: 6", ["duplicate-id", "duplicate-key"]),
    ],
)
def test_no_other_fault_of_a_line_hides_a_duplicate_id(load_rows, second, told):
    loaded = load_rows(
        f"id: a, link: {PAGE}1, quantity: 5", f"id: a, link: {PAGE}2" + (f", {second}" if second else "")
    )
    assert codes(loaded) == [(8, code) for code in told]


def test_two_wrong_lines_with_one_id_are_told(load_rows):
    loaded = load_rows(f"id: a, link: {PAGE}1, quantity: 0", f"id: a, link: {PAGE}2, quantity: 5, foo: 1")
    assert codes(loaded) == [(7, "out-of-range"), (8, "duplicate-id"), (8, "unknown-key")]
    assert "`id` a is used already in line 7" in str(loaded.diagnostics)


def test_a_right_line_behind_a_wrong_one_is_the_duplicate(load_rows):
    loaded = load_rows(f"id: a, link: {PAGE}1, quantity: 0", f"id: a, link: {PAGE}2, quantity: 5")
    assert codes(loaded) == [(7, "out-of-range"), (8, "duplicate-id")]


@pytest.mark.parametrize("wrong", ["foo: 1, quantity: 5", "quantity: 0", "quantity: 5, drip: runner", "qantity: 5"])
def test_no_other_fault_hides_a_link_outside_nor_the_same_page(load_rows, wrong):
    loaded = load_rows(
        f"link: https://example.com/other/1, {wrong}", f"link: {PAGE}1, {wrong}", f"link: {PAGE}1, {wrong}"
    )
    assert (7, "link") in codes(loaded)
    assert (9, "needs-id") in codes(loaded)


def test_a_row_that_names_a_file_and_is_wrong_itself_hides_nothing_of_the_file(load):
    loaded = load(
        "orders:\n  - {from: rows.csv, foo: 1}\n", rows=f"link,quantity\n{PAGE}1,0\nhttps://evil.example/,5\n"
    )
    assert [(file, line, code) for file, line, _, code in places(loaded)] == [
        ("a.yaml", 7, "unknown-key"),
        ("rows.csv", 2, "out-of-range"),
        ("rows.csv", 3, "link"),
    ]


def test_wrong_defaults_hide_no_duplicate(load):
    head = (
        "version: 1\ncampaign: c\npanel: sandbox\nlinks: [https://example.com/our-brand/]\ndefaults: {service: 010}\n"
    )
    rows = f"  - {{id: a, link: {PAGE}1, quantity: 5}}\n  - {{id: a, link: {PAGE}2, quantity: 5}}\n"
    assert codes(load(f"orders:\n{rows}", head=head)) == [(5, "wrong-type"), (8, "duplicate-id")]


def test_a_file_that_breaks_off_is_checked_as_far_as_it_goes(load):
    head = "version: 1\ncampaign: C c\nbudget: {totl: '1'}\n"
    rows = f"  - {{id: a, link: {PAGE}1, quantity: 0, service: 1}}\n  - {{id: a, link: {PAGE}2, quantity: 5, service: 1}}\n  - {{id: [\n"
    loaded = load(f"orders:\n{rows}", head=head)
    assert codes(loaded) == [
        (2, "bad-format"),
        (3, "unknown-key"),
        (5, "out-of-range"),
        (6, "duplicate-id"),
        (8, "yaml"),
    ]


def test_what_a_broken_file_may_say_further_down_is_not_called_missing(load):
    head = "version: 1\ncampaign: c\nmoved: [{from: x, to: y}]\n"
    assert [one.code for one in load("links: [\n", head=head).diagnostics] == ["yaml"]


@pytest.mark.parametrize(
    ("written", "field", "told"),
    [
        (
            "1,000",
            "quantity",
            "`quantity: 1,000` is read as several entries, a comma ends a value here: write `quantity: 1000`",
        ),
        ("1,000,000", "quantity", "write `quantity: 1000000`"),
        ("12,000, runs: 2, interval: 5", "quantity", "write `quantity: 12000`"),
    ],
)
def test_a_number_that_braces_split_is_told_once(load_rows, written, field, told):
    (one,) = load_rows(f"link: {PAGE}1, {field}: {written}").diagnostics
    assert (one.line, one.code) == (7, "split-number")
    assert told in one.message


def test_money_that_braces_split_is_told_once(load):
    (one,) = load(
        f"budget: {{total: $1,000.50, per_run: '5'}}\norders:\n  - {{link: {PAGE}1, quantity: 5}}\n"
    ).diagnostics
    assert (one.line, one.column, one.code) == (6, 17, "split-number")
    assert 'write `total: "1000.50"`' in one.message


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("1,000.50", "1000.50"),
        ("'$1,000.50'", "1000.50"),
        ("'1.000,50 EUR'", "1000.50"),
        ("50", "50"),
        ("12.345", "12.345"),
        ("'1 000'", "1000"),
    ],
)
def test_money_in_other_forms_names_ours(load, written, meant):
    (one,) = load(f"budget:\n  total: {written}\norders:\n  - {{link: {PAGE}1, quantity: 5}}\n").diagnostics
    assert one.message.endswith(f': write "{meant}"')
    assert load(f'budget:\n  total: "{meant}"\norders:\n  - {{link: {PAGE}1, quantity: 5}}\n').diagnostics == ()


@pytest.mark.parametrize("written", ["1.000", "'1.000'", "'1,00,000'", "-5", "free", "'5 to 6'"])
def test_money_that_may_mean_two_amounts_is_not_guessed(load, written):
    loaded = load(f"budget:\n  total: {written}\norders:\n  - {{link: {PAGE}1, quantity: 5}}\n")
    assert all("write " not in one.message.partition("found")[2] or written == "1.000" for one in loaded.diagnostics)
