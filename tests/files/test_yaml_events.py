import pytest

from runner.files.campaigns import load_campaigns

PAGE = "https://example.com/our-brand/p/"
HEAD = b"version: 1\ncampaign: c\npanel: sandbox\nlinks: [https://example.com/]\n"
GOOD = HEAD + f"orders: [{{link: {PAGE}1, service: 1, quantity: 5}}]\n".encode()


@pytest.mark.parametrize(
    ("content", "line", "column", "code", "words"),
    [
        (b"", 1, 1, "empty-file", "the file is empty"),
        (b"# nothing\n", 1, 1, "empty-file", "the file is empty"),
        (b"---\n", 2, 1, "empty-file", "the file is empty"),
        (b"- a\n", 1, 1, "wrong-type", "holds a list"),
        (b"text\n", 1, 1, "wrong-type", "holds a single value"),
        (b"version: 1\n\x00", 2, 1, "encoding", "NUL byte"),
        (b"version: 1\ncampaign: a\xffb\n", 2, 12, "encoding", "byte 0xff is not UTF-8"),
        ("version: 1\ncampaign: äö".encode() + b"\xc3", 2, 13, "encoding", "byte 0xc3 is not UTF-8"),
        ("version: 1".encode("utf-16"), 1, 1, "encoding", "the file is UTF-16: save it as UTF-8"),
        ("version: 1".encode("utf-16-le"), 1, 2, "encoding", "UTF-16"),
        ("version: 1".encode("utf-32"), 1, 1, "encoding", "the file is UTF-32"),
        (b"version: 1\ncampaign: \x01\n", 2, 11, "encoding", "control character 0x01: remove it"),
        (b"version: 1\n\tcampaign: a\n", 2, 1, "tab", "use spaces"),
        (b"version: 1\norders:\n\t- a\n", 3, 1, "tab", "use spaces"),
        (b"version: 1\ncampaign: a: b\n", 2, 12, "yaml", "put the value in quotes"),
        (b"version: 1\ncampaign: @a\n", 2, 11, "yaml", "put the value in quotes"),
        (b"version: 1\ncampaign: 'a\n", 3, 1, "yaml", "a quote is not closed"),
        (b"version: 1\nbudget: {total: 1\n", 3, 1, "yaml", "`{` is not closed"),
        (b"version: 1\nlinks: [a\n", 3, 1, "yaml", "`[` is not closed"),
        (b"version: 1\n---\nversion: 1\n", 2, 1, "documents", "a second document"),
        (b"version: 1\n? [a]\n: b\n", 2, 3, "yaml", "a key must be a single plain word"),
        (b"version: 1\na: *none\n", 2, 4, "alias", "no anchor"),
        (b"version: 1\na: &a [*a]\n", 2, 8, "alias", "inside itself"),
        (b"version: 1\na: &a {b: {c: *a}}\n", 2, 15, "alias", "inside itself"),
        (b"version: 1\norders: &a []\n", 2, 9, "alias", "anchor on the list of orders"),
        (b"version: 1\na: " + b"[" * 100 + b"]" * 100, 2, 35, "too-deep", "more than 32 levels"),
        (b"{a: " * 100, 1, 129, "too-deep", "more than 32 levels"),
        (b"version: 1\norders:\n- a: " + b"[" * 5000, 3, 35, "too-deep", "more than 32 levels"),
        (b"%YAML 2.0\n---\na: 1\n", 1, 1, "yaml", "YAML version"),
    ],
)
def test_a_file_that_is_no_campaign_is_one_clear_error(load, content, line, column, code, words):
    loaded = load(content)
    assert len(loaded.diagnostics) == 1, loaded.diagnostics
    found = loaded.diagnostics[0]
    assert (found.line, found.column, found.code) == (line, column, code)
    assert words in found.message
    assert loaded.campaigns == ()


def test_a_byte_order_mark_at_the_start_is_accepted(load):
    assert load(b"\xef\xbb\xbf" + GOOD).diagnostics == ()


def test_windows_line_ends_keep_line_numbers(load):
    loaded = load(GOOD.replace(b"\n", b"\r\n").replace(b"quantity: 5", b"quantity: x"))
    assert [d.line for d in loaded.diagnostics] == [5]


def test_duplicate_keys_merge_keys_and_tags_are_told_together(load):
    loaded = load(
        GOOD.replace(b"panel: sandbox", b"panel: sandbox\npanel: other")
        + b"defaults: {service: !!int 1, <<: {quantity: 5}}\nbudget: !money {}\n"
    )
    assert [(d.line, d.column, d.code) for d in loaded.diagnostics] == [
        (4, 1, "duplicate-key"),
        (7, 21, "tag"),
        (7, 30, "merge-key"),
        (8, 9, "tag"),
    ]
    assert "first in line 3" in loaded.diagnostics[0].message
    assert "use `defaults:`" in loaded.diagnostics[2].message


