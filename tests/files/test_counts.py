"""Counts files: links and present figures, every mistake with its place."""

import pytest

from runner.files.campaign.counts import load_counts

PAGE = "https://example.com/our-brand/"


def test_links_and_counts_are_read_in_any_column_order_and_with_others_beside_them(tmp_path):
    file = tmp_path / "counts.csv"
    file.write_text(f"\ufeffdate, count ,link\r\nx,12,{PAGE}1\r\n\r\nx, 0 ,{PAGE}2\r\n", encoding="utf-8")
    assert load_counts(file) == ({f"{PAGE}1": 12, f"{PAGE}2": 0}, ())


def test_the_same_link_may_stand_twice_with_one_count(tmp_path):
    file = tmp_path / "counts.csv"
    file.write_text(f"link,count\n{PAGE}1,5\n{PAGE}1,5\n")
    assert load_counts(file) == ({f"{PAGE}1": 5}, ())


@pytest.mark.parametrize(
    ("text", "places"),
    [
        (b"", [(1, 1, "counts-header")]),
        (b"link,amount\n", [(1, 1, "counts-header")]),
        (b"link,count\na,\nb,1.5\nc,-1\nd,1e3\n", [(line, 2, "counts-count") for line in (2, 3, 4, 5)]),
        (b"link,count\na,9999999999999999999\n", [(2, 2, "counts-count")]),
        (b"link,count\na\n,4\n", [(2, 2, "counts-count"), (3, 1, "counts-link")]),
        (b"link,count\na,1\na,2\n", [(3, 1, "counts-twice")]),
        (b'link,count\n"a,1\n', [(2, 1, "counts-file")]),
        (b"link,count\na,\xff\n", [(1, 1, "counts-file")]),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path, text, places):
    file = tmp_path / "counts.csv"
    file.write_bytes(text)
    _, found = load_counts(file)
    assert [(one.line, one.column, one.code) for one in found] == places
    assert {one.file for one in found} == {str(file)}


def test_a_missing_file_is_told(tmp_path):
    (found,) = load_counts(tmp_path / "none.csv")[1]
    assert "No such file" in found.message


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        ("link;count\nhttps://example.com/p;5\n", 1, "separated by semicolons"),
        ("link\tcount\nhttps://example.com/p\t5\n", 1, "separated by tabs"),
        ("sep=,\nlink,count\n", 1, "`sep=` is a line for spreadsheets"),
        ('link,count\nhttps://example.com/p,"1,200"\n', 2, "write 1200"),
        ('link,count\n"https://example.com/p,5\n', 2, "a quote in this row is not closed"),
    ],
)
def test_other_forms_name_their_remedy(tmp_path, content, line, words):
    path = tmp_path / "counts.csv"
    path.write_text(content)
    _, (found,) = load_counts(path)
    assert (found.line, words in found.message) == (line, True), found
