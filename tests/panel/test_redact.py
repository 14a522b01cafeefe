import html
import json
from urllib.parse import quote, quote_plus

import pytest

from runner.core.text import Secret
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
