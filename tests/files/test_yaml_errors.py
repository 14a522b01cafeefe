"""What libyaml can't read is told in our words, with a remedy."""

import random
import subprocess
import sys

import pytest

from tests.files.conftest import HEAD, PAGE

ROW = f"orders:\n  - {{id: a, link: {PAGE}1, quantity: 5}}\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("orders: @x\n", "can't begin a value"),
        ("orders: a: b\n", "a second `: ` in one value"),
        ("orders: - a\n", "put it into the next line, indented"),
        ("orders:\n  x\n  y: 1\n", "a second `: `"),
        ("orders:\n- a\n b: 1\n", "line the keys up"),
        ("orders:\n - a\nb\n", "a key without `:`"),
        ("orders: {a: b\n", "a `{` is not closed"),
        ("orders: [a\n", "a `[` is not closed"),
        ("orders: [a: }\n", "a value is missing here, or a bracket is not closed"),
        ("orders: 'a\n", "a quote is not closed"),
        ('orders: "\\q"\n', "an unknown `\\` escape"),
        ('orders: "\\u12"\n', "an unfinished `\\x` or `\\u` escape"),
        ('orders: "\\ud83d"\n', "an escape that is no character"),
        ('orders: "\\ud83d\\ude00"\n', "write 😀 itself, or \\U0001F600"),
        ("orders:\n\t- a\n", "use spaces"),
        ("orders: |x\n", "text behind `|` or `>`"),
        ("orders: &\n", "a `&` or `*` without a name"),
        ("orders: !<x\n", "tags"),
        ("orders: !a!b c\n", "tags"),
    ],
)
def test_what_breaks_a_document_names_its_remedy(load, text, words):
    loaded = load(text)
    (one,) = [found for found in loaded.diagnostics if found.code in ("yaml", "tab", "json-escape", "tag")][:1]
    assert words in one.message


LIBRARY = (
    "while ",
    "did not find",
    "expected",
    "found unexpected",
    "could not find",
    "mapping values",
    "libyaml",
    "yaml.",
)


def test_no_words_of_the_library_in_any_message(load):
    """Documents with a few characters changed at random; each is read or refused in our words."""
    chance = random.Random(1)
    broken = 0
    for _ in range(1500):
        text = list(HEAD + ROW)
        for _ in range(chance.randint(1, 4)):
            text[chance.randrange(len(text))] = chance.choice("{}[]:,&*!|>'\"%@`-?#\t \n\\0a")
        loaded = load("".join(text).encode())
        broken += any(one.code == "yaml" for one in loaded.diagnostics)
        for one in loaded.diagnostics:
            words = one.message.partition("; found")[0]
            assert not any(each in words for each in LIBRARY), one
    assert broken > 300


def test_without_libyaml_the_way_out_is_named():
    code = "import yaml; del yaml.CSafeLoader; import sys; from runner.cli.main import run; sys.exit(run(sys.argv[1:]))"
    ran = subprocess.run([sys.executable, "-c", code, "validate"], capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert ran.stderr.splitlines() == [
        "error: PyYAML is installed without libyaml, which reads the campaign files",
        "  next: install its binary wheel: pip install --force-reinstall --only-binary :all: pyyaml",
    ]
