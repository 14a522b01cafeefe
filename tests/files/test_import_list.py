"""Lists of orders that were bought elsewhere, and the campaign file written for them."""

import pytest

from runner.core.imports import BoughtRow
from runner.files.campaign_writer import campaign_lines, named_rows
from runner.files.campaigns import load_campaigns
from runner.files.import_list import load_bought

PAGE = "https://example.com/our-brand/p/"


def read_id(text: object) -> str | None:
    return str(text) if str(text).isdigit() else None


def loaded(tmp_path, text: str | bytes):
    path = tmp_path / "bought.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_bought(path, read_id)


def test_rows_are_read_whatever_their_columns(tmp_path):
    text = f"\ufefflink, order_id ,runs,interval,quantity,service\r\n\r\n{PAGE}1, 7 ,5,60,100,abc-1\r\n,,,,,\n"
    rows, found = loaded(tmp_path, text)
    assert found == ()
    assert rows == [BoughtRow(3, "7", None, "abc-1", f"{PAGE}1", 100, 5, 60)]
    rows, found = loaded(tmp_path, "id,order_id\nteaser,1\nspring/teaser,2\n")
    assert found == ()
    assert [row.id for row in rows] == ["teaser", "spring/teaser"]


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("", [(1, 1, "missing-column")]),
        ("link,quantity\n", [(1, 1, "missing-column")]),
        ("order_id,quantity\n", [(1, 1, "missing-column")]),
        ("order_id,link,links\n", [(1, 3, "unknown-column")]),
        ("order_id,link,link\n", [(1, 3, "duplicate-column")]),
        (f"order_id,link\n,{PAGE}\nx,{PAGE}\n", [(2, 1, "order-id"), (3, 1, "order-id")]),
        ("order_id,link\n1,ftp://x\n2,\n", [(2, 2, "bad-format"), (3, 1, "missing-key")]),
        ("order_id,id\n1,a b\n2,a/b/c\n3,/b\n", [(2, 2, "bad-format"), (3, 2, "bad-format"), (4, 2, "bad-format")]),
        ("order_id,id,quantity\n1,a,1e3\n2,b,0\n", [(2, 3, "wrong-type"), (3, 3, "out-of-range")]),
        ("order_id,id,runs,interval\n1,a,5,\n2,b,,5\n", [(2, 3, "runs-interval"), (3, 4, "runs-interval")]),
        ("order_id,id\n1,a\n2,b\n1,c\n", [(4, 1, "duplicate-order")]),
        ("order_id,id\n1\n1,a,b\n", [(2, 2, "csv-cells"), (3, 3, "csv-cells")]),
        ('order_id,id\n"1,a\n', [(2, 1, "csv")]),
        (b"order_id,id\n1,\xff\n", [(2, 3, "encoding")]),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path, text, places):
    _, found = loaded(tmp_path, text)
    assert [(one.line, one.column, one.code) for one in found] == places


def test_a_missing_file_is_told(tmp_path):
    (found,) = load_bought(tmp_path / "none.csv", read_id)[1]
    assert "does not exist" in found.message


def test_the_file_that_is_written_is_read_as_what_was_bought(tmp_path):
    rows = named_rows(
        [
            BoughtRow(2, "11", None, "1", f"{PAGE}1", 100, None, None),
            BoughtRow(3, "12", "teaser", "abc-1", f"{PAGE}2?a=b#\u00e9,'\"", 200, 5, 60),
            BoughtRow(4, "13", None, "1", f"{PAGE}1", 300, None, None),
            BoughtRow(5, "a:b", None, "1", f"{PAGE}1", 300, None, None),
        ]
    )
    path = tmp_path / "old.yaml"
    text = "".join(campaign_lines(rows, campaign="old", panel="sandbox", links=[PAGE], source="b\n: x.csv"))
    path.write_text(text, encoding="utf-8")
    read = load_campaigns([path])
    (campaign,) = read.campaigns
    assert (campaign.name, campaign.panel, campaign.links) == ("old", "sandbox", (PAGE,))
    assert [(order.id, order.service, order.link, order.quantity, order.runs) for order in campaign.orders] == [
        ("order-11", "1", f"{PAGE}1", 100, None),
        ("teaser", "abc-1", f"{PAGE}2?a=b#\u00e9,'\"", 200, 5),
        ("order-13", "1", f"{PAGE}1", 300, None),
        ("line-5", "1", f"{PAGE}1", 300, None),
    ]


def test_an_order_for_a_page_of_its_own_needs_no_id():
    (row,) = named_rows([BoughtRow(2, "11", None, "1", f"{PAGE}1", 100, None, None)])
    assert row.id is None


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("order_id;link\n1;https://example.com/p\n", "separated by semicolons"),
        ("order_id,link,\n1,https://example.com/p,\n", "remove the commas at the end of this line"),
        ("order_id,link,quantity\n1,https://example.com/p,1,000\n", "write `quantity` as 1000"),
        ('order_id,link\n"1,https://example.com/p\n', "a quote in this row is not closed"),
    ],
)
def test_other_forms_name_their_remedy(tmp_path, content, words):
    path = tmp_path / "bought.csv"
    path.write_text(content)
    _, (found,) = load_bought(path, str)
    assert words in found.message
