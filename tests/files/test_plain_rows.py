"""Rows read without libyaml are the rows that libyaml would have read, or the file is read again."""

from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from runner.files.campaign import plain_rows
from runner.files.campaign.plain_rows import PlainRows, Unproven
from runner.files.campaign.rows import TEXTS, Chunk
from runner.files.campaign.yaml_events import Where, YamlReader
from runner.files.campaigns import load_campaigns
from runner.files.syntax.source import Broken, CheckedFile

PAGE = "https://example.com/our-brand/p/"
HEAD = f"version: 1\ncampaign: c\npanel: sandbox\nlinks: [{PAGE}]\ndefaults: {{service: 1}}\n"
TEXT_KEYS = TEXTS | {"campaign", "panel", "links", "to", "removed"}


class NotRead(Exception):
    """A pass that gave no rows: the file is wrong, or it was skimmed and must be read again."""


def rows_of(path: Path, *, skim: bool) -> tuple[str, list[int], int]:
    """All that the file holds with the rows' lines, and how many of them libyaml never saw."""
    rows: list[object] = []
    lines: list[int] = []
    wheres: list[object] = []
    taken = 0
    reported: list[object] = []

    def report(*found: object) -> None:
        reported.append(found)

    def take(chunks: Iterable[Chunk[Where]]) -> None:
        for chunk in chunks:
            rows.extend(chunk.rows)
            lines.extend(chunk.lines)
            wheres.extend(chunk.wheres)

    class Counting(PlainRows):
        def _rows(self, text, first):
            nonlocal taken
            found = super()._rows(text, first)
            taken += len(found[0]) if found else 0
            return found

    with pytest.MonkeyPatch.context() as patch, CheckedFile(path) as source:
        patch.setattr("runner.files.campaign.yaml_events.PlainRows", Counting)
        try:
            reader = YamlReader(source, TEXT_KEYS, report, skim=skim)
            document = reader.document("orders", take)
        except (Broken, Unproven) as problem:
            raise NotRead from problem
        if reported or reader.unplaced:
            raise NotRead
    assert all(where == line for where, line in zip(wheres, lines, strict=True) if isinstance(where, int))
    return repr((document, rows)), lines, taken


def a_file(folder: Path, text: str | bytes) -> Path:
    path = folder / "a.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def flow(number: int, more: str = "") -> str:
    return f"  - {{link: {PAGE}{number}, quantity: 5{more}}}\n"


def block(number: int, more: str = "") -> str:
    return f"  - link: {PAGE}{number}\n    quantity: 5\n{more}"


def quoted(number: int) -> str:
    return f"  - {{link: \"{PAGE}{number}?a=#;b\", quantity: 5, service: '1'}}\n"


def json(number: int) -> str:
    return f'  - {{"link": "{PAGE}{number}", "quantity": 5, "service": "null"}}\n'


def quoted_block(number: int) -> str:
    return f"  - link: '{PAGE}{number}'\n    quantity: 5\n    service: \"12\"\n"


@pytest.mark.parametrize("row", [flow, block, quoted, json, quoted_block])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_plain_rows_are_read_without_libyaml(tmp_path, row, end, monkeypatch):
    monkeypatch.setattr(plain_rows, "_PIECE", 20_000)
    text = HEAD + "orders:\n" + "".join(map(row, range(1000)))
    path = a_file(tmp_path, text.replace("\n", end))
    *skimmed, taken = rows_of(path, skim=True)
    *whole, _ = rows_of(path, skim=False)
    assert skimmed == whole
    assert taken > 980


def test_rows_of_several_forms_are_read_without_libyaml_too(tmp_path):
    text = HEAD + "orders:\n" + "".join(flow(n, ", runs: 2, interval: 60" if n % 3 else "") for n in range(1000))
    path = a_file(tmp_path, text)
    *skimmed, taken = rows_of(path, skim=True)
    *whole, _ = rows_of(path, skim=False)
    assert skimmed == whole
    assert taken > 980


FAR = 40  # rows before and behind, so that the skimming is in full swing


