from urllib.parse import unquote, urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.core.diagnostics import Severity
from runner.core.values.links import page_key
from runner.files.campaign.links import (
    LONGEST,
    BadLink,
    LinkRules,
    may_be_decoded,
    parse_address,
    prefix_problem,
)

RULES = LinkRules(["https://example.com/our-brand/", "http://Example.org:80", "https://example.net:8443/a/b"])


@pytest.mark.parametrize(
    "link",
    [
        "https://example.com/our-brand/",
        "https://example.com/our-brand",
        "https://example.com/our-brand?tab=posts",
        "https://example.com/our-brand/p/1",
        "https://example.com/our-brand/watch?v=a_b-C&t=1#x",
        "https://example.com/our-brand/p.html",
        "https://example.com/our-brand/.well-known",
        "https://example.com/our-brand/a..b",
        "https://example.com/our-brand/?next=../x",
        "https://example.com/our-brand/%C3%A4",
        "https://example.com/our-brand/caf\u00e9",
        "https://example.com/our-brand/@handle",
        "HTTPS://EXAMPLE.com/our-brand/p",
        "https://example.com:443/our-brand/p",
        "http://example.org",
        "http://example.org/",
        "http://example.org:80/x",
        "http://example.org?x=1",
        "https://example.net:8443/a/b/c",
        "https://example.net:8443/%61/b/c",
        "https://example.com/%6Fur%2dbrand/p",
        "https://example.com/our-brand/p#x",
        "https://example.com/our-brand?",
    ],
)
def test_links_inside_a_prefix_are_fine(link):
    assert not RULES.problems(link)


@pytest.mark.parametrize(
    "link",
    [
        "https://example.com/our-brand-evil",
        "https://example.com/our-brand-evil/p",
        "https://example.com/Our-Brand/p",
        "https://example.com/",
        "https://example.com",
        "https://example.com.evil/our-brand/p",
        "https://evil.example/https://example.com/our-brand/",
        "https://www.example.com/our-brand/p",
        "http://example.com/our-brand/p",
        "https://example.com:444/our-brand/p",
        "https://example.com//our-brand/p",
        "https://example.net/a/b/c",
        "https://example.net:8443/a/bc",
        "https://example.org/",
        "https://example.com./our-brand/p",
        "https://ex\u0430mple.com/our-brand/p",
        "https://example.com/our-brand%3Fx/p",
        "https://example.com/our-brand%23x/p",
        "https://example.com/our%2520brand/p",
        "https://example.com/%4Fur-brand/p",
        "https://xn--example-.com/our-brand/p",
    ],
)
def test_links_outside_of_every_prefix_are_refused(link):
    problem = "; ".join(RULES.problems(link))
    assert problem
    assert not RULES.surely_fine(link)


@pytest.mark.parametrize(
    "link",
    [
        "https://example.com/our-brand/%EF%B8%8F",
        "https://example.com/our-brand/a%E2%80%8Cb",
        "https://example.com/our-brand/a%20b",
        "https://example.com/our-brand/\U0001f600",
    ],
)
def test_what_the_advice_says_is_taken(link):
    assert RULES.problems(link) == []


@pytest.mark.parametrize(
    ("link", "told"),
    [
        ("https://example.com/elsewhere/a\u200bb", ["U+200B", "outside"]),
        ("https://example.com/our-brand\\a b%", ["a space", "backslash", "%25"]),
        ("https://me@example.com/elsewhere/%", ["user name", "%25", "outside"]),
        ("https://example.com/elsewhere/../p c", ["a space", "`..`"]),
    ],
)
def test_all_faults_of_a_link_are_told(link, told):
    problems = RULES.problems(link)
    assert len(problems) == len(told)
    assert all(words in problem for words, problem in zip(told, problems, strict=True)), problems


