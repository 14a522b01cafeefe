import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.core.values.links import page_key
from runner.core.values.similar_links import difference, loose_key
from tests.core.test_links import TEXTS

PAGE = "https://example.com/our-brand/p/1"


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ("https://example.com/our-brand/p/1/", "the slash at the end"),
        ("http://example.com/our-brand/p/1", "http and https"),
        ("https://www.example.com/our-brand/p/1", "`www.`"),
        ("https://m.example.com/our-brand/p/1", "`m.`"),
        ("https://mobile.example.com/our-brand/p/1", "`mobile.`"),
        ("https://www.m.example.com/our-brand/p/1", "`www.m.`"),
        ("https://example.com/our-brand/p/1/index.html", "the index page and the slash at the end"),
        ("https://example.com/our-brand/p/1/Index.PHP", "the index page and the slash at the end"),
        ("https://example.com/our-brand/p/1?utm_source=mail&utm_medium=x", "`utm_medium` and `utm_source`"),
        ("https://example.com/our-brand/p/1?igsh=abc", "`igsh`"),
        ("https://example.com/our-brand/p/1?igshid=abc", "`igshid`"),
        ("https://example.com/our-brand/p/1?fbclid=abc", "`fbclid`"),
        ("https://example.com/our-brand/p/1?gclid=abc", "`gclid`"),
        ("https://example.com/our-brand/p/1?si=abc", "`si`"),
        ("https://example.com/our-brand/p/1?mibextid", "`mibextid`"),
        ("https://example.com/our-brand/p/1?&", "how its parameters are written"),
        (
            "http://www.example.com/our-brand/p/1/?UTM_Source=x",
            "http and https, `www.`, the slash at the end and `UTM_Source`",
        ),
    ],
)
def test_spellings_of_probably_one_page_are_alike_and_their_difference_is_told(other, words):
    other = page_key(other)
    assert loose_key(other) == loose_key(PAGE)
    assert difference(PAGE, other) == difference(other, PAGE) == words


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://example.com/?a=1&b=2", "https://example.com/?b=2&a=1"),
        ("https://example.com/?a=1+2", "https://example.com/?a=1%202"),
        ("https://example.com/?a=1&utm_id=7", "https://example.com?a=1"),
        ("https://example.com/index.html", "https://example.com"),
        ("http://example.com:80/", "https://example.com:443/"),
    ],
)
def test_two_spellings_are_probably_one_page(one, other):
    assert loose_key(page_key(one)) == loose_key(page_key(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (PAGE, "https://example.com/our-brand/p/2"),
        (PAGE, "https://example.com/our-brand/P/1"),
        (PAGE, "https://shop.example.com/our-brand/p/1"),
        (PAGE, "https://example.com/our-brand/p/1?v=1"),
        ("https://example.com/watch?v=1", "https://example.com/watch?v=2"),
        ("https://www.com/", "https://com/"),
        ("https://m.com/", "https://mobile.com/"),
        ("https://mexample.com/", "https://example.com/"),
        ("https://example.com/?side=1", "https://example.com/"),
        ("https://example.com/?gclid2=1", "https://example.com/"),
        ("https://example.com/myindex.html", "https://example.com/my"),
    ],
)
def test_two_links_are_not_taken_for_one_page(one, other):
    assert loose_key(page_key(one)) != loose_key(page_key(other))


@given(TEXTS, st.sampled_from(["/", "?utm_source=x", "?igsh", "/index.html"]))
def test_any_link_has_a_loose_key_and_what_is_appended_is_told(link, tail):
    key = page_key(link)
    assert loose_key(key) == loose_key(page_key(key))
    if key.startswith("https://") and "?" not in key:
        other = page_key(key + tail)
        assert difference(key, other)
