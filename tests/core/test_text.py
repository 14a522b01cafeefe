import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.core.values.text import Secret, clean


@pytest.mark.parametrize(
    ("hostile", "harmless"),
    [
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("two\nlines\r\n", "two lines"),
        ("abc\u202edcb", "abc\\x202edcb"),
        ("zero\u200bwidth", "zero\\x200bwidth"),
        ("  many   spaces ", "many spaces"),
        ("Grüße 漢字", "Grüße 漢字"),
    ],
)
def test_text_from_a_panel_becomes_one_harmless_line(hostile, harmless):
    assert clean(hostile) == harmless


@given(st.text(), st.integers(min_value=1, max_value=50))
def test_clean_text_is_printable_and_short_enough(text, limit):
    cleaned = clean(text, limit)
    assert len(cleaned) <= limit
    assert "\n" not in cleaned
    assert "\x1b" not in cleaned


def test_a_secret_shows_itself_only_when_asked():
    secret = Secret("abc123")
    assert "abc123" not in f"{secret} {secret!r} {[secret]}"
    assert secret.reveal() == "abc123"
    assert secret.redact("key=abc123&x") == "key=***&x"


def test_a_secret_is_never_pickled():
    with pytest.raises(TypeError, match="never pickled"):
        pickle.dumps(Secret("abc123"))
