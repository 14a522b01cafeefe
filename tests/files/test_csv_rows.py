import os
from pathlib import Path

import pytest

from runner.files.campaign.derived_ids import derived_id
from runner.files.campaigns import load_campaigns
from tests.files.conftest import places

PAGE = "https://example.com/our-brand/p/"
FROM = "orders:\n- {from: rows.csv}\n"


def test_each_row_is_an_order_and_empty_cells_take_the_defaults(load):
    loaded = load(
        "orders:\n- {from: rows.csv, service: 4, quantity: 50}\n",
        rows=f"id,service,link,quantity,runs,interval,protect\na,9,{PAGE}1, 1000 ,5,60,true\n,, {PAGE}2 ,,,,\n",
    )
    assert loaded.diagnostics == ()
    first, second = loaded.campaigns[0].orders
    assert first == ("spring", "a", "9", f"{PAGE}1", 1000, 5, 60, "rows.csv", 2)
    assert second[2:] == ("4", f"{PAGE}2", 50, None, None, "rows.csv", 3)
    assert second.id == derived_id("4", f"{PAGE}2")


def test_defaults_of_the_file_reach_the_rows_too(load):
    (campaign,) = load(FROM, rows=f"link,quantity\n{PAGE}1,5\n").campaigns
    assert campaign.orders[0].service == "1"


def test_orders_keep_the_place_of_their_file_in_the_list(load):
    body = f"orders:\n- {{link: {PAGE}0, quantity: 1}}\n- {{from: rows.csv}}\n- {{link: {PAGE}9, quantity: 1}}\n"
    (campaign,) = load(body, rows=f"link,quantity\n{PAGE}5,1\n{PAGE}4,1\n").campaigns
    assert [order.link[-1] for order in campaign.orders] == ["0", "5", "4", "9"]


def test_a_byte_order_mark_blank_rows_and_windows_line_ends_are_fine(load):
    rows = b"\xef\xbb\xbflink,quantity\r\n\r\n" + f"{PAGE}1,5\r\n,\r\n{PAGE}2,6\r\n".encode()
    loaded = load(FROM, rows=rows)
    assert loaded.diagnostics == ()
    assert [(o.quantity, o.line) for o in loaded.campaigns[0].orders] == [(5, 3), (6, 5)]


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ('"1,000"', "wrong-type"),
        ("1e3", "wrong-type"),
        ("010", "wrong-type"),
        ("1000.0", "wrong-type"),
        ("+5", "wrong-type"),
        ("many", "wrong-type"),
        ("0", "out-of-range"),
        ("-1", "out-of-range"),
        ("99999999999999999999", "wrong-type"),
        ("\u0661\u0660", "wrong-type"),
    ],
)
def test_a_cell_that_is_no_plain_number_is_told_with_line_and_cell(load, cell, code):
    loaded = load(FROM, rows=f"link,quantity\n{PAGE}1,5\n{PAGE}2,{cell}\n")
    assert places(loaded) == [("rows.csv", 3, 2, code)]
    assert "`quantity` must be a whole number" in loaded.diagnostics[0].message


@pytest.mark.parametrize(
    ("header", "row", "column", "code", "words"),
    [
        ("link,quantity,protect", f"{PAGE}1,5,yes", 3, "wrong-type", "`protect` must be true or false"),
        ("link,quantity,service", f"{PAGE}1,5,010", 3, "bad-format", "`service`"),
        ("link,quantity,service", f"{PAGE}1,5,1 2", 3, "bad-format", "`service`"),
        ("id,link,quantity", f"a/b,{PAGE}1,5", 1, "bad-format", "`id`"),
        ("link,quantity,runs", f"{PAGE}1,5,2", 3, "runs-interval", "`runs` needs `interval`"),
        ("link,quantity", f"{PAGE}1,", 1, "missing-key", "`quantity` is missing"),
        ("link,quantity", ",5", 1, "missing-key", "`link` is empty"),
        ("link,quantity", "ftp://example.com/our-brand/,5", 1, "bad-format", "http://"),
        ("link,quantity", "https://evil.example/,5", 1, "link", "outside the campaign's `links:`"),
    ],
)
def test_what_is_wrong_with_a_row_is_told_with_its_cell(load, header, row, column, code, words):
    loaded = load(FROM, rows=f"{header}\n{row}\n")
    assert places(loaded) == [("rows.csv", 2, column, code)]
    assert words in loaded.diagnostics[0].message


