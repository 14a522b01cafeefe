import re
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from runner.report.documents.markdown import COMMENT_LIMIT, SUMMARY_LIMIT, code, for_step_summary, to_markdown
from tests.report.models import HOSTILE, a_hostile_model, a_large_model, a_model, a_planned_model

READER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
TAGS = {
    "h2",
    "h3",
    "h4",
    "p",
    "strong",
    "em",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "code",
    "details",
    "summary",
}


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
    rows = [line for line in text.splitlines() if "/order-" in line]
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


def places(text: str, *parts: str) -> list[int]:
    """Where each of these begins; every one of them has to be there."""
    return [text.index(part) for part in parts]


def test_a_plan_says_first_what_will_be_bought_then_what_is_doubtful_then_the_rest():
    text = to_markdown(a_planned_model(4, doubts=1, notes=["the balance was read long ago"]))
    found = places(text, "### Will be bought", "### Needs a look", "### Notes", "### Money", "<details>")
    assert found == sorted(found)
    assert text.startswith("<!-- bulk-order-runner: plan -->\n## runner plan")
    bought = text[found[0] : found[1]]
    assert "**4 orders, 9,200 units, for 18.36 USD.**" in bought
    assert "| <code>sandbox</code> | 1,000,000,000.00 USD | 18.36 USD | 0.90 USD | 999,999,980.74 USD |" in bought
    assert "| <code>spring</code> | <code>sandbox</code> | 2 | 4,400 | 3.96 USD |" in bought
    assert "| <code>2 Service 2</code> | <code>sandbox</code> | 2 | 4,800 | 14.40 USD |" in bought
    row = next(line for line in bought.splitlines() if "autumn/post-3" in line)
    assert "<code>2 Service 2</code>" in row
    assert "/post-3</code> | 2,600 (2 x 1,300) | 7.80 USD |" in row
    assert bought.index("autumn/post-3") < bought.index("spring/post-0"), "the dearest first"


def test_a_plan_that_is_refused_does_not_say_that_it_will_be_bought():
    text = to_markdown(a_planned_model(2, max_cost=Decimal("0.01")))
    found = places(
        text, "exit code 11", "### Would be bought, once nothing stands in the way", "### Refused", "max-cost"
    )
    assert found[1] < found[2]
    assert "Will be bought" not in text


def test_a_plan_without_purchases_says_so():
    assert "### Will be bought\n\n**Nothing.**" in to_markdown(a_planned_model(0))


@pytest.mark.parametrize("limit", [COMMENT_LIMIT, 12_000, 6_000])
def test_a_long_plan_is_cut_where_it_matters_least(limit):
    """However much is bought, the sums, the dearest orders, doubts and notes have their room."""
    text = to_markdown(a_planned_model(5_000, doubts=2_000, notes=[f"note {n}" for n in range(1_000)]), limit)
    assert len(text) <= limit
    assert "**5,000 orders, " in text
    for told in (
        "#### By service",
        "autumn/post-4999",
        "more, none dearer",
        "<code>spring/doubt-",
        "<code>note 0</code>",
    ):
        assert told in text
    listed = re.findall(r"<code>(?:spring|autumn)/post-(\d+)</code> \| <code>\d ", text)
    shown = a_planned_model(5_000).purchases.dearest(len(listed))
    assert [f"post-{one}" for one in listed] == [one.address.partition("/")[2] for one in shown]
    cut = int(re.search(r"And ([\d,]+) orders more, none dearer", text)[1].replace(",", ""))
    assert cut + len(listed) == 5_000


@settings(max_examples=25)
@given(st.integers(600, 9_000))
def test_every_limit_is_kept_by_a_plan(limit):
    assert len(to_markdown(a_planned_model(60, doubts=5, notes=["n"], said=HOSTILE[9]), limit)) <= limit


@pytest.mark.parametrize("text", HOSTILE)
def test_what_a_panel_calls_its_services_comes_not_alive_in_a_plan(text):
    page = to_markdown(a_planned_model(3, said=text))
    assert tags(page) <= TAGS
    assert "@octocat" not in page
    assert "http://evil" not in page
