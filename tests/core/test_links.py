import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from yarl import URL

from runner.core.values.links import _by_library, is_own_key, page_key, same_page
from runner.files.campaign.links import BadLink, parse_address

PAGE = "https://example.com/our-brand/p/1"

# Pieces that links are made of and taken apart by, right and wrong ones.
# fmt: off
PIECES = st.sampled_from([
    "https://", "HTTP://", "example.com", "EXAMPLE", "münchen", "xn--mnchen-3ya", ".", "..", "...", "/", "//", ":443", ":80",
    ":8080", ":", "?", "#", "%2e", "%2F", "%31", "%7E", "%c3%a9", "%C3%A9", "%20", "é", "%", "%25", "%2525", "a", "A", "@",
    "user:pass@", "[::1]", "[0:0::1]", "[]", "\\", ";", "+", "&", "=", "%26", "%3F", "%23", "1.2.3.4", "ß", "_", "-", "~", "|",
    "\uff45", "\u2488", "İ", "\u0663", "index.html",
])
# fmt: on
TEXTS = st.one_of(
    st.text(max_size=40),
    st.lists(PIECES, max_size=14).map("".join),
    st.lists(PIECES, max_size=12).map(lambda pieces: "https://" + "".join(pieces)),
    st.lists(PIECES, max_size=12).map(lambda pieces: "https://example.com/" + "".join(pieces)),
)


@pytest.mark.parametrize(
    "spelling",
    [
        PAGE,
        "https://EXAMPLE.com/our-brand/p/1",
        "HTTPS://example.com/our-brand/p/1",
        "hTTps://eXample.Com/our-brand/p/1",
        "https://example.com:443/our-brand/p/1",
        "https://example.com:0443/our-brand/p/1",
        "https://example.com./our-brand/p/1",
        "https://example.com/our-brand/p/%31",
        "https://example.com/our%2Dbrand/%70/1",
        "https://example.com/our%2dbrand/p/1",
        "https://example.com/our-brand/p/1#top",
        "https://example.com/our-brand/p/1#",
        "https://example.com/our-brand/p/1?",
        "https://example.com/our-brand/p/1?#top",
        "https://example.com/our-brand/./p/1",
        "https://example.com/our-brand/x/../p/1",
        "https://example.com/our-brand/x/%2e%2E/p/1",
        "https://example.com/../our-brand/p/1",
        "Https://Example.COM:443/x/../our-brand/p/%31?#",
    ],
)
def test_spellings_of_one_page_have_one_key(spelling):
    assert page_key(spelling) == PAGE
    assert same_page(spelling, PAGE)
    assert same_page(PAGE, spelling)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://example.com", "https://example.com/"),
        ("https://example.com?a=1", "https://example.com/?a=1"),
        ("http://example.com:80", "http://example.com"),
        ("https://münchen.example/", "https://xn--mnchen-3ya.example/"),
        ("https://MÜNCHEN.example/", "https://xn--mnchen-3ya.example/"),
        ("https://XN--MNCHEN-3YA.example/", "https://münchen.example/"),
        ("https://straße.example/", "https://xn--strae-oqa.example/"),
        ("https://пример.example/", "https://xn--e1afmkfd.example/"),
        ("https://example.com/caf%c3%a9", "https://example.com/caf%C3%A9"),
        ("https://example.com/café", "https://example.com/caf%C3%A9"),
        ("https://example.com/%e3%83%9a?q=%c3%a9", "https://example.com/ペ?q=é"),
        ("https://example.com/%7Eme/a%2Db%2Ec%5Fd", "https://example.com/~me/a-b.c_d"),
        ("https://example.com/%40me", "https://example.com/@me"),
        ("https://example.com/?a=%62", "https://example.com/?a=b"),
        ("https://example.com/?a=%2f", "https://example.com/?a=/"),
        ("https://example.com/a%2fb", "https://example.com/a%2Fb"),
        ("https://[2001:DB8:0:0::1]/", "https://[2001:db8::1]/"),
    ],
)
def test_two_spellings_are_one_page(one, other):
    assert page_key(one) == page_key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (PAGE, "http://example.com/our-brand/p/1"),
        (PAGE, "https://www.example.com/our-brand/p/1"),
        (PAGE, "https://example.com/our-brand/p/1/"),
        (PAGE, "https://example.com/our-brand/P/1"),
        (PAGE, "https://example.com/our-brand/p/1?a"),
        (PAGE, "https://example.com:8443/our-brand/p/1"),
        (PAGE, "https://example.com:80/our-brand/p/1"),
        (PAGE, "https://example.com//our-brand/p/1"),
        (PAGE, "https://example.com/our-brand%2Fp/1"),
        ("https://example.com/a%3Fb", "https://example.com/a?b"),
        ("https://example.com/a%23b", "https://example.com/a#b"),
        ("https://example.com/%2541", "https://example.com/%41"),
        ("https://example.com/?a=1%262", "https://example.com/?a=1&2"),
        ("https://example.com/?a%3D1", "https://example.com/?a=1"),
        ("https://example.com/?a=1%2B2", "https://example.com/?a=1+2"),
        ("https://example.com/?a=1+2", "https://example.com/?a=1%202"),
        ("https://example.com/?a=1&b=2", "https://example.com/?b=2&a=1"),
        ("https://example.com/?a=1&", "https://example.com/?a=1"),
        ("https://ex\u0430mple.com/", "https://example.com/"),
        ("https://user@example.com/", "https://example.com/"),
        ("https://example.com\\@evil.example/", "https://example.com/"),
    ],
)
def test_two_links_are_two_pages(one, other):
    assert page_key(one) != page_key(other)
    assert not same_page(one, other)


@pytest.mark.parametrize(
    "text", ["", "teaser", "ftp://Example.com/%31", "//example.com/", "https://", "https://[x/", "https://[]@/"]
)
def test_what_is_no_link_is_its_own_key(text):
    assert page_key(text) == text


@given(TEXTS)
@example("https://example.com/\ud800")
@example("HTTP://A.˥")
@example("0://[]@")
def test_any_text_has_a_key_and_a_key_is_its_own(text):
    key = page_key(text)
    assert page_key(key) == key
    assert same_page(text, key)


@given(TEXTS)
@example("https://user@example.com/a?b=1")
@example("HTTPS://MÜNCHEN.example:443/a.b?c=%C3%A9")
@example("https://EXAMPLE.com\\@evil.example/a")
def test_the_quick_looks_say_the_same_as_the_library(text):
    assert page_key(text) == _by_library(text)
    if is_own_key(text):
        url = URL(text)
        assert str(url) == text
        assert (url.raw_fragment, url.explicit_port, url.user) == ("", None, None)


@given(TEXTS)
def test_what_may_be_ordered_for_is_on_the_site_that_its_key_names(text):
    try:
        address = parse_address(text)
    except BadLink:
        return
    key = parse_address(page_key(text))  # raises nothing: the key of a good link is a good link
    assert (key.scheme, key.port, key.fragment) == (address.scheme, address.port, "")
    assert key.host == address.host or not address.host.isascii() or address.host.startswith("[")
    assert key.path.count("/") == address.path.count("/")