@pytest.mark.parametrize(
    ("content", "line", "column", "code", "words"),
    [
        ("", 1, 1, "csv-header", "no header row"),
        ("\nlink\n", 1, 1, "csv-header", "no header row"),
        ("lnk,quantity\n", 1, 1, "unknown-column", "did you mean `link`?"),
        ("Link,quantity\n", 1, 1, "unknown-column", "did you mean `link`?"),
        ("link,from\n", 1, 2, "unknown-column", "unknown column `from`"),
        ("url,quantity\n", 1, 1, "unknown-column", "did you mean `link`?"),
        ("link,Qty\n", 1, 2, "unknown-column", "did you mean `quantity`?"),
        (f"link;quantity\n{PAGE}1;5\n", 1, 1, "csv-header", "separated by semicolons"),
        (f"link\tquantity\n{PAGE}1\t5\n", 1, 1, "csv-header", "separated by tabs"),
        (f"service|link|quantity\n1|{PAGE}1|5\n", 1, 1, "csv-header", "separated by `|`"),
        (f"1|{PAGE}1|1,000\n", 1, 1, "csv-header", "begin it with `link,quantity,service`, and write commas"),
        (f"sep=;\nlink;quantity\n{PAGE}1;5\n", 1, 1, "csv-header", "remove it; separate the cells by commas"),
        (f"sep=,\nlink,quantity\n{PAGE}1,5\n", 1, 1, "csv-header", "`sep=` is a line for spreadsheets"),
        (f"{PAGE}1,5\n", 1, 1, "csv-header", "no header row"),
        (f"link,quantity,,\n{PAGE}1,5,,\n", 1, 3, "unknown-column", "remove the commas at the end of this line"),
        (f"link,,quantity\n{PAGE}1,,5\n", 1, 2, "unknown-column", "column 2 has no name: name it"),
        (f"link,quantity\n{PAGE}1;5\n", 2, 2, "csv-cells", "separated by semicolons, write commas"),
        (
            f"link,quantity\n{PAGE}1,1,000\n",
            2,
            3,
            "csv-cells",
            "`1,000` became several cells, write `quantity` as 1000",
        ),
        (f"link,quantity\n{PAGE}1,1,000,000\n", 2, 3, "csv-cells", "write `quantity` as 1000000"),
        (f"link,quantity\n{PAGE}1,5,,\n", 2, 3, "csv-cells", "remove the commas at its end"),
        ("quantity,service\n", 1, 1, "missing-column", "column `link` is missing"),
        ("link,quantity,link\n", 1, 3, "duplicate-column", "column `link` stands here twice"),
        (f"link,quantity\n{PAGE}1\n", 2, 2, "csv-cells", "has 1 cell, the header has 2: `quantity`"),
        (f"link,quantity\n{PAGE}1,5,6\n", 2, 3, "csv-cells", "has 3 cells, the header has 2: remove a comma"),
        (f'link,quantity\n{PAGE}1,5\n"{PAGE}2"x,5\n', 3, 1, "csv", "text follows a closing quote"),
        (f'link,quantity\n"{PAGE}1,5\n', 2, 1, "csv", "a quote in this row is not closed"),
        (f"link,quantity\n{PAGE}1,{'5' * 200_000}\n", 2, 1, "csv", "a cell is longer than"),
        (b"link,quantity\nhttps://example.com/\xff,5\n", 2, 21, "encoding", "byte 0xff is not UTF-8"),
        (b"link,quantity\nhttps://example.com/\x00,5\n", 2, 21, "encoding", "NUL byte"),
        ("link,quantity\n".encode("utf-16"), 1, 1, "encoding", "UTF-16"),
    ],
)
def test_a_file_that_is_no_table_of_orders_is_one_clear_error(load, content, line, column, code, words):
    loaded = load(FROM, rows=content)
    assert places(loaded) == [("rows.csv", line, column, code)]
    assert words in loaded.diagnostics[0].message


def test_line_numbers_stay_right_behind_a_line_break_in_quotes(load):
    loaded = load(FROM, rows=f'link,quantity\n"\n{PAGE}1","\n5\n"\n{PAGE}2,x\n')
    assert places(loaded) == [("rows.csv", 6, 2, "wrong-type")]