@pytest.mark.parametrize(
    ("link", "words"),
    [
        ("https://example.com/our-brand/../evil", "between slashes"),
        ("https://example.com/our-brand/..", "between slashes"),
        ("https://example.com/our-brand/./x", "between slashes"),
        ("https://example.com/our-brand/%2e%2e/evil", "between slashes"),
        ("https://example.com/our-brand/%2E./evil", "between slashes"),
        ("https://example.com/our-brand/%252e%252e/evil", "between slashes"),
        ("https://example.com/our-brand/..;/evil", "between slashes"),
        ("https://example.com/our-brand/..%2fevil", "slash behind `%`"),
        ("https://example.com/our-brand/a%2Fb", "slash behind `%`"),
        ("https://example.com/our-brand/a%5c..", "slash behind `%`"),
        ("https://example.com/our-brand/a%252fb", "slash behind `%`"),
        ("https://example.com/our-brand/a%00b", "control character"),
        ("https://example.com/our-brand/a%25252525252541", "over and over"),
        ("https://example.com/our-brand/100%", "write %25"),
        ("https://example.com/our-brand\\..\\evil", "backslash"),
        ("https://example.com\\@evil.example/our-brand/", "backslash"),
        ("https://user@example.com/our-brand/", "user name"),
        ("https://user:pass@example.com/our-brand/", "user name"),
        ("https://example.com@evil.example/our-brand/", "user name"),
        ("ftp://example.com/our-brand/", "https://"),
        ("javascript:alert(1)", "https://"),
        ("//example.com/our-brand/", "https://"),
        ("https:/example.com/our-brand/", "https://"),
        ("https:///our-brand/", "host name"),
        ("https://example..com/our-brand/", "host name"),
        ("https://-example.com/", "host name"),
        ("https://exa%6dple.com/our-brand/", "host name"),
        ("https://example\u2488com/our-brand/", "can't be looked up"),
        ("https://m_ünchen.example/our-brand/", "can't be looked up"),
        ("https://example.com:/our-brand/", "port"),
        ("https://example.com:0/our-brand/", "port"),
        ("https://example.com:65536/our-brand/", "port"),
        ("https://example.com:4 43/our-brand/", "a space: write %20"),
        ("https://example.com/our-brand/a b", "a space: write %20"),
        ("https://example.com/our-brand/a\n", "U+000A"),
        ("https://example.com/our-brand/a\tb", "U+0009"),
        ("https://example.com/our-brand/a\x7fb", "U+007F"),
        ("https://example.com/our-brand/a\u00a0b", "U+00A0"),
        ("https://example.com/our-brand/a\u00adb", "U+00AD"),
        ("https://example.com/our-brand/a\u200bb", "U+200B"),
        ("https://example.com/our-brand/a\u202eb", "U+202E"),
        ("https://example.com/our-brand/a\u2066b", "U+2066"),
        ("https://example.com/our-brand/a\ufeffb", "U+FEFF"),
        (
            "https://example.com/our-brand/a\ufe0fb",
            "U+FE0F, which may belong to the letter before it: percent-encode it, %EF%B8%8F",
        ),
        ("https://example.com/our-brand/a\u200cb", "percent-encode it, %E2%80%8C"),
        ("https://example.com/our-brand/a\u200db", "percent-encode it, %E2%80%8D"),
        ("https://example.com/our-brand/a\U000e0100b", "percent-encode it, %F3%A0%84%80"),
        ("https://example.com/our-brand/a\u3164b", "U+3164: remove it"),
        ("https://example.com/our-brand/a\U000e0041b", "U+E0041"),
        ("https://example.com/our-brand/a\ud800b", "U+D800"),
        ("https://example.com/our-brand/" + "a" * LONGEST, "longer than 2048"),
    ],
)
def test_links_that_could_mean_another_page_are_refused_with_the_reason(link, words):
    problem = "; ".join(RULES.problems(link))
    assert problem
    assert words in problem
    assert link[:LONGEST] not in problem
    if len(link) <= LONGEST:
        assert not RULES.surely_fine(link)
    assert prefix_problem(link) is not None


@pytest.mark.parametrize("prefix", ["https://example.com/?a", "https://example.com/#a", "https://example.com/?"])
def test_a_prefix_ends_with_its_path(prefix):
    assert "remove everything from `?`" in prefix_problem(prefix)


