import json
import time
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.panel.parse.json_text import Found, read_json


@pytest.mark.parametrize(
    "ahead",
    [
        "",
        "\ufeff",
        " \r\n\t",
        '\ufeff\n<br />\n<b>Warning</b>:  Undefined array key "runs" in <b>/var/www/api.php</b> on line <b>12</b><br />\n',
        "PHP Notice: Undefined index [foo] in {closure}()\n",
        "<!-- [1] array(2) { [0]=> int(1) } -->",
    ],
)
def test_json_is_found_behind_noise(ahead):
    assert read_json(ahead + '{"order": 5}\r\n') == Found({"order": 5})
    assert read_json(ahead + '[{"service": 1}]') == Found([{"service": 1}])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "<html>busy</html>",
        '{"order": 5',
        '[{"order": 5}',
        '[{"order": 5}, {"or',
        '{"data": {"order": 5}',
        '{"data": {"order": 5}, broken}',
        '{"a": \'x {"order": 5}',
        '[{"order": 5}, {bad}, {"order": 6}',
        '{"order": 5} {"order": 6}',
        '{"order": 5} trailing',
        '<script>var x = {"order": 5};</script>',
        '{"order": 5}}',
        "{'order': 5}",
    ],
)
def test_what_is_not_one_whole_json_value_is_nothing(text):
    assert read_json(text) is None


@pytest.mark.parametrize(
    ("text", "value"), [("null", None), ("[]", []), ("5", 5), ('"x"', "x"), ("true", True), ("\ufefffalse", False)]
)
def test_bare_values_are_values(text, value):
    assert read_json(text) == Found(value)


def test_numbers_stay_exact_and_impossible_ones_say_nothing():
    assert read_json('{"a": 0.27819, "b": 1e-7}') == Found({"a": Decimal("0.27819"), "b": Decimal("1e-7")})
    assert read_json('{"a": NaN, "b": -Infinity}') == Found({"a": None, "b": None})
    assert read_json('{"a": 1e1000000}') == Found({"a": Decimal("1e1000000")})


@pytest.mark.parametrize("number", ["1e99999999999999999999", "0." + "1" * 999, "9" * 5000, "-" + "9" * 1_000_000])
def test_a_number_that_is_none_anybody_counts_with_stays_text(number):
    """Text is no id, no amount and no count, and it is not nothing either: beside it an error proves no refusal."""
    assert read_json(f'{{"a": {number}}}') == Found({"a": number})


@pytest.mark.parametrize("depth", [100, 900, 5_000, 100_000, 3_000_000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_a_deep_answer_is_read_or_not_and_never_fails(depth, opening, closing):
    began = time.monotonic()
    read_json(opening * depth + "1" + closing * depth)
    assert time.monotonic() - began < 5


MIB = 2**20


@pytest.mark.parametrize(
    "text",
    [
        "[" + "{}," * (8 * MIB) + "{}]",
        "[" + "1.5," * (4 * MIB) + "1]",
        "[" * (16 * MIB),
        "[1] " * 200 + "x" * (16 * MIB),
        "[ " * 200 + "x" * (16 * MIB),
        " " * (16 * MIB),
        "<" * (16 * MIB),
    ],
    ids=["empty objects", "numbers", "open brackets", "lists in noise", "open lists in noise", "blanks", "noise"],
)
def test_a_huge_answer_takes_little_time_and_is_no_answer(text):
    began = time.monotonic()
    assert read_json(text) is None
    assert time.monotonic() - began < 5


def test_a_long_list_of_services_is_read():
    rows = [
        {"service": n, "name": f"Followers {n}, fast: 30 days", "rate": "0.90", "min": 1, "max": 9}
        for n in range(30_000)
    ]
    assert len(read_json(json.dumps(rows)).value) == 30_000


def test_a_repeated_key_is_no_answer_where_that_matters():
    assert read_json('{"order": 1, "order": 2}', unique_keys=True) is None
    assert read_json('{"order": 1, "order": 2}') == Found({"order": 2})


@pytest.mark.parametrize(
    "text",
    [
        "[" * 1_000_000,
        '{"a":' * 200_000,
        "[1," * 300_000,
        '["' * 300_000,
        "[a" * 300_000,
        '{"' * 300_000,
        "[" + "1," * 500_000,
    ],
    ids=["lists", "objects", "pairs", "strings", "noise", "keys", "long"],
)
def test_hostile_nesting_neither_raises_nor_hangs(text):
    began = time.process_time()
    assert read_json(text) is None
    assert time.process_time() - began < 2


@settings(max_examples=150)
@given(st.text() | st.text(alphabet='{}[]":,0123456789eE+-. orderNaI\\u\n'))
def test_any_text_is_read_or_not_and_nothing_raises(text):
    assert isinstance(read_json(text), Found | None)
    assert isinstance(read_json(text, unique_keys=True), Found | None)