def test_the_same_file_twice_clashes_only_where_ids_do(load):
    rows = f"link,quantity\n{PAGE}1,5\n"
    twice = "orders:\n- {from: rows.csv, service: 1}\n- {from: rows.csv, service: 2}\n"
    assert load(twice, rows=rows).diagnostics == ()
    loaded = load("orders:\n- {from: rows.csv}\n- {from: rows.csv}\n", rows=rows)
    assert places(loaded) == [("rows.csv", 2, 1, "needs-id")]


def test_a_row_that_clashes_with_another_file_names_it(load):
    loaded = load(
        f"orders:\n- {{id: a, link: {PAGE}1, quantity: 1}}\n- {{from: rows.csv}}\n",
        rows=f"id,link,quantity\na,{PAGE}2,5\n",
    )
    assert places(loaded) == [("rows.csv", 2, 1, "duplicate-id")]
    assert "line 7 of a.yaml" in loaded.diagnostics[0].message


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("none.csv", "does not exist"),
        ("/etc/hostname", "absolute path"),
        ("../secret.csv", "out of the campaign's folder"),
        ("sub/../../secret.csv", "out of the campaign's folder"),
        ("link.csv", "out of the campaign's folder"),
        ("linked/secret.csv", "out of the campaign's folder"),
        ("loop.csv", "can't be opened"),
        ("folder", "is a folder"),
        ("pipe.csv", "not a regular file"),
        ('"a\\0b.csv"', "can't be opened"),
    ],
)
def test_a_file_outside_of_the_folder_or_not_a_file_is_told_at_its_name(project, monkeypatch, path, words):
    inside = project / "inside"
    (inside / "sub").mkdir(parents=True)
    (inside / "folder").mkdir()
    (project / "secret.csv").write_text("link,quantity\n")
    (inside / "link.csv").symlink_to(project / "secret.csv")
    (inside / "linked").symlink_to(project)
    (inside / "loop.csv").symlink_to("loop.csv")
    os.mkfifo(inside / "pipe.csv")
    monkeypatch.chdir(inside)
    Path("a.yaml").write_text(
        f"version: 1\ncampaign: c\npanel: sandbox\nlinks: [https://example.com/]\norders:\n- {{from: {path}}}\n"
    )
    loaded = load_campaigns([Path("a.yaml")])
    assert places(loaded) == [("a.yaml", 6, 10, "unreadable")]
    assert words in loaded.diagnostics[0].message


def test_a_file_may_lie_deeper_and_be_a_link_inside_the_folder(load, project):
    (project / "sub").mkdir()
    (project / "sub" / "real.csv").write_text(f"link,quantity\n{PAGE}1,5\n")
    (project / "short.csv").symlink_to("sub/real.csv")
    loaded = load("orders:\n- {from: sub/../short.csv}\n")
    assert loaded.diagnostics == ()
    assert len(loaded.campaigns[0].orders) == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_told(load, project):
    (project / "rows.csv").write_text("link\n")
    (project / "rows.csv").chmod(0)
    loaded = load(FROM)
    assert places(loaded) == [("a.yaml", 7, 10, "unreadable")]


def test_many_rows_are_read_over_chunk_borders(load):
    rows = "".join(f"{PAGE}{n},{n % 7 + 1}\n" for n in range(1500))
    (campaign,) = load(FROM, rows="link,quantity\n" + rows).campaigns
    assert [o.link for o in campaign.orders] == [f"{PAGE}{n}" for n in range(1500)]
    assert [o.line for o in campaign.orders] == list(range(2, 1502))


def test_only_the_first_hundred_errors_of_a_csv_are_shown(load):
    loaded = load(FROM, rows="link,quantity\n" + "".join(f"{PAGE}{n},x\n" for n in range(1000)))
    assert len(loaded.diagnostics) == 101
    assert "and 900 more errors" in loaded.diagnostics[-1].message


def test_a_wrong_column_hides_no_fault_of_the_others(load):
    loaded = load(FROM, rows=f"link,qty,service\nhttps://evil.example/,5,1\n{PAGE}1,5,010\n")
    assert [(line, code) for _, line, _, code in places(loaded)] == [
        (1, "unknown-column"),
        (2, "link"),
        (3, "bad-format"),
    ]