@pytest.mark.parametrize(
    ("row", "column", "code"),
    [
        ("quantity: 5, quantity: 6", 73, "duplicate-key"),
        ("quantity: !!int 5", 70, "tag"),
        ("!x quantity: 5", 60, "tag"),
        ("quantity: ! 5", 70, "tag"),
        ("quantity: 5, <<: {runs: 5}", 73, "merge-key"),
    ],
)
def test_the_same_in_a_row_of_orders(load, row, column, code):
    loaded = load(HEAD + f"orders:\n- {{service:    1, link: {PAGE}1, {row}}}\n".encode())
    assert [(d.line, d.code) for d in loaded.diagnostics] == [(6, code)]
    assert loaded.diagnostics[0].column == column


def test_a_tag_on_a_whole_row_is_an_error(load):
    loaded = load(HEAD + f"orders:\n- !order {{service: 1, link: {PAGE}1, quantity: 5}}\n".encode())
    assert [(d.line, d.column, d.code) for d in loaded.diagnostics] == [(6, 3, "tag")]


def test_aliases_of_values_are_resolved_in_header_and_rows(load):
    loaded = load(
        HEAD
        + b"defaults: {service: &s 7}\n"
        + f"orders:\n- {{link: &l {PAGE}1, quantity: &q 5}}\n- {{link: *l, service: 8, quantity: *q}}\n".encode()
        + f"- &row {{id: x, link: {PAGE}2, service: *s, quantity: 9}}\n".encode()
    )
    assert loaded.diagnostics == ()
    assert [order[2:5] for order in loaded.campaigns[0].orders] == [
        ("7", f"{PAGE}1", 5),
        ("8", f"{PAGE}1", 5),
        ("7", f"{PAGE}2", 9),
    ]


def test_a_row_may_be_an_alias_of_another_and_then_clashes_with_it(load):
    loaded = load(HEAD + f"orders:\n- &row {{id: x, link: {PAGE}2, service: 1, quantity: 9}}\n- *row\n".encode())
    assert [d.code for d in loaded.diagnostics] == ["duplicate-id"]


def test_an_alias_bomb_is_one_error(load):
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    loaded = load("\n".join(levels).encode())
    bomb = [d for d in loaded.diagnostics if d.code != "unknown-key"]  # a0 and so on are no keys of ours
    assert [(d.line, d.code) for d in bomb] == [(4, "alias")]
    assert "more than 10000 values" in bomb[0].message


def test_aliases_do_not_nest_deeper_than_brackets_may(load):
    levels = [f"a{n}: &a{n} {'[' * 20}{f'*a{n - 1}' if n else 'x'}{']' * 20}" for n in range(20)]
    loaded = load("\n".join(levels).encode())
    assert [(d.line, d.code) for d in loaded.diagnostics if d.code != "unknown-key"] == [(2, "too-deep")]


def test_many_aliases_of_one_scalar_are_no_bomb(load):
    rows = "".join(f"- {{link: {PAGE}{n}, service: *s, quantity: 5}}\n" for n in range(12_000))
    loaded = load(HEAD + b"defaults: {service: &s 7}\norders:\n" + rows.encode())
    assert loaded.diagnostics == ()
    assert len(loaded.campaigns[0].orders) == 12_000


def test_errors_before_a_broken_line_are_told_with_it(load):
    loaded = load(HEAD + f"orders:\n- {{link: {PAGE}1, service: 1, quantity: x}}\n- {{link: 'a\n".encode())
    assert [(d.line, d.code) for d in loaded.diagnostics] == [(6, "wrong-type"), (8, "yaml")]


def test_block_style_and_quoted_text_mean_the_same_as_flow_style(load):
    flow = load(HEAD + f"orders: [{{link: {PAGE}1, service: 1, quantity: 5, id: 'a'}}]\n".encode())
    block = load(HEAD + f"orders:\n  - id: \"a\"\n    link: '{PAGE}1'\n    service: 1\n    quantity: 5\n".encode())
    assert flow.campaigns[0].orders[0][:7] == block.campaigns[0].orders[0][:7]
    assert block.campaigns[0].orders[0].line == 6


def test_reading_leaves_the_garbage_collector_as_it_was(load):
    import gc

    gc.enable()  # a command that a former test ran in this process may have left it off
    assert gc.isenabled()
    load(GOOD)
    assert gc.isenabled()
    gc.disable()
    try:
        load_campaigns([])
        assert not gc.isenabled()
    finally:
        gc.enable()
