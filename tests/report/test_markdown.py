import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from runner.report.documents.markdown import COMMENT_LIMIT, SUMMARY_LIMIT, code, for_step_summary, to_markdown
from tests.report.models import HOSTILE, a_hostile_model, a_large_model, a_model

READER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
TAGS = {"h2", "h3", "p", "em", "table", "thead", "tbody", "tr", "th", "td", "code", "details", "summary"}


def tags(text: str) -> set[str]:
    return set(re.findall(r"<([a-z0-9]+)", READER.render(text)))


def test_totals_come_first_then_what_needs_a_look_then_the_orders():
    text = to_markdown(a_model())
    places = [
        text.index(part) for part in ("exit code 15", "### Money", "### By campaign", "### Needs a look", "<details>")
    ]
    assert places == sorted(places)
    assert "| 1.44 USD | 1.26 USD | 0.90 USD | 0.90 USD | 97.66 USD |" in text
    assert "| <code>spring/part</code> | partial | <code>2</code> | 1,000 | 600 | 0.54 USD | - |" in text


def test_nothing_that_somebody_else_wrote_comes_alive():
    text = to_markdown(a_hostile_model())
    assert tags(text) <= TAGS
    assert "@octocat" not in text
    assert "http://evil" not in text
    rows = [line for line in text.splitlines() if "order-" in line]
    assert rows
    for row in rows:
        assert len(re.findall(r"(?<!\\)\|", row)) == 8


@given(st.sampled_from(HOSTILE) | st.text(max_size=60))
def test_any_text_is_one_inline_code_and_reads_as_it_was(text):
    cell = code(text)
    html = READER.render(f"| a |\n| --- |\n| {cell} |\n")
    assert set(re.findall(r"<([a-z]+)", html)) <= {"table", "thead", "tbody", "tr", "th", "td", "code"}
    assert not re.search(r"[|@#`*\[\]]|://|www\.", re.sub(r"&#\d+;|</?code>", "", cell), re.IGNORECASE)


@pytest.mark.parametrize("limit", [COMMENT_LIMIT, 20_000, 3_000])
def test_a_comment_is_never_longer_than_its_limit_and_tells_what_is_missing(limit):
    text = to_markdown(a_large_model(3_000, campaigns=40), limit)
    assert len(text) <= limit
    assert "orders listed here, to keep this short" in text
    assert tags(text) <= TAGS
    assert text.count("<details>") == text.count("</details>")


def test_a_step_summary_is_measured_in_bytes():
    text = for_step_summary(a_large_model(12_000))
    assert SUMMARY_LIMIT * 0.9 < len(text.encode()) <= SUMMARY_LIMIT


@settings(max_examples=25)
@given(st.integers(600, 9_000))
def test_every_limit_is_kept(limit):
    assert len(to_markdown(a_hostile_model(), limit)) <= limit
