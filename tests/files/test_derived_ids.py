import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.core.values.links import page_key
from runner.files.campaign.derived_ids import LONGEST, derived_id, derived_ids
from runner.files.validation.gate import gate
from tests.core.test_links import TEXTS

BRAND = "https://example.com/our-brand/"
HASH = "[0-9a-f]{12}"


@pytest.mark.parametrize(
    ("service", "link", "expected"),
    [
        ("3", f"{BRAND}posts/press-kit", "press-kit-fc03b0e0ed4d"),
        ("4", f"{BRAND}posts/press-kit", "press-kit-593480254be5"),
        ("3", "https://example.com/", "ed380410649d"),
        ("3", "https://münchen.example/caf%c3%a9?q=ü", "cafe-ae84cab4b1f3"),
    ],
)
def test_ids_never_change_from_one_version_to_the_next(service, link, expected):
    assert derived_id(service, link) == expected


@pytest.mark.parametrize(
    ("link", "slug"),
    [
        (f"{BRAND}posts/press-kit", "press-kit"),
        (f"{BRAND}posts/Press_Kit.2026", "press-kit-2026"),
        (f"{BRAND}posts/press-kit/", "press-kit"),
        (f"{BRAND}posts/press-kit//", "press-kit"),
        (f"{BRAND}posts/press-kit.html", "press-kit"),
        (f"{BRAND}posts/press-kit/index.html", "press-kit"),
        (f"{BRAND}posts/press-kit?a=/b/c", "press-kit"),
        (f"{BRAND}p/1", "1"),
        (f"{BRAND}@handle", "handle"),
        (f"{BRAND}caf%C3%A9-%C3%BCber-uns", "cafe-uber-uns"),
        (f"{BRAND}café", "cafe"),
        (f"{BRAND}a%20b%2Bc", "a-b-c"),
        (f"{BRAND}the-opening-hours-of-our-shops-in-summer", "the-opening-hours-of-our-sh"),
        (f"{BRAND}twenty-six-letters-and-dash-es", "twenty-six-letters-and-dash"),
        (f"{BRAND}twenty-six-letters-and-das-hes", "twenty-six-letters-and-das"),
        ("https://example.com/watch?v=dQw4w9WgXcQ", "watch"),
    ],
)
def test_an_id_begins_with_what_its_page_is_called(link, slug):
    assert re.fullmatch(f"{slug}-{HASH}", derived_id("1", link))


@pytest.mark.parametrize(
    "link",
    [
        "https://example.com",
        "https://example.com/",
        "https://example.com/?a=b",
        "https://example.com/привет",
        "https://example.com/--",
    ],
)
def test_a_page_without_a_name_leaves_the_hash_alone(link):
    assert re.fullmatch(HASH, derived_id("1", link))


def test_one_page_has_one_id_however_it_is_written():
    spellings = [
        f"{BRAND}p/1",
        "HTTPS://EXAMPLE.com:443/our-brand/p/%31?#top",
        "https://example.com/our-brand/x/../p/1",
    ]
    assert len({derived_id("1", link) for link in spellings}) == 1


def test_capitals_of_a_path_are_another_page():
    assert derived_id("1", f"{BRAND}p/AbC") != derived_id("1", f"{BRAND}p/abc")


@given(st.sampled_from(["1", "x-9", "service"]), TEXTS.filter(lambda text: text.isascii() or text.isprintable()))
def test_an_id_is_short_and_may_be_written_as_one(service, link):
    found = derived_id(service, link)
    assert len(found) <= LONGEST
    assert gate("campaign", "id").accepts(found)
    assert found == derived_id(service, page_key(link))


LINKS = st.tuples(
    st.sampled_from([BRAND, "https://example.com/", "https://localhost/", "https://example.com"]),
    st.one_of(st.text("ab1-/", max_size=6), st.text("aB1-_~/?.%C3A9é", max_size=45)),
).map("".join)


@given(st.lists(st.tuples(st.sampled_from("123"), LINKS), max_size=8))
def test_many_ids_at_once_are_those_of_each(pairs):
    services = [service for service, _ in pairs]
    keys = [page_key(link) for _, link in pairs]
    assert derived_ids(services, keys) == [derived_id(*one) for one in zip(services, keys, strict=True)]


# Two links of one name whose hashes are the same: found by trying ten million.
TWINS = ("https://example.com/our-brand/watch?v=a5beded5dce7", "https://example.com/our-brand/watch?v=039a4fa4a0c3")


@pytest.mark.parametrize(("first", "second"), [TWINS, TWINS[::-1]])
def test_two_pages_with_one_derived_id_are_an_error_that_names_both_and_an_id_mends_it(load_rows, first, second):
    assert {derived_id("1", one) for one in TWINS} == {"watch-82b49bd5ee60"}
    (found,) = load_rows(f"link: {first}, quantity: 5", f"link: {second}, quantity: 5").diagnostics
    assert (found.line, found.column, found.code) == (8, 12, "same-derived-id")
    assert (
        "the id watch-82b49bd5ee60, derived from service and link, is that of the order in line 7 too" in found.message
    )
    assert "add an `id:` to one of them" in found.message
    (campaign,) = load_rows(f"link: {first}, quantity: 5", f"link: {second}, quantity: 5, id: other").campaigns
    assert [order.id for order in campaign.orders] == ["watch-82b49bd5ee60", "other"]


@pytest.mark.parametrize("rows", ["", "other,{},5\n"])
def test_the_same_is_an_error_between_a_list_and_a_file(load, rows):
    first, second = TWINS
    loaded = load(
        f"orders:\n  - {{link: '{first}', quantity: 5}}\n  - {{from: rows.csv}}\n",
        rows=f"id,link,quantity\n{rows.format(BRAND)},{second},5\n",
    )
    (found,) = loaded.diagnostics
    assert (found.file, found.line, found.code) == ("rows.csv", 3 if rows else 2, "same-derived-id")
    assert "in line 7 of a.yaml" in found.message
