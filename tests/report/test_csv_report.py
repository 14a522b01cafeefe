import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.report.documents.csv_report import COLUMNS, safe_cell, write_csv
from tests.report.models import a_hostile_model, a_model

TRIGGERS = tuple("=+-@\t\r\uff1d\uff0b\uff0d\uff20")
NUMBERS = ("units", "start_count", "delivered", "remains", "expected", "spent", "refunded", "reserved", "in_doubt")


def written(model) -> list[dict[str, str]]:
    stream = io.StringIO(newline="")
    write_csv(stream, model)
    assert stream.getvalue().endswith("\r\n")
    return list(csv.DictReader(io.StringIO(stream.getvalue(), newline=""), strict=True))


def test_there_is_one_row_for_each_order_with_exact_amounts():
    rows = {row["order"]: row for row in written(a_model())}
    assert len(rows) == 6
    assert rows["part"] == {
        "campaign": "spring", "order": "part", "panel": "sandbox", "service": "1",
        "link": "https://example.com/our-brand/teaser", "units": "1000", "state": "partial", "listed": "",
        "action": "", "panel_order_id": "2", "status": "partial", "start_count": "", "delivered": "600",
        "remains": "400", "expected": "0.90", "spent": "0.54", "refunded": "0.36", "reserved": "0.00",
        "in_doubt": "0.00", "currency": "USD", "bought_at": "2026-02-28T12:00:00.000Z",
        "checked_at": "2026-03-01T12:00:00.000Z", "message": "",
    }  # fmt: skip
    assert (rows["lost"]["state"], rows["lost"]["in_doubt"]) == ("in_doubt", "0.90")


def test_no_cell_is_a_formula_and_numbers_stay_numbers():
    rows = written(a_hostile_model())
    for row in rows:
        for name in COLUMNS:
            if name in NUMBERS:
                assert row[name] == "" or float(row[name]) is not None
            else:
                assert not row[name].startswith(TRIGGERS), row[name]
    assert any(row["message"].startswith("'=HYPERLINK(") for row in rows)


@given(st.text(st.sampled_from("=+-@;|\t\r\n'\" a\uff1d\x00\u202e") | st.characters(), max_size=30))
def test_no_text_is_a_formula_whichever_separator_the_reader_takes(text):
    cell = safe_cell(text)
    for separator in ",;\t":
        for part in cell.split(separator):
            bare = part.strip(' "') if part is not cell else part
            assert not bare.startswith(TRIGGERS) or separator == ","
    assert "\n" not in cell
    assert "\x00" not in cell


@pytest.mark.parametrize("text", ["launch-post", "https://example.com/?a=1;b=2", "50% off", "", "ok; done"])
def test_harmless_text_stays_as_it_is(text):
    assert safe_cell(text) == text
