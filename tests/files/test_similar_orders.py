from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.core.diagnostics import Severity
from runner.core.values.links import page_key
from runner.core.values.similar_links import loose_key
from runner.files.campaigns import load_campaigns
from runner.files.similar_orders import SHOWN, similar_orders
from tests.planning.builders import a_campaign, an_order

PAGE = "https://example.com/our-brand/p/"
HEAD = "version: 1\ncampaign: {}\npanel: {}\nlinks: ['https://example.com/', 'http://www.example.com/']\ndefaults: {{service: 1, quantity: 5}}\norders:\n"


def told(loaded):
    return [(one.file, one.line, one.code) for one in loaded.diagnostics]


def campaign(project: Path, name: str, *links: str, panel: str = "sandbox", service: int = 1) -> Path:
    rows = "".join(f"  - {{link: '{link}', service: {service}}}\n" for link in links)
    (project / f"{name}.yaml").write_text(HEAD.format(name, panel) + rows)
    return Path(f"{name}.yaml")


def test_another_spelling_of_a_page_is_a_warning_that_names_both_places_and_the_difference(load_rows):
    loaded = load_rows(f"link: {PAGE}1, quantity: 5", f"link: {PAGE}2, quantity: 5", f"link: {PAGE}1/, quantity: 5")
    (found,) = loaded.diagnostics
    assert (found.file, found.line, found.code, found.severity) == ("a.yaml", 9, "probably-one-page", Severity.WARNING)
    assert f"`link` {PAGE}1/ is probably the same page as {PAGE}1 in a.yaml:7" in found.message
    assert "they differ in the slash at the end" in found.message
    assert [order.link for order in loaded.campaigns[0].orders] == [f"{PAGE}1", f"{PAGE}2", f"{PAGE}1/"]


@pytest.mark.parametrize(
    "other",
    [
        "http://www.example.com/our-brand/p/1",
        f"{PAGE}1?utm_source=mail",
        f"{PAGE}1?igsh=abc",
        f"{PAGE}1?IGSH=abc",
        f"{PAGE}1/?",
        f"{PAGE}1/#x",
        f"{PAGE}1/index.html",
        f"{PAGE}%31/",
        f"{PAGE}1?&",
    ],
)
def test_each_kind_is_found_between_files_that_are_read_together(project, other):
    paths = [campaign(project, "a", f"{PAGE}1", f"{PAGE}2"), campaign(project, "b", f"{PAGE}3", other)]
    found = [one for one in load_campaigns(paths).diagnostics if one.code == "probably-one-page"]
    assert [(one.file, one.line) for one in found] == [("b.yaml", 8)]
    assert "in a.yaml:7" in found[0].message


def test_a_list_in_a_csv_is_compared_too(load):
    loaded = load(
        f"orders:\n  - {{link: {PAGE}1, quantity: 5}}\n  - {{from: rows.csv}}\n", rows=f"link,quantity\n{PAGE}1/,5\n"
    )
    assert told(loaded) == [("rows.csv", 2, "probably-one-page")]
    assert "in a.yaml:7" in loaded.diagnostics[0].message


def test_another_service_or_another_panel_is_another_purchase(project):
    paths = [
        campaign(project, "a", f"{PAGE}1"),
        campaign(project, "b", f"{PAGE}1/", service=2),
        campaign(project, "c", f"{PAGE}1/", panel="other"),
    ]
    assert told(load_campaigns(paths)) == []


def test_a_pair_is_told_once_and_three_spellings_are_two_pairs(load_rows):
    links = [f"{PAGE}1", f"{PAGE}1/", f"{PAGE}1?si=x"]
    rows = [f"id: {name}{n}, link: '{link}', quantity: 5" for n, link in enumerate(links) for name in "ab"]
    assert [line for _, line, _ in told(load_rows(*rows))] == [9, 11]


def test_many_pairs_are_counted(load_rows):
    rows = [f"link: '{PAGE}{n}{end}', quantity: 5" for n in range(SHOWN + 7) for end in ("", "/")]
    found = load_rows(*rows).diagnostics
    assert len(found) == SHOWN + 1
    assert found[-1].message == "and 7 more links are probably another spelling of a page that is ordered already"
    assert {one.severity for one in found} == {Severity.WARNING}


LINKS = st.lists(
    st.tuples(
        st.sampled_from(["https://", "http://", "HTTPS://"]),
        st.sampled_from(["example.com", "www.example.com", "EXAMPLE.com"]),
        st.sampled_from(["/a", "/b", "/%61", ""]),
        st.sampled_from(["", "/", "/index.html", "?utm_id=1", "?b&c", "?c&b", "?v=1", "#x", "/?"]),
    ).map("".join),
    max_size=5,
)


@given(LINKS, LINKS)
def test_every_page_in_two_spellings_is_found_and_nothing_else(first, second):
    campaigns = [
        a_campaign(
            *(an_order(f"{name}-{n}", link=link) for n, link in enumerate(links)),
            name=name,
            links=(
                "https://example.com/",
                "http://example.com/",
                "https://www.example.com/",
                "http://www.example.com/",
            ),
        )
        for name, links in (("one", first), ("two", second))
    ]
    spellings: dict[str, set[str]] = {}
    for link in first + second:
        spellings.setdefault(loose_key(page_key(link)), set()).add(page_key(link))
    assert len(similar_orders(campaigns)) == sum(len(several) - 1 for several in spellings.values())


@given(
    st.lists(
        st.sampled_from(
            [
                "a",
                "b/",
                "a/",
                "a?v=1",
                "a?v=2/",
                "a/?",
                "index.html",
                "Index.html",
                "a?x&y",
                "a?y&x",
                "a?si",
                "%61",
                "a#x",
                "a?b+c",
                "b?utm_id=2",
            ]
        ),
        max_size=4,
    )
)
def test_the_quick_look_at_all_links_hides_no_pair(tails):
    links = [f"https://example.com/our-brand/{tail}" for tail in tails]
    campaign = a_campaign(*(an_order(f"x{n}", link=link) for n, link in enumerate(links)))
    pages = {page_key(link) for link in links}
    expected = len(pages) - len({loose_key(page) for page in pages})
    assert len(similar_orders([campaign])) == expected
