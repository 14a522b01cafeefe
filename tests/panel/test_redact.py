import html
import json
import re
from urllib.parse import quote, quote_plus, unquote, unquote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.core.values.text import Secret
from runner.panel.redact import Redactor, said

KEY = 's3cr/t+k&y"é0123456789'


@pytest.mark.parametrize(
    "dress",
    [
        str,
        quote,
        quote_plus,
        lambda key: quote(key, safe=""),
        html.escape,
        lambda key: json.dumps(key)[1:-1],
        str.upper,
        lambda key: quote_plus(key).lower(),
        lambda key: key.replace("/", "\\/"),
    ],
)
def test_the_key_goes_in_every_dress(dress):
    text = Redactor(Secret(KEY))(f"your form was key={dress(KEY)}&action=add")
    assert text == "your form was key=***&action=add"


def test_a_key_cut_off_by_the_end_of_the_text_goes_too():
    assert said(f"you sent {KEY[:12]}", Redactor(Secret(KEY))) == "you sent ***"
    many = said(KEY * 1000, Redactor(Secret(KEY)))
    assert KEY[:4] not in many
    assert set(many) <= {"*", "…"}


def test_other_text_stays():
    assert Redactor(Secret("abc"))("x ab y") == "x ab y"
    assert Redactor(Secret(""))("anything") == "anything"


def test_a_redactor_shows_nothing_of_the_key():
    assert repr(Redactor(Secret(KEY))) == "Redactor(***)"


def test_hostile_text_becomes_one_short_line():
    line = said("a\x1b[31m\r\nb\u202e" + "c" * 10_000, Redactor(Secret(KEY)))
    assert line.isprintable()
    assert len(line) <= 300


BOTH_QUOTES = "ab'cd\"ef12345678gh"


@pytest.mark.parametrize(
    "echo",
    [
        repr({"error": f"invalid key {BOTH_QUOTES}"}),
        repr({"error": f"invalid key {BOTH_QUOTES} it's"}),
        repr(f"invalid key {BOTH_QUOTES}".encode()),
        json.dumps({"error": repr(BOTH_QUOTES)}),
        json.dumps(json.dumps(f"invalid key {BOTH_QUOTES}")),
        "invalid key ab&#x27;cd&quot;ef12345678gh, &#39;",
        "invalid key ab&#039;cd&#34;ef12345678gh",
        "invalid key ab&amp;#39;cd&amp;quot;ef12345678gh",
        "invalid key ab&apos;cd&QUOT;ef12345678gh",
        "invalid key ab%27cd%22ef12345678gh",
        "invalid key ab%2527cd%2522ef12345678gh",
        "invalid key %61%62%27%63%64%22%65%66%31%32%33%34%35%36%37%38%67%68",
        "invalid key \\u0061b\\u0027cd\\u0022ef12345678gh",
        "invalid key ab\\x27cd\\042ef12345678gh",
    ],
)
def test_a_key_with_both_quote_marks_goes_whatever_escapes_them(echo):
    redacted = Redactor(Secret(BOTH_QUOTES))(echo)
    assert "***" in redacted
    assert not re.search("ab|cd|ef|gh|12|78", redacted.replace("invalid", ""))


def test_a_plain_piece_goes_though_nobody_knows_the_escape_beside_it():
    redacted = Redactor(Secret(BOTH_QUOTES))("invalid key ab{apos}cd{quot}ef12345678gh!")
    assert redacted == "invalid key ab{apos}cd{quot}***!"


def test_padding_and_short_likenesses_of_a_key_stay_readable():
    redact = Redactor(Secret("00000000000000000000live7f3a9c51d2"))
    assert redact("order 100000000 took 7f3a9c s") == "order 100000000 took 7f3a9c s"


def json_escaped(text, *, upper):
    units = (f"{unit:04X}" if upper else f"{unit:04x}" for unit in memoryview(text.encode("utf-16-le")).cast("H"))
    return "".join(f"\\u{unit}" for unit in units)


DRESSES = [
    str,
    repr,
    lambda key: repr({"error": key})[10:-1],
    lambda key: repr(f"{key}'\"")[1:],  # both quote marks: the one that Python chose to escape
    lambda key: repr(key.encode())[2:-1],
    lambda key: json.dumps(key)[1:-1],
    lambda key: json.dumps(key, ensure_ascii=False)[1:-1],
    lambda key: json.dumps(key).replace("/", "\\/")[1:-1],
    lambda key: json.dumps(json.dumps(key))[1:-1],
    lambda key: json_escaped(key, upper=True),
    lambda key: json_escaped(key, upper=False),
    html.escape,
    lambda key: html.escape(html.escape(key)),
    lambda key: "".join(f"&#{ord(each)};" for each in key),
    lambda key: "".join(f"&#x{ord(each):X};" for each in key),
    quote,
    quote_plus,
    lambda key: quote(key, safe=""),
    lambda key: quote_plus(key).lower(),
    lambda key: quote(quote(key, safe=""), safe=""),
    lambda key: "".join(f"%{byte:02x}" for byte in key.encode()),
]
BEFORE, AFTER = "Traceback, form was {'key=", ", please tell the admin"


def undressed(text):
    yield text
    yield html.unescape(html.unescape(text))
    yield unquote(unquote(text))
    yield unquote_plus(text)
    yield re.sub(r"\\+(?:u([0-9a-fA-F]{4})|(.))", lambda found: chr(int(found[1], 16)) if found[1] else found[2], text)


def distinctive(key):
    """Pieces of 8 characters, 5 of them different, that the text around the key does not hold by itself."""
    around = f"{BEFORE}***{AFTER}".lower()
    pieces = {key[place : place + 8].lower() for place in range(len(key) - 7)}
    return {piece for piece in pieces if len(set(piece)) >= 5 and piece not in around}


PRINTABLE = st.characters(min_codepoint=32, max_codepoint=126) | st.sampled_from("'\"\\&%/<+ é€😀")


@settings(max_examples=300)
@given(key=st.text(PRINTABLE, min_size=8, max_size=32), dress=st.sampled_from(DRESSES), cut=st.integers(0, 60))
def test_nothing_distinctive_of_any_key_survives_in_any_dress(key, dress, cut):
    redact = Redactor(Secret(key))
    echo = f"{BEFORE}{dress(key)}{AFTER}"
    for text in (echo, echo[: len(BEFORE) + cut]):
        redacted = redact(text)
        for shown in undressed(redacted):
            assert not [piece for piece in distinctive(key) if piece in shown.lower()]
        assert redact(redacted) == redacted


@given(text=st.text(max_size=300))
def test_redacting_changes_no_text_without_the_key(text):
    assert Redactor(Secret("sk_live_51Hq8-x'y\"z"))(text) == text
