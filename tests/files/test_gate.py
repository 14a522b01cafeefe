from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from runner.files.syntax.scalars import OddNumber
from runner.files.validation.gate import gate
from runner.files.validation.schemas import schema

WRITTEN_BY_USERS = ("campaign", "panels")
PAGE = "https://example.com/our-brand/p/1"
TRICKY = [
    None,
    True,
    False,
    0,
    1,
    -1,
    5,
    1.0,
    0.5,
    1e300,
    float("nan"),
    float("inf"),
    10**9,
    10**9 + 1,
    10**18,
    2**63,
    2**64,
    10**400,
    "",
    "a",
    "5",
    "0",
    "a\n",
    "\na",
    "a\r",
    "a\u2028",
    "a\x00",
    "\ud800",
    "a\udfff",
    "\u0661",
    "\u00e9",
    "K",
    "\u212a",
    "a" * 64,
    "a" * 65,
    "a" * 100,
    "a" * 101,
    "250.00",
    "250.00\n",
    "250.",
    ".5",
    "-1",
    "1e3",
    "24h",
    "24h\n",
    "0h",
    "5%",
    "5%\n",
    "60/min",
    "60/min\n",
    "USD",
    "USD\n",
    PAGE,
    PAGE + "\n",
    "http://",
    "HTTPS://x",
    "x" * 2049,
    "https://" + "x" * 2040,
    "https://" + "x" * 2041,
    [],
    [1],
    ["a"],
    ["a", "a"],
    ["a", "a\n"],
    ["a" * 32, "b"],
    ["a" * 33],
    ["a"] * 20,
    ["a"] * 21,
    {},
    {"a": 1},
    {1: 2},
    OddNumber("1e3"),
    b"x",
    (1, 2),
]


def definitions():
    return [(name, definition) for name in WRITTEN_BY_USERS for definition in [None, *schema(name)["definitions"]]]


def decide(one, value):
    """What the runner makes of a value: the quick gate's yes, else the slow one's word."""
    return one.accepts(value) or not one.errors(value)


@pytest.mark.parametrize(("name", "definition"), definitions())
def test_the_quick_gate_accepts_nothing_that_jsonschema_refuses_and_refuses_little_that_it_accepts(name, definition):
    one = gate(name, definition)
    for value in TRICKY:
        if one.accepts(value):
            assert not one.errors(value), value
        elif not isinstance(value, str) or not any("\ud800" <= c <= "\udfff" for c in value):
            # Only what it can't even look at is left to the other one.
            assert one.errors(value) or _unknown_to_json(value), value


def _unknown_to_json(value):
    return isinstance(value, OddNumber | bytes | tuple) or value == float("inf") or value != value  # noqa: PLR0124


FIELDS = ["id", "link", "service", "quantity", "runs", "interval", "from", "protect", "drip", "tags"]


@pytest.mark.parametrize("field", FIELDS)
def test_both_agree_on_every_tricky_value_in_every_field_of_an_order(field):
    one = gate("campaign", "order")
    for value in TRICKY:
        row = {"link": PAGE, "quantity": 5, field: value}
        if field == "from":
            del row["link"]
        if one.accepts(row):
            assert not one.errors(row), row


@settings(max_examples=150)
@given(
    st.dictionaries(
        st.sampled_from([*FIELDS, "x"]), st.one_of(st.sampled_from(TRICKY), st.text(max_size=8), st.integers())
    )
)
def test_both_agree_on_orders_of_any_form(row):
    one = gate("campaign", "order")
    if one.accepts(row):
        assert not one.errors(row)
    assert one.accepts_all([row]) == one.accepts(row)


def test_a_lone_surrogate_is_left_to_jsonschema_and_refused():
    one = gate("campaign", "id")
    assert not one.accepts("a\ud800")
    assert one.errors("a\ud800")


def test_no_string_pattern_accepts_a_trailing_line_break():
    for name, definition in definitions():
        for value, ending in product(
            ["a", "12", "250.00", "24h", "5%", "60/min", "USD", "A_B"], ["\n", "\r", "\u2028"]
        ):
            if definition is not None and decide(gate(name, definition), value):
                assert not decide(gate(name, definition), value + ending), (name, definition, value)


@pytest.mark.parametrize("name", WRITTEN_BY_USERS)
def test_the_schemas_are_valid_and_explain_each_key(name):
    whole = schema(name)
    Draft7Validator.check_schema(whole)
    assert whole["$schema"] == "http://json-schema.org/draft-07/schema#"

    def visit(part, path):
        if not isinstance(part, dict):
            return
        for key, value in part.get("properties", {}).items():
            assert value.get("title"), (path, key)
            assert value.get("description"), (path, key)
            leaf = whole["definitions"][value["$ref"].rpartition("/")[2]] if "$ref" in value else value
            assert leaf.get("errorMessage"), (path, key)
            visit(value, (*path, key))
        if part.get("type") == "object" and "properties" in part:
            assert part["additionalProperties"] is False or "panels" in part["properties"], path
        for key in ("items", "additionalProperties"):
            visit(part.get(key), (*path, key))

    visit(whole, ())
    for key, value in whole["definitions"].items():
        visit(value, (key,))