def test_a_password_in_a_link_is_not_repeated():
    with pytest.raises(BadLink) as caught:
        parse_address("https://user:hunter2@example.com/")
    assert "hunter2" not in str(caught.value)


@given(st.text("ab1./?#%;@:\\-_~ =&+<\u200b\u00e9EX2eEfF", max_size=30), st.sampled_from(["", "/", "-", "."]))
def test_the_quick_look_never_lets_through_what_the_close_look_refuses(tail, glue):
    link = "https://example.com/our-brand" + glue + tail
    if RULES.surely_fine(link):
        assert not RULES.problems(link)
        assert not may_be_decoded(link)


@given(st.text(max_size=40))
def test_any_text_is_an_address_or_a_bad_link(text):
    for candidate in (text, "https://" + text, "https://example.com/" + text):
        try:
            address = parse_address(candidate)
        except BadLink:
            continue
        assert address.scheme in ("http", "https")
        assert "@" not in address.host
        assert ".." not in address.path.split("/")


@pytest.mark.parametrize(
    ("rows", "csv", "are_keys"),
    [
        (["/1", "/2"], "", True),
        (["/1", "/2", "/3", "/4", "/5"], "", True),
        (["/1/", "/2/"], "", True),
        (["/1", "/2/"], "", True),
        (["/1?v=1", "/2"], "", True),
        ([], "/1 /2", True),
        (["/1", "/2"], "/3 /4", True),
        (["/1"], "/3/ /4/", True),
        (["/1", "/2#x"], "/3 /4", False),
        (["/1"], "/3 /%34", False),
        (["/1?"], "/3", False),
    ],
)
def test_a_campaign_knows_if_its_links_are_their_own_keys_whatever_they_are_read_from(load, rows, csv, are_keys):
    page = "https://example.com/our-brand"
    body = "orders:\n" + "".join(f"  - {{link: '{page}{row}', quantity: 5}}\n" for row in rows)
    body += "  - {from: rows.csv}\n" if csv else ""
    lines = "".join(f"{page}{row},5\n" for row in csv.split())
    (campaign,) = load(body, rows=f"link,quantity\n{lines}").campaigns
    assert are_keys or not campaign.links_are_keys
    assert len(campaign.orders) == len(rows) + len(csv.split())
    if not (rows and csv):
        assert campaign.links_are_keys is are_keys  # of a mixture it may stay unknown


def test_links_that_panels_may_change_are_one_warning_with_a_count(load):
    page = "https://example.com/our-brand/"
    loaded = load(
        f"orders:\n- {{link: {page}plain, quantity: 1}}\n- {{link: {page}a%20b, quantity: 1}}\n"
        f"- {{link: {page}a+b, quantity: 1}}\n- {{link: '{page}a<b', quantity: 1}}\n- {{from: rows.csv}}\n",
        rows=f"link,quantity\n{page}x+y,1\n",
    )
    assert [(d.file, d.line, d.code, d.severity) for d in loaded.diagnostics] == [
        ("a.yaml", 8, "link-decoded", Severity.WARNING),
        ("rows.csv", 2, "link-decoded", Severity.WARNING),
    ]
    assert "3 links hold `%`, `+` or `<`" in loaded.diagnostics[0].message
    assert "a link holds" in loaded.diagnostics[1].message
    assert len(loaded.campaigns[0].orders) == 5


@pytest.mark.parametrize(
    ("links", "code", "column"),
    [
        ("[]", "empty-list", 8),
        ("https://example.com/", "wrong-type", 8),
        ("[ftp://example.com/]", "bad-format", 9),
        ("[true]", "wrong-type", 9),
        ("['https://example.com/%2e%2e/']", "link", 9),
        ("['https://example.com/?a']", "link", 9),
        ("[https://example.com/, 'https://u:p@example.com/']", "link", 31),
    ],
)
def test_wrong_prefixes_are_told_and_orders_are_not_blamed_for_them(load, links, code, column):
    loaded = load(
        f"links: {links}\norders: [{{link: https://else.example/1, quantity: 5}}]\n",
        head="version: 1\ncampaign: c\npanel: sandbox\ndefaults: {service: 1}\n",
    )
    found = [(d.line, d.column, d.code) for d in loaded.diagnostics]
    assert found == [(5, column, code)]