@pytest.mark.parametrize("row", [flow, block, quoted])
@pytest.mark.parametrize(
    "between",
    [
        "  # a comment\n",
        "\n\n",
        "  - {from: posts.csv}\n",
        f'  - {{link: "{PAGE}x", quantity: 7}}\n',
        f'  - {{link: "{PAGE}x y", quantity: 7}}\n',
        f"  - {{link: '{PAGE}it''s', quantity: 7}}\n",
        f'  - {{link: "{PAGE}\\x41", quantity: 7}}\n',
        f"  - {{link: {PAGE}x,\n     quantity: 7}}\n",
        f"  - link: {PAGE}x\n\n    # why\n    quantity: 7\n",
        f"  - link: {PAGE}x\n    quantity:\n      7\n",
        f"  - link: >-\n      {PAGE}x\n    quantity: 7\n",
        f"  - &a {{link: {PAGE}x, quantity: 7}}\n",
        f"  -  {{link: {PAGE}x, quantity: 7}}\n",
        f"  - {{link: {PAGE}x, quantity: 7}}\n  - {{link: {PAGE}y, quantity: 7}} # why\n",
        f"  - {{link: {PAGE}x, quantity: 0x10}}\n",
        f"  - {{link: {PAGE}é, quantity: 5}}\n",
        "  -\n    " + flow(900).strip().removeprefix("- ") + "\n",
    ],
)
def test_what_stands_between_plain_rows_changes_nothing_about_them(tmp_path, row, between):
    body = "".join(map(row, range(FAR)))
    path = a_file(tmp_path, HEAD + "orders:\n" + body + between + body)
    *skimmed, taken = rows_of(path, skim=True)
    *whole, _ = rows_of(path, skim=False)
    assert skimmed == whole
    assert taken >= 2 * FAR - 4


TEN = "".join(map(flow, range(10)))
DEEPER = "".join("    " + flow(n) for n in range(10))


@pytest.mark.parametrize(
    "text",
    [
        HEAD + "note: '\n" + TEN + "'\norders:\n" + TEN,  # in a quoted text
        HEAD + "note: [\n" + TEN + "]\norders:\n" + TEN,
        HEAD + "note: |\n" + TEN + "orders:\n" + TEN,
        HEAD + "orders:\n" + TEN + "  - link: |\n" + DEEPER + TEN,
        HEAD + "orders:\n" + TEN + "  - link:\n" + DEEPER + TEN,
        HEAD + "orders:\n" + TEN + "  - '\n" + TEN + "  '\n" + TEN,
        HEAD + "orders:\n" + TEN + "moved:\n" + TEN,
        HEAD + "orders:\n" + TEN + "orders:\n" + TEN,
        HEAD + "orders:\n  -\n" + DEEPER + TEN,
        HEAD + "orders:\n" + TEN + "--- \n" + TEN,
        HEAD + "orders: [\n" + TEN + "]\n",
        HEAD + "orders:\n" + TEN + "    trailing\n" + TEN,
        HEAD + "orders:\n" + TEN + "   - {link: x}\n" + TEN,
        HEAD + "orders:\n" + TEN + " - {link: x}\n" + TEN,
        HEAD + "# \u2028 counts as a line to libyaml\norders:\n" + TEN,
    ],
)
def test_rows_where_no_orders_are_make_the_file_be_read_again(tmp_path, text):
    path = a_file(tmp_path, text)
    try:
        *whole, _ = rows_of(path, skim=False)
    except NotRead:
        with pytest.raises(NotRead):
            rows_of(path, skim=True)
        return
    try:
        *skimmed, _ = rows_of(path, skim=True)
    except NotRead:
        return
    assert skimmed == whole


@pytest.mark.parametrize("row", [flow, block])
@pytest.mark.parametrize(
    ("wrong", "column", "code"),
    [
        (f"  - {{link: {PAGE}x, quantity: 0}}\n", 0, "out-of-range"),
        (f"  - {{link: {PAGE}x, quantity: 5, quantity: 6}}\n", 0, "duplicate-key"),
        (f"  - {{link: {PAGE}x, quantity: 5, quality: 6}}\n", 0, "unknown-key"),
        (f"  - {{link: {PAGE}7, quantity: 5}}\n", 12, "needs-id"),
        ("  - {link: https://example.com/other, quantity: 5}\n", 12, "link"),
        (f"  - {{link: {PAGE}x, quantity: 5, runs: 2}}\n", 0, "runs-interval"),
        (f"  - {{link: {PAGE}x: y, quantity: 5}}\n", 0, "yaml"),
        (f"  - {{link: {PAGE}x, quantity: 5\n", 0, "yaml"),
    ],
)
def test_what_is_wrong_among_plain_rows_is_told_at_its_place(tmp_path, row, wrong, column, code):
    lines = row(0).count("\n")
    good = [row(n) for n in range(300)]
    path = a_file(tmp_path, HEAD + "orders:\n" + "".join(good[:200]) + wrong + "".join(good[200:]))
    found = load_campaigns([path]).diagnostics
    assert [one.code for one in found] == [code]
    line = HEAD.count("\n") + 2 + 200 * lines
    assert found[0].line in (line, line + 1) if code == "yaml" else found[0].line == line
    if column:
        assert found[0].column == column