def test_a_link_outside_is_told_with_the_prefixes_and_what_to_do(load):
    loaded = load("orders: [{link: https://evil.example/1, quantity: 5}]\n")
    (found,) = loaded.diagnostics
    assert (found.line, found.column, found.code) == (6, 17, "link")
    assert "outside the campaign's `links:` (https://example.com/our-brand/)" in found.message
    assert "add its prefix there if the page is yours" in found.message


OTHER_SPELLINGS = LinkRules(["HTTPS://München.example:443/", "https://example.com/caf%c3%a9/%7Eme"])


@pytest.mark.parametrize(
    "link",
    [
        "https://münchen.example/p",
        "https://xn--mnchen-3ya.example/p",
        "https://XN--MNCHEN-3YA.example:443/p",
        "https://example.com/café/~me",
        "https://example.com/caf%C3%A9/~me/p",
        "https://example.com/caf%c3%a9/%7eme?x=1",
    ],
)
def test_a_prefix_means_its_pages_however_both_are_written(link):
    assert not OTHER_SPELLINGS.problems(link)


@pytest.mark.parametrize(
    "link",
    [
        "https://münchen.example.evil.example/p",
        "https://munchen.example/p",
        "http://münchen.example/p",
        "https://example.com/cafe/~me",
        "https://example.com/caf%C3%A9/~mean",
    ],
)
def test_no_spelling_brings_another_page_inside(link):
    assert "is outside the campaign's `links:`" in OTHER_SPELLINGS.problems(link)[0]


@given(
    st.sampled_from(
        [
            "https://example.com/our-brand",
            "https://example.com",
            "https://user@example.com/our-brand",
            "https://evil.example/our-brand",
        ]
    ),
    st.lists(
        st.sampled_from(
            [
                "/",
                "..",
                "%2e%2E",
                ".",
                "%2F",
                "%5c",
                "\\",
                "@evil.example",
                ":443",
                "?",
                "#",
                "our-brand",
                "evil",
                ";",
                "%252e",
            ]
        ),
        max_size=7,
    ).map("".join),
)
def test_whatever_is_let_through_stays_inside_after_every_reading(start, tail):
    link = start + tail
    if RULES.problems(link):
        return
    for reading in (link, page_key(link), unquote(link), unquote(unquote(link))):
        address = urlsplit(urljoin("https://base.example/", reading))
        assert (address.hostname, address.port or 443, address.username) == ("example.com", 443, None)
        assert address.path.split("/")[1] == "our-brand"
        assert ".." not in address.path.split("/")


def test_a_list_is_known_to_be_plain_only_if_every_link_is():
    page = "https://example.com/our-brand/p"
    assert RULES.all_surely_fine([page, f"{page}/2"])
    assert RULES.all_surely_fine([f"{page}/", f"{page}/2/"])
    assert RULES.all_surely_fine([page, f"{page}/"])
    assert RULES.all_surely_fine([f"{page}?v=1"])
    assert RULES.all_surely_fine([f"{page}/index.html"])
    assert not RULES.all_surely_fine([page, f"{page}?"])
    assert not RULES.all_surely_fine([page, f"{page}#x"])
    assert not RULES.all_surely_fine([page, "https://EXAMPLE.com/our-brand/p"])
    assert not RULES.all_surely_fine([f"{page}\n{page}"])
    capitals = LinkRules(["https://EXAMPLE.com/our-brand/"])
    assert not capitals.all_surely_fine(["https://EXAMPLE.com/our-brand/p"])


@given(
    st.lists(
        st.text("ab1./?#%:~\n-=&", max_size=8).map("https://example.com/our-brand/".__add__), min_size=1, max_size=3
    )
)
def test_what_is_known_of_a_list_is_true_of_each_link(links):
    if RULES.all_surely_fine(links):
        assert all(page_key(link) == link and not RULES.problems(link) for link in links)