def test_every_wrong_plain_row_is_told_at_once(tmp_path):
    rows = [flow(n) if n % 50 else flow(n).replace("quantity: 5", "quantity: 0") for n in range(300)]
    found = load_campaigns([a_file(tmp_path, HEAD + "orders:\n" + "".join(rows))]).diagnostics
    assert [one.line for one in found] == [HEAD.count("\n") + 2 + n for n in range(0, 300, 50)]


def test_a_file_that_was_skimmed_in_vain_is_read_again_and_told_about(tmp_path):
    found = load_campaigns([a_file(tmp_path, HEAD + "orders:\n" + TEN + "moved:\n" + TEN)]).diagnostics
    assert {one.code for one in found} == {"unknown-key", "missing-key"}
    assert {one.line for one in found} == set(range(HEAD.count("\n") + 13, HEAD.count("\n") + 23))


def test_rows_that_all_have_a_key_twice_are_wrong(tmp_path):
    rows = "".join(flow(n, ", quantity: 6") for n in range(50))
    found = load_campaigns([a_file(tmp_path, HEAD + "orders:\n" + rows)]).diagnostics
    assert [one.code for one in found] == ["duplicate-key"] * 50


def test_orders_before_their_header_are_read_all_the_same(tmp_path):
    loaded = load_campaigns([a_file(tmp_path, "orders:\n" + "".join(map(flow, range(100))) + HEAD)])
    assert loaded.diagnostics == ()
    assert [order.line for order in loaded.campaigns[0].orders] == list(range(2, 102))


PIECES = st.sampled_from(
    [
        *(flow(n) for n in range(4)),
        *(block(n) for n in range(4)),
        "".join(map(flow, range(3))),
        "".join(map(block, range(3))),
        *(one(n) for n in range(3) for one in (quoted, json, quoted_block)),
        '  - {a: "x, b: 1"}\n' * 3,
        '  - {a: "x", b: "y\n' * 3,
        "  - {a: 'x', b: \"'\"}\n" * 3,
        '  - {"a": "b#", c: \'d:\'}\n' * 3,
        "  - {a: '!x', c: '&y', \"d\": \"*z\"}\n" * 3,
        flow(1, ", runs: 2, interval: 3"),
        block(1, "    runs: 2\n    interval: 3\n"),
        flow(1, ", quantity: 6"),
        block(1, "    quantity: 6\n"),
        "- {link: a, quantity: 1}\n",
        "- link: a\n",
        "    - {link: a, quantity: 1}\n    - {link: b, quantity: 1}\n    - {link: c, quantity: 1}\n",
        "    - link: a\n    - link: b\n    - link: c\n",
        "  - {link: true, id: null, quantity: no}\n" * 3,
        "  - {a: 1:2, b: x?y, c: 1.5, d: 010}\n" * 3,
        "  - {a: b:, b: c?}\n" * 3,
        "  - {a: b#c, d: e-}\n" * 3,
        "  - a: b-\n    c: d=\n" * 3,
        "  -\n",
        "  - - {link: a, quantity: 1}\n",
        "  - |\n",
        "  - >\n",
        "  - '\n",
        "'\n",
        '  - "\n',
        '"\n',
        "  - [\n",
        "]\n",
        "  - {x: [\n",
        "  ]}\n",
        "    more\n",
        "      more\n",
        "    protect: true\n",
        "  # why\n",
        "\n",
        " \n",
        "\u2028",
        "\r",
        "orders:\n",
        "moved:\n",
        "note: |\n",
        "note: '\n",
        "note: &a\n",
        "  - *a\n",
        "---\n",
        "...\n",
        "  - " + "x" * 100 + "\n",
    ]
)


@settings(max_examples=400, deadline=None)
@given(st.lists(PIECES, max_size=14), st.sampled_from([40, 100, 1 << 17]), st.booleans())
@example([block(1), block(2), block(3), "      more\n"], 1 << 17, False)
@example([block(1), block(2), block(3), "    protect: true\n"], 1 << 17, False)
@example(
    [flow(0), flow(0), "\u2028", *map(flow, range(3)), "  - {link: true, id: null, quantity: no}\n" * 3], 100, False
)
def test_skimming_reads_what_libyaml_reads_or_nothing(pieces, at_once, windows):
    text = "version: 1\norders:\n" + "".join(pieces)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plain_rows, "_PIECE", at_once)
        with TemporaryDirectory() as folder:
            path = a_file(Path(folder), text.replace("\n", "\r\n") if windows else text)
            try:
                *skimmed, _ = rows_of(path, skim=True)
            except NotRead:
                return
            *whole, _ = rows_of(path, skim=False)
            assert skimmed == whole
